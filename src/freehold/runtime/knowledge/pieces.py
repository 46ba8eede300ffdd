"""What reading a document gives: pieces with their places, or a reason why not."""

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
