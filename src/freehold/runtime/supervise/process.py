"""A running process of ours: its end, its words, and the pipe that shows it we are here.

Its end is its own: a grandchild that holds the pipes open does not hide it, as it would from
`asyncio.subprocess.Process.wait`.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

from freehold.runtime.supervise.output import Output

_LONGEST_LINE: Final = 2**20
_STDOUT: Final = 1
_LAST_WORDS_S: Final = 1.0
"""How long a dead process's pipes are still read: a grandchild may hold them open."""
_KILLED_S: Final = 10.0
"""How long the kernel may take to end a killed process before we stop waiting for it."""


class Process(asyncio.SubprocessProtocol):
    """One process, from its start to its end."""

    def __init__(self, output: Output, *, capture_line: bool) -> None:
        loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[int] = loop.create_future()
        """Its exit code, negative for a signal."""
        self.first_line: asyncio.Future[str] = loop.create_future()
        """First line of standard output, when it is captured; empty when it never said one."""
        self._silent: asyncio.Future[None] = loop.create_future()
        self._capture = capture_line
        self._line = b""
        self._open_pipes = 0
        self._output = output
        self._transport: asyncio.SubprocessTransport | None = None

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        output: Output,
        environment: Mapping[str, str],
        cwd: Path | None,
        keep_stdin: bool,
        capture_line: bool,
    ) -> "Process":
        """Run `argv` in a session of its own. Raises `OSError`."""
        pipe, nothing = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        made = cls(output, capture_line=capture_line)
        made._open_pipes = 2 if capture_line else 1
        await asyncio.get_running_loop().subprocess_exec(
            lambda: made,
            *argv,
            stdin=pipe if keep_stdin else nothing,
            stdout=pipe,
            stderr=pipe if capture_line else asyncio.subprocess.STDOUT,
            cwd=cwd,
            env=environment,
            start_new_session=True,  # so that Ctrl-C reaches the house alone
        )
        return made

    @property
    def pid(self) -> int:
        """Its process id."""
        assert self._transport is not None
        return self._transport.get_pid()

    async def end(self, grace_s: float) -> None:
        """Ask it to end if there is grace, then make it and all of its group end; never raises."""
        assert self._transport is not None
        try:
            pipe = self._transport.get_pipe_transport(0)
            if pipe is not None:
                pipe.close()
            if not self.ended.done() and grace_s > 0:
                _signal_group(self.pid, signal.SIGTERM)
                await asyncio.wait((self.ended,), timeout=grace_s)
            _signal_group(self.pid, signal.SIGKILL)
            await asyncio.wait((self.ended,), timeout=_KILLED_S)
            await asyncio.wait((self._silent,), timeout=_LAST_WORDS_S)
        finally:
            self._transport.close()  # also when whoever waits for the end is cancelled
        await self._output.settle()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The process runs."""
        self._transport = cast(
            "asyncio.SubprocessTransport", transport
        )  # uvloop's is not one by name

    def pipe_data_received(self, fd: int, data: bytes | str) -> None:
        """It said something."""
        assert isinstance(data, bytes)
        if fd == _STDOUT and self._capture:
            line, found, rest = (self._line + data).partition(b"\n")
            self._line = line[:_LONGEST_LINE]
            if not found and len(line) < _LONGEST_LINE:
                return
            self._hand_over_line()
            data = rest
        self._output.take(data)

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:  # noqa: ARG002
        """It closed one of its outputs, or its input."""
        if fd == _STDOUT and self._capture:
            self._hand_over_line()
        if fd >= _STDOUT:
            self._open_pipes -= 1
            if self._open_pipes == 0 and not self._silent.done():
                self._silent.set_result(None)

    def process_exited(self) -> None:
        """It ended."""
        assert self._transport is not None
        if not self.ended.done():
            self.ended.set_result(self._transport.get_returncode() or 0)

    def _hand_over_line(self) -> None:
        self._capture = False
        if not self.first_line.done():
            self.first_line.set_result(self._line.decode("utf-8", "replace").rstrip("\r"))


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
