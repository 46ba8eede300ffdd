"""The log file of a child: appended, kept to a size, its last lines at hand."""

import asyncio
import os
from collections import deque
from pathlib import Path
from typing import BinaryIO, Final

LARGEST: Final = 5_000_000
"""Bytes after which the file is turned over to `NAME.1` and begun anew."""
_TAIL_LINES: Final = 12
_TAIL_BYTES: Final = 4096
_WAITING_BYTES: Final = 4 * 2**20
"""Words that wait for a slow disk beyond this are dropped: a log never stops a child."""


class Output:
    """Where a child's words go; the event loop never waits for the disk."""

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self._path = path
        self._largest = largest
        self._file: BinaryIO | None = None
        self._size = 0
        self._tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
        self._rest = b""
        self._waiting = bytearray()
        self._writing: asyncio.Future[None] | None = None

    def take(self, words: bytes) -> None:
        """Have `words` written soon."""
        if not words:
            return
        *lines, rest = (self._rest + words).split(b"\n")
        self._tail.extend(lines)
        self._rest = rest[-_TAIL_BYTES:]
        if len(self._waiting) < _WAITING_BYTES:
            self._waiting += words
        if self._writing is None:
            self._write_waiting()

    async def settle(self) -> None:
        """Return when all that was taken is written, and let go of the file."""
        while self._writing is not None:
            await asyncio.wait((self._writing,))
        await asyncio.to_thread(self._close)

    def tail(self) -> str:
        """The last lines."""
        lines = [*self._tail, self._rest]
        text = b"\n".join(line for line in lines if line)[-_TAIL_BYTES:]
        return text.decode("utf-8", "replace").strip()

    def forget(self) -> None:
        """Begin a new run: its tail holds nothing of the run before."""
        self._tail.clear()
        self._rest = b""

    def _write_waiting(self) -> None:
        words, self._waiting = bytes(self._waiting), bytearray()
        loop = asyncio.get_running_loop()
        self._writing = loop.run_in_executor(None, self._write, words)
        self._writing.add_done_callback(self._written)

    def _written(self, _done: asyncio.Future[None]) -> None:
        self._writing = None
        if self._waiting:
            self._write_waiting()

    def _write(self, words: bytes) -> None:
        """Append; a disk that refuses costs the words, never the child."""
        try:
            if self._file is None or self._size + len(words) > self._largest:
                self._turn_over()
            assert self._file is not None
            self._file.write(words)
            self._size += len(words)
        except OSError:
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            file.close()

    def _turn_over(self) -> None:
        self._close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size >= self._largest // 2:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        opened = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._file = os.fdopen(opened, "wb", buffering=0)
        self._size = self._path.stat().st_size
