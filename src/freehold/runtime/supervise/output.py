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
_CHUNK: Final = 65536


class Output:
    """Where a child's words go. One writer; `write` is called from worker threads, in turn."""

    def __init__(self, path: Path, largest: int = LARGEST) -> None:
        self._path = path
        self._largest = largest
        self._file: BinaryIO | None = None
        self._size = 0
        self._tail: deque[bytes] = deque(maxlen=_TAIL_LINES)
        self._rest = b""

    async def pump(self, source: asyncio.StreamReader) -> None:
        """Copy everything `source` says until it ends."""
        while chunk := await source.read(_CHUNK):
            self._remember(chunk)
            await asyncio.to_thread(self.write, chunk)

    def write(self, chunk: bytes) -> None:
        """Append; a disk that refuses costs the line, never the child."""
        try:
            if self._file is None or self._size + len(chunk) > self._largest:
                self._turn_over()
            assert self._file is not None
            self._file.write(chunk)
            self._size += len(chunk)
        except OSError:
            self.close()

    def tail(self) -> str:
        """The last lines, as far as they are known in memory."""
        lines = [*self._tail, self._rest]
        text = b"\n".join(line for line in lines if line)[-_TAIL_BYTES:]
        return text.decode("utf-8", "replace").strip()

    def forget(self) -> None:
        """Begin a new run: its tail holds nothing of the run before."""
        self._tail.clear()
        self._rest = b""

    def close(self) -> None:
        """Let go of the file; the next write opens it again."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _remember(self, chunk: bytes) -> None:
        *lines, rest = (self._rest + chunk).split(b"\n")
        self._tail.extend(lines)
        self._rest = rest[-_TAIL_BYTES:]

    def _turn_over(self) -> None:
        self.close()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        if self._path.exists() and self._path.stat().st_size >= self._largest // 2:
            self._path.replace(self._path.with_name(f"{self._path.name}.1"))
        opened = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        self._file = os.fdopen(opened, "wb", buffering=0)
        self._size = self._path.stat().st_size
