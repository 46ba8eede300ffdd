"""The words of this room: a document, a collection, what a search found, how far meaning is."""

from collections.abc import Callable
from typing import Literal

import msgspec

from freehold.runtime.calls import Passage
from freehold.runtime.knowledge.read.contract import Piece

DocumentState = Literal["waiting", "reading", "indexed", "failed"]
MeaningState = Literal["on", "off", "building", "unavailable"]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A file the house knows, and how far it is with it."""

    id: str
    collection: str
    file: str
    """Path below the folder that was added, as its owner knows it."""
    kind: str
    """Format, as the reader found it; empty until it was read."""
    bytes: int
    passages: int
    """0 until it is indexed; while a changed file is read again, those of the file before."""
    state: DocumentState
    reason: str = ""
    """Stable word for why it failed: `encrypted`, `too-large`; empty otherwise."""
    note: str = ""
    """The same for people; or, of a document that was read, what could not be."""
    pages: int | None = None
    added_at: float
    """Seconds since 1970."""
    meaning_done: bool = False
    """Whether every passage can be found by meaning too."""


class Collection(msgspec.Struct, frozen=True, kw_only=True):
    """A name under which documents are kept together."""

    name: str
    files: int
    passages: int
    bytes: int


class DocumentText(msgspec.Struct, frozen=True, kw_only=True):
    """What was read from a document."""

    file: str
    kind: str
    pages: int | None
    page: int | None
    """The page asked for, when one was."""
    parts: tuple[Piece, ...]


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far adding is."""

    done: int
    total: int
    """In files."""
    current: str
    """The file last finished."""


Told = Callable[[Progress], None]


class FailedFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read, with the reason in words."""

    file: str
    reason: str


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What adding came to."""

    files: int
    """Files read and indexed now."""
    passages: int
    """Passages of those files."""
    unchanged: int
    removed: int
    """Documents forgotten, because their file is gone from the folder."""
    failed: tuple[FailedFile, ...]
    skipped: int = 0
    """Hidden or generated files and folders that were passed over."""


class Meaning(msgspec.Struct, frozen=True, kw_only=True):
    """Whether search finds by meaning, and how far the passages are."""

    state: MeaningState
    done: int = 0
    total: int = 0
    """In passages."""
    reason: str = ""
    """Why it is off or unavailable, in words."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a search found."""

    hits: tuple[Passage, ...]
    """Best first."""
    meaning: bool
    """Whether meaning took part, or words alone."""
    nearest: str
    """Heading, or file, nearest to the query; empty when there are no documents."""
    coverage: float
    """0 to 1: how much of what the query says the best passage says, rare words counting more."""
    closeness: float = 0.0
    """-1 to 1: cosine of the passage nearest in meaning; 0 where meaning took no part."""
    answers: bool = False
    """Whether that is enough to say that the documents say something about it."""


class Grounds(msgspec.Struct, frozen=True, kw_only=True):
    """What there is to answer a question from."""

    passages: tuple[Passage, ...]
    """Best first; empty when the documents do not say."""
    refused: bool
    """The documents do not say."""
    nearest: str
    meaning: bool
