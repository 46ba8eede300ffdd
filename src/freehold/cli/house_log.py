"""The log of the house itself: one file that never grows without end, and a quiet terminal.

While a house runs, this stands where standard error was. Every line goes to `logs/house.log`. Who
watches a terminal is shown warnings and errors only, in words; a service manager that collects
standard error gets every line as it is.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, TextIO

import msgspec

if TYPE_CHECKING:
    from pathlib import Path

LARGEST: Final = 5_000_000
"""Bytes after which the file is turned over to `house.log.1` and begun anew."""
_STANDARD_ERROR: Final = 2
_HEAD: Final = ("t", "level", "part", "event")
_TOLD: Final = frozenset({"warning", "error"})


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a log line that every line has."""

    t: float
    level: str
    part: str
    event: str


def read_line(text: str) -> Line | None:
    """A line of the house's log, or nothing if it is some other text."""
    try:
        return msgspec.json.decode(text, type=Line)
    except msgspec.MsgspecError:
        return None


def in_words(text: str) -> str:
    """A line of the house's log for people; any other line as it is."""
    head = read_line(text)
    if head is None:
        return text
    said = msgspec.json.decode(text, type=dict[str, object])
    rest = "  ".join(f"{key}={value}" for key, value in said.items() if key not in _HEAD)
    when = time.strftime("%H:%M:%S", time.localtime(head.t))
    return f"{when} {head.level:<7} {head.part}: {head.event}  {rest}".rstrip()


class HouseLog(io.TextIOBase):
    """Takes what is written to standard error.

    Args:
        path: the log file.
        beside: where else it is told; nothing for a house that nobody watches, whose standard
            error on the level of the system then goes to the file as well.
        largest: bytes after which the file is turned over.
    """

    def __init__(self, path: Path, beside: TextIO | None, largest: int = LARGEST) -> None:
        super().__init__()
        self._path = path
        self._beside = beside
        self._largest = largest
        self._rest = ""
        self._handle = self._open()

    def write(self, text: str) -> int:
        """Write text; only whole lines are passed on."""
        *lines, self._rest = (self._rest + text).split("\n")
        for line in lines:
            self._keep(line)
            if self._beside is not None:
                self._tell(line)
        return len(text)

    def isatty(self) -> bool:
        """Whether a person watches."""
        return self._beside is not None and self._beside.isatty()

    def close(self) -> None:
        """Write what is left and let go of the file."""
        if self.closed:
            return
        if self._rest:
            self.write("\n")
        os.close(self._handle)
        super().close()

    def _keep(self, line: str) -> None:
        # A full disk must not stop the house over a line in its log.
        with contextlib.suppress(OSError):
            if os.fstat(self._handle).st_size > self._largest:
                self._path.replace(self._path.with_name(f"{self._path.name}.1"))
                os.close(self._handle)
                self._handle = self._open()
            os.write(self._handle, f"{line}\n".encode("utf-8", "replace"))

    def _open(self) -> int:
        handle = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if self._beside is None:
            os.dup2(handle, _STANDARD_ERROR)
        return handle

    def _tell(self, line: str) -> None:
        assert self._beside is not None
        if self.isatty():
            head = read_line(line)
            if head is not None and head.level not in _TOLD:
                return
            line = in_words(line)
        self._beside.write(f"{line}\n")
        self._beside.flush()


@contextlib.contextmanager
def kept(path: Path, *, watched: bool) -> Iterator[None]:
    """Let the log stand where standard error was, for as long as the house runs."""
    before = sys.stderr
    log = HouseLog(path, before if watched else None)
    sys.stderr = log
    try:
        yield
    finally:
        sys.stderr = before
        log.close()
