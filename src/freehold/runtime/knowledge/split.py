"""Text into pieces: small enough to embed, cut where a reader would pause, each with its line.

Nothing but space is ever lost: put together, the pieces of a text hold each of its characters in
order (held by a property test). Pure.
"""

import re
from collections.abc import Iterator
from functools import cache
from typing import Final

from semantic_text_splitter import MarkdownSplitter, TextSplitter

from freehold.runtime.knowledge.pieces import Piece

LONGEST: Final = 900
"""Characters of a piece at most.

256 tokens, the length the embedding model was trained for, are about 1,000 characters of English;
denser text is cut shorter by `tokens`.
"""

SHORTEST: Final = 200
"""Characters up to which small paragraphs are put together."""

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
_GAP: Final = re.compile(r"\n[^\S\n]*\n\s*")
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
    for begin, block in _blocks(text, longest):
        for start, chunk in _chunks(block, longest, markdown=markdown):
            if tokens(chunk) <= MOST_TOKENS or longest <= _SMALLEST:
                yield begin + start, chunk
                continue
            shorter = max(_SMALLEST, len(chunk) * MOST_TOKENS // (tokens(chunk) + 1) - 1)
            for inner, part in _cut(chunk, shorter, markdown=False):
                yield begin + start + inner, part


def _blocks(text: str, longest: int) -> Iterator[tuple[int, str]]:
    """Paragraphs, small ones put together; one that is too long comes alone."""
    enough = min(SHORTEST, longest)
    begin = end = 0
    for stop in _ends(text):
        if end > begin and (end - begin >= enough or stop - begin > longest):
            yield begin, text[begin:end]
            begin = end
        end = stop
    yield begin, text[begin:]


def _ends(text: str) -> Iterator[int]:
    for gap in _GAP.finditer(text):
        yield gap.end()
    yield len(text)


def _chunks(block: str, longest: int, *, markdown: bool) -> Iterator[tuple[int, str]]:
    if len(block) <= longest:
        kept = block.strip()
        if kept:
            yield block.index(kept[0]), kept
        return
    for begin, window in _windows(block):
        for start, chunk in _splitter(_even(len(window), longest), markdown).chunk_indices(window):
            if chunk.strip():
                yield begin + start, chunk


def _even(length: int, longest: int) -> int:
    """Room for each chunk that makes them about equal, rather than full ones and a scrap."""
    count = -(-length // longest)
    room = length * 6 // (count * 5)
    return min(longest, room - room % 50 + 50)


@cache
def _splitter(longest: int, markdown: bool) -> "MarkdownSplitter | TextSplitter":  # noqa: FBT001
    return MarkdownSplitter(longest) if markdown else TextSplitter(longest)


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
