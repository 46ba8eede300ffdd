"""Text into pieces: small enough to embed, cut where a reader would pause, each with its line.

Nothing but space is ever lost: put together, the pieces of a text hold each of its characters in
order (held by a property test). Pure.
"""

import re
from collections.abc import Iterator
from typing import Final

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from freehold.runtime.knowledge.read.contract import Piece

LONGEST: Final = 900
"""Characters of a piece at most.

256 tokens, the length the embedding model was trained for, are about 1,000 characters of English;
denser text is cut shorter by `tokens`.
"""

SHORTEST: Final = 200
"""Characters a piece is filled to before it may end at a pause."""

MOST_TOKENS: Final = 240
"""Tokens of a piece at most, as `tokens` counts: below 256 with room for begin and end marks."""

_SMALLEST: Final = 60
"""Characters below which a piece is not cut for its tokens: 60 characters are never too many."""

_WINDOW: Final = 8_000
"""Characters split at once.

The splitter's time grows with the square of a text that has no pauses. Source: measured with
semantic-text-splitter 0.33.1, text of one repeated word: 10,000 characters 2 ms, 160,000 455 ms.
"""

_DENSE_WINDOW: Final = 2_000
"""The same for text without spaces between words, which costs thirty times more."""

_PART: Final = re.compile(r"[A-Za-z]+|[0-9]+|[^\sA-Za-z0-9]")
_PAUSES: Final = ("\n\n", "\n", ". ", " ")


def tokens(text: str) -> int:
    """About how many tokens the embedding model makes of `text`, rather more than fewer.

    A word is one token for each begun five letters, a number one for each begun two digits, and
    any other sign one: word pieces of an English vocabulary of 30,000.
    """
    if len(text) <= MOST_TOKENS:
        return len(text)
    count = 0
    for part in _PART.findall(text):
        if part.isascii() and part.isalpha():
            count += (len(part) + 4) // 5
        else:
            count += (len(part) + 1) // 2
    return count


def split_text(
    text: str,
    *,
    line: int | None = 1,
    page: int | None = None,
    heading: str = "",
    markdown: bool = False,
) -> Iterator[Piece]:
    r"""Cut running text where it pauses: paragraphs, then sentences, then words.

    Args:
        text: lines end in `\n`.
        line: number of its first line in the file; nothing when the format has no lines.
        page: page all of it stands on.
        heading: headings all of it stands under.
        markdown: whether to respect lists, tables and fences of Markdown.
    """
    counted = 0
    for start, chunk in _cut(text, LONGEST, markdown=markdown):
        if line is not None:
            line += text.count("\n", counted, start)
            counted = start
        yield Piece(chunk, page, line, heading)


def fit(text: str) -> Iterator[str]:
    """Cut text that has only one place (a row, a paragraph of a page) into pieces' texts."""
    for _, chunk in _cut(text, LONGEST, markdown=False):
        yield chunk


def _cut(text: str, longest: int, *, markdown: bool) -> Iterator[tuple[int, str]]:
    for begin, window in _windows(text):
        for start, chunk in _chunks(window, longest, markdown=markdown):
            if tokens(chunk) <= MOST_TOKENS or longest <= _SMALLEST:
                yield begin + start, chunk
                continue
            shorter = max(_SMALLEST, len(chunk) * MOST_TOKENS // (tokens(chunk) + 1) - 1)
            for inner, part in _cut(chunk, shorter, markdown=False):
                yield begin + start + inner, part


def _chunks(text: str, longest: int, *, markdown: bool) -> list[tuple[int, str]]:
    if len(text) <= longest and (len(text) <= SHORTEST or longest < LONGEST):
        kept = text.strip()
        return [(len(text) - len(text.lstrip()), kept)] if kept else []
    capacity = (min(SHORTEST, longest), longest)
    splitter = MarkdownSplitter(capacity) if markdown else TextSplitter(capacity)
    found: list[tuple[int, str]] = splitter.chunk_indices(text)
    return [(start, chunk) for start, chunk in found if chunk.strip()]


def _windows(text: str) -> Iterator[tuple[int, str]]:
    """Stretches the splitter takes quickly, ended at the best pause in their second half."""
    begin = 0
    while begin < len(text):
        width = _WINDOW
        if len(text) - begin > _DENSE_WINDOW and _dense(text[begin : begin + _WINDOW]):
            width = _DENSE_WINDOW
        end = begin + width
        if end < len(text):
            end = _pause(text, begin + width // 2, end)
        yield begin, text[begin:end]
        begin = end


def _dense(text: str) -> bool:
    return text.count(" ") + text.count("\n") < len(text) // 20


def _pause(text: str, low: int, high: int) -> int:
    for sign in _PAUSES:
        at = text.rfind(sign, low, high)
        if at >= 0:
            return at + len(sign)
    return high
