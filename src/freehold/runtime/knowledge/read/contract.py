"""What a reader of one family of file formats must be, and what reading a file gives.

A reader runs in a confined child process (`read_child`) and may fail in any way: it says what it
knows as `Unreadable`, and the child's edge translates the rest.
"""

from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import ClassVar, Final, Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.units import MIB

LARGEST_FILE: Final = 200 * MIB
"""Bytes; a larger file is refused before it is opened."""

LARGEST_TEXT: Final = 24 * MIB
"""Bytes of a plain-text file that are read; the rest is named in the note."""

MOST_PIECES: Final = 20_000
"""Pieces one file may give; the rest is named in the note."""

Reason = Literal[
    "encrypted",
    "empty",
    "too-large",
    "damaged",
    "archive-bomb",
    "no-text",
    "unsupported",
    "lying-extension",
    "vanished",
    "no-permission",
    "too-slow",
    "too-much-memory",
    "cyclic",
    "not-a-file",
    "crashed",
]
"""Why a file could not be read: stable words, which programs may compare."""


class Unreadable(BadRequest):
    """The file could not be read."""

    code: ClassVar[str] = "FH-READ-001"
    status: ClassVar[int] = 422

    def __init__(self, reason: Reason, message: str, *, where: str = "", fix: str = "") -> None:
        super().__init__(message, where=where, fix=fix)
        self.reason: Reason = reason


class Piece(msgspec.Struct, frozen=True):
    """A stretch of a document, small enough to embed, with its place."""

    text: str
    """At most `split.LONGEST` characters and about 256 tokens; never only space."""
    page: int | None = None
    """Page or slide, counted from 1; only where the format has them."""
    line: int | None = None
    """Line of the file, or row of the sheet, it starts on, counted from 1."""
    heading: str = ""
    """Headings it stands under, outermost first: `Lease > Subletting`."""


class ReadFile(msgspec.Struct, frozen=True):
    """A file, read and split."""

    kind: str
    """Entry of the readers folder that read it."""
    pages: int | None
    """Pages or slides, where the format has them."""
    pieces: tuple[Piece, ...]
    characters: int
    """Characters in the pieces."""
    note: str
    """What a person should know: `3 of 12 pages hold no text`; empty when there is nothing."""


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
