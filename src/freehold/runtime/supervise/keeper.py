"""Runs one child: launches it, waits for its end, and launches it again."""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from freehold.core.clock import Clock
from freehold.core.errors import ChildFailed, FreeholdError
from freehold.core.log import Log, redact
from freehold.core.units import Seconds
from freehold.runtime.supervise import leash
from freehold.runtime.supervise.backoff import Crashes, after_crash
from freehold.runtime.supervise.child import Child, ChildSpec
from freehold.runtime.supervise.output import Output

_LEASH: Final = str(Path(leash.__file__))
_LONGEST_LINE: Final = 2**20
_LAST_WORDS_S: Final = 1.0
"""How long a dead child's output is still read: a grandchild may hold the pipe open."""


class Keeper:
    """One child with everything that belongs to it; used by the supervisor alone."""

    def __init__(
        self, spec: ChildSpec, clock: Clock, log: Log, environment: Mapping[str, str]
    ) -> None:
        self.child = Child(spec.name)
        self._spec = spec
        self._clock = clock
        self._log = log
        self._environment = {**environment, **spec.environment}
        self._output = Output(spec.log)
        self._process: asyncio.subprocess.Process | None = None
        self._pumps: list[asyncio.Task[None]] = []
        self._crashes = Crashes()
        self._ready_since = Seconds(0.0)
        self._task: asyncio.Task[None] | None = None

    def watch(self, task: asyncio.Task[None]) -> None:
        """Remember the task that runs `keep`, so that `stop` can end it."""
        self._task = task

    async def launch(self) -> None:
        """Start the process and return when it is ready.

        Raises:
            ChildFailed: it is not running any more, and why.
        """
        self.child.state = "starting"
        try:
            await self._spawn()
            await self._become_ready()
        except BaseException:
            await self._end(grace_s=0.0)
            self.child.state = "stopped"
            raise
        self.child.state = "ready"
        self._ready_since = self._clock.now()
        self._log.info("child started", child=self.child.name, pid=self.child.pid)

    async def keep(self) -> None:
        """Wait for the child's end and launch it again, for ever; ends when it may not restart."""
        while True:
            assert self._process is not None
            code = await self._process.wait()
            up_s = self._clock.now() - self._ready_since
            await self._end(grace_s=0.0)
            self._log.warning(
                "child ended", child=self.child.name, code=code, words=self._last_words()
            )
            if not self._spec.restart:
                self.child.state = "stopped"
                return
            await self._restart(up_s)

    async def stop(self) -> None:
        """End the child and stop keeping it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        await self._end(grace_s=self._spec.grace_s)
        self.child.state = "stopped"
        self._log.info("child stopped", child=self.child.name)

    async def _restart(self, up_s: float) -> None:
        """Try until the child is ready again, waiting longer each time."""
        while True:
            verdict = after_crash(self._crashes, self._clock.now(), up_s)
            self._crashes = verdict.crashes
            self.child.state = "degraded" if verdict.crashes.degraded else "backoff"
            await self._clock.sleep(verdict.wait_s)
            try:
                self.child.restarts += 1
                await self.launch()
                if self._spec.on_restart is not None:
                    await self._spec.on_restart(self.child)
            except FreeholdError as broken:
                self._log.warning("child failed again", child=self.child.name, why=str(broken))
                await self._end(grace_s=0.0)
                up_s = 0.0
            else:
                return

    async def _spawn(self) -> None:
        spec = self._spec
        argv = spec.argv
        if shutil.which(argv[0], path=self._environment.get("PATH")) is None:
            message = f"{spec.name} could not be run: there is no program {argv[0]}"
            raise ChildFailed(message, where=argv[0])
        if spec.leash:
            argv = (sys.executable, "-I", "-S", _LEASH, str(os.getpid()), *argv)
        pipe = asyncio.subprocess.PIPE
        self._output.forget()
        try:
            self._process = await asyncio.create_subprocess_exec(
                *argv,
                stdin=pipe if spec.keep_stdin else asyncio.subprocess.DEVNULL,
                stdout=pipe,
                stderr=pipe if spec.capture_line else asyncio.subprocess.STDOUT,
                cwd=spec.cwd,
                env=self._environment,
                start_new_session=True,  # so that Ctrl-C reaches the house alone
                limit=_LONGEST_LINE,
            )
        except OSError as broken:
            message = f"{spec.name} could not be run: {broken.strerror}"
            raise ChildFailed(message, where=argv[0]) from broken
        self.child.pid = self._process.pid
        if self._process.stderr is not None:
            self._listen(self._process.stderr)
        if self._process.stdout is not None and not spec.capture_line:
            self._listen(self._process.stdout)

    def _listen(self, source: asyncio.StreamReader) -> None:
        loop = asyncio.get_running_loop()
        self._pumps.append(loop.create_task(self._output.pump(source)))

    async def _become_ready(self) -> None:
        """Wait for the child's own sign, its end, or the time limit, whichever is first."""
        assert self._process is not None
        loop = asyncio.get_running_loop()
        sign = loop.create_task(self._await_sign())
        end = loop.create_task(self._process.wait())
        try:
            await asyncio.wait(
                (sign, end),
                timeout=self._spec.ready_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
            if sign.done() and not end.done():
                sign.result()
                return
        finally:
            for task in (sign, end):
                task.cancel()
            await asyncio.gather(sign, end, return_exceptions=True)
        if end.done() and not end.cancelled():
            await self._finish_output()
            self._fail(f"{self.child.name} ended with {_ending(end.result())} before it was ready")
        self._fail(f"{self.child.name} was not ready within {self._spec.ready_timeout_s:g} s")

    async def _await_sign(self) -> None:
        assert self._process is not None
        if self._spec.capture_line:
            assert self._process.stdout is not None
            try:
                line = await self._process.stdout.readline()
            except ValueError:
                self._fail(
                    f"{self.child.name} began with a line longer than {_LONGEST_LINE} bytes"
                )
            self.child.first_line = line.decode("utf-8", "replace").rstrip("\r\n")
            self._listen(self._process.stdout)
        if self._spec.ready is not None:
            try:
                await self._spec.ready(self.child)
            except OSError as broken:
                self._fail(f"{self.child.name} did not get ready: {broken}")

    def _fail(self, message: str) -> NoReturn:
        words = self._last_words()
        raise ChildFailed(f"{message}: {words}" if words else message, where=str(self._spec.log))

    def _last_words(self) -> str:
        return redact(self._output.tail())

    async def _end(self, grace_s: float) -> None:
        """Make sure that nothing of the process is left; safe to call at any time."""
        process, self._process = self._process, None
        if process is not None:
            if process.stdin is not None:
                process.stdin.close()
            await _terminate(process, grace_s)
        await self._finish_output()
        self.child.pid = 0

    async def _finish_output(self) -> None:
        if self._pumps:
            await asyncio.wait(self._pumps, timeout=_LAST_WORDS_S)
            for pump in self._pumps:
                pump.cancel()
            await asyncio.gather(*self._pumps, return_exceptions=True)
            self._pumps.clear()
        self._output.close()


async def _terminate(process: asyncio.subprocess.Process, grace_s: float) -> None:
    """Ask the process to end, then make it and all of its group end."""
    if process.returncode is None and grace_s > 0:
        _signal_group(process.pid, signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(grace_s):
                await process.wait()
    _signal_group(process.pid, signal.SIGKILL)
    await process.wait()


def _signal_group(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)


def _ending(code: int) -> str:
    """How a process ended, in words: `code 2`, `signal SIGKILL`."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
