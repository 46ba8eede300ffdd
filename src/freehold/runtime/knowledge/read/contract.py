"""What a reader of one family of file formats must be, and what it is given.

A reader runs in a confined child process (`read_child`) and may fail in any way: it says what it
knows as `Unreadable`, and the child's edge translates the rest. What it gives stands in `pieces`,
whose words are said again here for those who use readers.
"""

from collections.abc import Callable, Iterator
from pathlib import PurePath

import msgspec

from freehold.runtime.knowledge.pieces import (
    LARGEST_FILE,
    LARGEST_TEXT,
    MOST_PIECES,
    Piece,
    ReadFile,
    Reason,
    Unreadable,
)

__all__ = [
    "LARGEST_FILE",
    "LARGEST_TEXT",
    "MOST_PIECES",
    "Head",
    "Piece",
    "ReadFile",
    "Reader",
    "Reading",
    "Reason",
    "Source",
    "Unreadable",
]


class Source(msgspec.Struct, frozen=True):
    """A file as a reader meets it: already open, known to be a regular file, and in memory."""

    data: bytes
    """The bytes of the file; of plain text at most the first `LARGEST_TEXT`."""
    name: str
    """Name the owner knows it by; only for choosing and naming, never opened."""
    cut: bool = False
    """Whether `data` is only the beginning of the file."""

    @property
    def suffix(self) -> str:
        """Last suffix of the name in lower case, with its dot; empty when there is none."""
        return PurePath(self.name).suffix.lower()

    @property
    def label(self) -> str:
        """Last part of the name in lower case, for files known by name: `makefile`."""
        return PurePath(self.name).name.lower()


class Head(msgspec.Struct, frozen=True):
    """What is looked at to decide what a file is."""

    start: bytes
    """The first 4 KiB."""
    members: frozenset[str] = frozenset()
    """Names in the archive, when the file is a zip."""
    locked: bool = False
    """Whether it is an office file under a password, which is no zip but an OLE container."""


class Reading(msgspec.Struct):
    """A reading under way: pieces are made as they are asked for."""

    pieces: Iterator[Piece]
    pages: int | None = None
    notes: list[str] = []
    """Complete once `pieces` has ended."""


class Reader(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the readers folder."""

    summary: str
    """One sentence, with a full stop."""
    suffixes: tuple[str, ...]
    """Lower case, with the dot."""
    names: tuple[str, ...] = ()
    """Whole file names in lower case that mean this format, such as `makefile`."""
    detects: Callable[[Head], bool]
    """Whether the content alone proves the format; a name never outvotes it."""
    text: bool
    """Whether the format is plain text, so that any readable text may be read as it."""
    read: Callable[[Source], Reading]
    """Read the file. Raises `Unreadable`, or whatever its library raises on damage."""
