"""Reads files in a small pool of confined children, so that no document can hurt the house.

A child that hangs or wants too much memory is killed, and the file it was reading gets that as its
reason. One that dies is followed by another, which tries the file again, twice at most: it may
have been killed for no fault of the file. The next file meets a fresh child. Children start when
there is something to read and leave soon after there is not.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Coroutine
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from freehold.core.errors import ChildFailed
from freehold.core.log import Log
from freehold.core.units import GIB, KIB
from freehold.runtime.knowledge.pieces import (
    LARGEST_FILE,
    MOST_PIECES,
    Piece,
    ReadFile,
    Unreadable,
)
from freehold.runtime.knowledge.read_wire import (
    LENGTH,
    LONGEST_FRAME,
    REPLIES,
    Batch,
    Failed,
    Finished,
    Read,
    Ready,
    Reply,
    frame,
)

_BOOT: Final = (
    "import sys; sys.path[:0] = sys.argv[2:];"
    "from freehold.runtime.knowledge.read_child import main; main()"
)
_FILES_PER_CHILD: Final = 1_000
T = TypeVar("T")

_IDLE_S: Final = 10.0
_LEAVE_S: Final = 2.0
_START_S: Final = 30.0
_ATTEMPTS: Final = 3
_LONGEST_NAME: Final = 500
_BUFFER: Final = 512 * KIB
_BROKE: Final = "the program that read it broke down over it"


class Readers:
    """The pool; enter it once, read from as many tasks as you like.

    Args:
        log: told when a child had to be killed or died.
        workers: children at most.
        time_limit_s: seconds one file may take.
        memory_limit: bytes of address space a child may have.
        largest: bytes a file may have.
        idle_s: seconds without work after which a child leaves.
    """

    def __init__(
        self,
        log: Log,
        *,
        workers: int = 2,
        time_limit_s: float = 60.0,
        memory_limit: int = GIB,
        largest: int = LARGEST_FILE,
        idle_s: float = _IDLE_S,
    ) -> None:
        self._log = log.named("reader")
        self._room = asyncio.Semaphore(workers)
        self._time_limit_s = time_limit_s
        self._memory_limit = memory_limit
        self._largest = largest
        self._idle_s = idle_s
        self._idle: list[_Child] = []
        self._all: set[_Child] = set()
        self._closed = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._closed = True
        self._idle.clear()
        for child in self._all:
            child.dismiss()
        for child in self._all:
            await child.gone(_LEAVE_S)
        self._all.clear()

    @property
    def children(self) -> tuple[int, ...]:
        """Process ids of the children alive now."""
        return tuple(sorted(child.pid for child in self._all if child.alive))

    async def read(self, path: Path, name: str) -> ReadFile:
        """Read and split one file; waits for a free child.

        Args:
            path: where the file is.
            name: what its owner calls it; its ending is what the file promises to be.

        Raises:
            Unreadable: with the reason as a stable word and a sentence.
            ChildFailed: no child could be started.
        """
        request = self._request(path, name)
        async with self._room:
            for _ in range(_ATTEMPTS - 1):
                try:
                    return await self._once(request, name)
                except (_Died, ChildFailed) as error:
                    if self._closed:
                        raise
                    self._log.warning("reading child died", error=str(error))
            return await self._once(request, name)

    async def _once(self, request: bytes, name: str) -> ReadFile:
        child = await self._child()
        try:
            return await child.read(request, self._time_limit_s)
        except Unreadable as error:
            error.where = error.where or name
            raise
        finally:
            if child.sound and not self._closed and child.files < _FILES_PER_CHILD:
                self._idle.append(child)
                child.dismiss_after(self._idle_s, self._idle)
            else:
                await child.gone(0)

    def _request(self, path: Path, name: str) -> bytes:
        known = name.encode("utf-8", "replace").decode()[-_LONGEST_NAME:]
        try:
            place = os.fsencode(path)
        except UnicodeEncodeError as error:
            message = "this system can have no file of that name"
            raise Unreadable("vanished", message, where=known) from error
        return frame(Read(place, known, self._time_limit_s, self._largest))

    async def _child(self) -> "_Child":
        if self._closed:
            raise ChildFailed("nothing is read any more: the house is closing")
        self._all = {child for child in self._all if child.alive}
        while self._idle:
            child = self._idle.pop()
            child.stay()
            if child.alive:
                return child
        return await self._started()

    async def _started(self) -> "_Child":
        child = await _Child.start(self._memory_limit)
        self._all.add(child)
        if self._closed:
            child.dismiss()
        try:
            await child.greet()
        except ChildFailed:
            await child.gone(_LEAVE_S)
            raise
        except BaseException:
            await child.gone(0)
            raise
        return child


class _Died(Unreadable):
    """The child died over a file, or seems to have lost its mind."""


class _Babble(Exception):
    """What came from a child is not what a child of ours says."""


class _Child:
    """One reading process; reads one file at a time."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._to = process.stdin
        self._from = process.stdout
        self._leaving: asyncio.TimerHandle | None = None
        self.pid = process.pid
        self.files = 0
        self._reading = False
        self.sound = True
        """Whether it may be given another file."""

    @classmethod
    async def start(cls, memory_limit: int) -> "_Child":
        paths = (path for path in sys.path if Path(path).is_absolute())
        try:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-I", "-S", "-X", "utf8", "-c", _BOOT, str(memory_limit)),
                *paths,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_BUFFER,
                start_new_session=True,
                env={"LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "1"},
            )
        except OSError as error:
            message = f"no child to read documents could be started: {error.strerror}"
            raise ChildFailed(message) from error
        return cls(process)

    async def greet(self) -> None:
        """Wait until it is ready, so that its start is not held against a file."""
        try:
            async with asyncio.timeout(_START_S):
                ready = await self._alone(self._reply())
        except (TimeoutError, EOFError, OSError, _Babble, msgspec.MsgspecError) as error:
            raise ChildFailed("a child to read documents did not start") from error
        if not isinstance(ready, Ready):
            raise ChildFailed("a child to read documents started with the wrong word")

    @property
    def alive(self) -> bool:
        return self._process.returncode is None

    async def read(self, request: bytes, limit_s: float) -> ReadFile:
        self.files += 1
        self.sound = False
        try:
            async with asyncio.timeout(limit_s):
                return await self._alone(self._exchange(request))
        except TimeoutError as error:
            message = f"reading it took longer than {limit_s:g} seconds"
            raise Unreadable("too-slow", message) from error
        except (_Babble, msgspec.MsgspecError) as error:
            raise _Died("crashed", _BROKE) from error
        except (EOFError, OSError) as error:
            raise await self._obituary() from error

    def dismiss_after(self, seconds: float, idle: "list[_Child]") -> None:
        """Let it go in a while, unless it is told to `stay`."""

        def leave() -> None:
            idle.remove(self)
            self.dismiss()

        self._leaving = asyncio.get_running_loop().call_later(seconds, leave)

    def stay(self) -> None:
        if self._leaving is not None:
            self._leaving.cancel()
            self._leaving = None

    def dismiss(self) -> None:
        """Close its standard input, on which it ends by itself."""
        self.stay()
        self._to.close()

    async def gone(self, patience_s: float) -> None:
        """Return when it is gone; kill it when it has not left in time."""
        try:
            if self.alive and not patience_s:
                self._process.kill()
            async with asyncio.timeout(patience_s or None):
                await self._drained()
        except TimeoutError:
            self._process.kill()
            await self._drained()
        except ProcessLookupError:
            await self._drained()

    async def _drained(self) -> None:
        """Read to the end, without which the pipe would never be seen to close."""
        if not self._reading:
            while await self._from.read(_BUFFER):
                pass
        await self._process.wait()
        self._to.close()

    async def _alone(self, exchange: Coroutine[Any, Any, T]) -> T:
        """Keep note that its output is being read, which only one may do at a time."""
        self._reading = True
        try:
            return await exchange
        finally:
            self._reading = False

    async def _exchange(self, request: bytes) -> ReadFile:
        self._to.write(request)
        await self._to.drain()
        pieces: list[Piece] = []
        while True:
            reply = await self._reply()
            match reply:
                case Batch():
                    pieces.extend(reply.pieces)
                    if len(pieces) > MOST_PIECES:
                        raise _Babble
                case Ready():
                    raise _Babble
                case Finished():
                    self.sound = True
                    count = sum(len(piece.text) for piece in pieces)
                    return ReadFile(reply.kind, reply.pages, tuple(pieces), count, reply.note)
                case Failed():
                    self.sound = reply.reason != "too-much-memory"
                    raise Unreadable(reply.reason, reply.message, where=reply.where, fix=reply.fix)

    async def _reply(self) -> Reply:
        (length,) = LENGTH.unpack(await self._from.readexactly(LENGTH.size))
        if length > LONGEST_FRAME:
            raise _Babble
        reply: Reply = REPLIES.decode(await self._from.readexactly(length))
        return reply

    async def _obituary(self) -> Unreadable:
        """Why it died, as far as its exit tells."""
        await self.gone(_LEAVE_S)
        match -(self._process.returncode or 0):
            case signal.SIGKILL:
                message = "reading it took more memory than the machine had"
                return _Died("too-much-memory", message)
            case signal.SIGXCPU | signal.SIGALRM:
                return Unreadable("too-slow", "reading it took too long")
            case _:
                return _Died("crashed", _BROKE)
