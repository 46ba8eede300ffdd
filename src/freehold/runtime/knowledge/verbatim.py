"""Whether words stand in a text exactly so: compared without regard to how they are typeset.

Line breaks and spaces, quotation marks, dashes, ligatures, soft hyphens, case and the emphasis
marks of Markdown are not differences; every letter and digit is. What is found is given back as
it stands in the text. Pure.
"""

import functools
import unicodedata
from typing import Final

import msgspec

_SAME: Final = str.maketrans(
    {
        "\u2018": "'",
        "\u2019": "'",
        "\u201a": "'",
        "\u201b": "'",
        "\u2032": "'",
        "\u201c": '"',
        "\u201d": '"',
        "\u201e": '"',
        "\u201f": '"',
        "\u00ab": '"',
        "\u00bb": '"',
        "\u2010": "-",
        "\u2011": "-",
        "\u2012": "-",
        "\u2013": "-",
        "\u2014": "-",
        "\u2212": "-",
    }
)
_DROPPED: Final = frozenset("\u00ad\u200b\u200c\u200d\u2060\ufeff*_`#>|")
"""Invisible characters, and the marks of Markdown."""


class Plain(msgspec.Struct, frozen=True):
    """A text without its typesetting."""

    text: str
    places: tuple[int, ...]
    """For each character, where it stands in the original."""
    original: str

    def span(self, begin: int, end: int) -> str:
        """The original of `text[begin:end]`."""
        if begin >= end:
            return ""
        return self.original[self.places[begin] : self.places[end - 1] + 1]


def plain(original: str) -> Plain:
    """Take the typesetting off a text."""
    letters: list[str] = []
    places: list[int] = []
    for place, character in enumerate(original):
        for letter in _letters(character):
            if letter == " " and (not letters or letters[-1] == " "):
                continue
            letters.append(letter)
            places.append(place)
    return Plain("".join(letters), tuple(places), original)


@functools.cache
def _letters(character: str) -> str:
    """A character without its typesetting; spaces of any kind are one kind."""
    if character in _DROPPED:
        return ""
    plainer = unicodedata.normalize("NFKD", character).translate(_SAME).casefold()
    return "".join(
        " " if letter.isspace() else letter
        for letter in plainer
        if not unicodedata.combining(letter)
    )


def find(quote: str, there: Plain) -> str:
    """`quote` as it stands in a text, in whole words; empty when it does not."""
    wanted = plain(quote).text.strip()
    at = there.text.find(wanted) if wanted else -1
    while at >= 0:
        end = at + len(wanted)
        if not _inside(there.text, at) and not _inside(there.text, end):
            return there.span(at, end)
        at = there.text.find(wanted, at + 1)
    return ""


def longest(quote: str, there: Plain) -> str:
    """The longest stretch of whole words of `quote` that stands in a text, as it stands there."""
    words = plain(quote).text.split()
    padded = f" {there.text} "
    best: tuple[int, int] = (0, 0)
    for begin in range(len(words)):
        # A stretch that begins here is only of interest when it is longer than the best so far.
        end = begin + best[1] - best[0] + 1
        while end <= len(words) and f" {' '.join(words[begin:end])} " in padded:
            best = (begin, end)
            end += 1
    return find(" ".join(words[slice(*best)]), there)


def _inside(text: str, place: int) -> bool:
    """Whether `place` lies between two letters or digits of one word."""
    return 0 < place < len(text) and text[place - 1].isalnum() and text[place].isalnum()
