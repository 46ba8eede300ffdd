"""The headings a place in a document stands under. Pure."""

from typing import Final

from freehold.runtime.knowledge.read.contract import Piece

_DEEPEST: Final = 6
_LONGEST: Final = 120
_JOIN: Final = " > "


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

    def enter(
        self, level: int, title: str, line: int | None = None, page: int | None = None
    ) -> Piece | None:
        """Pass a heading; gives the one before it when nothing stood under that.

        Args:
            level: 1 is outermost.
            title: its words.
            line: line of the file it stands on.
            page: page it stands on.
        """
        words = " ".join(title.split())[:_LONGEST]
        bare = self._bare if self._open and level <= self._open[-1][0] else None
        while self._open and self._open[-1][0] >= level:
            self._open.pop()
        del self._open[_DEEPEST - 1 :]
        if words:
            self._open.append((level, words))
            self._bare = Piece(words, page, line, self.path)
        return bare

    def filled(self) -> None:
        """Note that text stands under the present heading."""
        self._bare = None

    def leave(self) -> Piece | None:
        """End the document; gives the last heading when nothing stood under it."""
        bare, self._bare = self._bare, None
        return bare
