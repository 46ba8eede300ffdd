"""The headings a place in a document stands under, and small parts put together under them. Pure.

A reader of a format with structure says what it meets, in order, as `Title` and `Part`;
`pieces_under` makes pieces of that which never cross a heading or a page.
"""

from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

from freehold.runtime.knowledge.pieces import Piece
from freehold.runtime.knowledge.split import LONGEST, SHORTEST, fit

_DEEPEST: Final = 6
_LONGEST_TITLE: Final = 120
_JOIN: Final = " > "


class Title(msgspec.Struct, frozen=True):
    """A heading met on the way."""

    level: int
    """1 is outermost."""
    text: str
    line: int | None = None
    page: int | None = None


class Part(msgspec.Struct, frozen=True):
    """A paragraph, a list's item or a table's row met on the way."""

    text: str
    line: int | None = None
    page: int | None = None
    join: str = "\n\n"
    """What stands between it and the part before it in the same piece."""


class Outline:
    """Follows the headings of a document in order, so that each piece can name its own.

    A heading with nothing under it, not even a deeper heading, would be lost to search: it comes
    back as a piece of its own.
    """

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []
        self._bare: Piece | None = None

    @property
    def path(self) -> str:
        """Headings of this place, outermost first: `Lease > Subletting`."""
        return _JOIN.join(title for _, title in self._open)

    def enter(self, title: Title) -> Piece | None:
        """Pass a heading; gives the one before it when nothing stood under that."""
        words = " ".join(title.text.split())[:_LONGEST_TITLE]
        bare = self._bare if self._open and title.level <= self._open[-1][0] else None
        while self._open and self._open[-1][0] >= title.level:
            self._open.pop()
        del self._open[_DEEPEST - 1 :]
        if words:
            self._open.append((title.level, words))
            self._bare = Piece(words, title.page, title.line, self.path)
        return bare

    def filled(self) -> None:
        """Note that text stands under the present heading."""
        self._bare = None

    def leave(self) -> Piece | None:
        """End the document; gives the last heading when nothing stood under it."""
        bare, self._bare = self._bare, None
        return bare


def pieces_under(met: Iterable[Title | Part]) -> Iterator[Piece]:
    """Pieces of a document told as headings and parts.

    Small parts are put together until a piece is worth having; the piece has the place of its
    first part.
    """
    outline = Outline()
    held: list[Part] = []
    size = 0
    for step in met:
        if isinstance(step, Title):
            yield from _together(held, outline.path)
            held, size = [], 0
            if bare := outline.enter(step):
                yield bare
            continue
        if not step.text.strip():
            continue
        outline.filled()
        if held and (_full(size, step) or held[-1].page != step.page):
            yield from _together(held, outline.path)
            held, size = [], 0
        held.append(step)
        size += len(step.text)
    yield from _together(held, outline.path)
    if bare := outline.leave():
        yield bare


def _full(size: int, step: Part) -> bool:
    return size >= SHORTEST or size + len(step.text) > LONGEST


def _together(held: list[Part], heading: str) -> Iterator[Piece]:
    if not held:
        return
    first = held[0]
    text = first.text + "".join(part.join + part.text for part in held[1:])
    for chunk in fit(text):
        yield Piece(chunk, first.page, first.line, heading)
