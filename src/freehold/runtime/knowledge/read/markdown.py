"""Markdown and its kin: pieces never cross a heading, and know the headings they stand under."""

import re
from collections.abc import Iterator
from typing import Final

from freehold.runtime.knowledge.decode import decode
from freehold.runtime.knowledge.outline import Outline, Title
from freehold.runtime.knowledge.read.contract import Head, Piece, Reader, Reading, Source
from freehold.runtime.knowledge.split import split_text

_HEADING: Final = re.compile(r" {0,3}(#{1,6})(?:[ \t]+(.*?))?(?:[ \t]+#*)?[ \t]*$")
_FENCE: Final = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDER: Final = re.compile(r"([=\-~^\"'`#*+:.<>_])\1{2,}|=+|--")
_NO_TITLE: Final = re.compile(r"\s|[-*+>|#]|\d+[.)]\s|$")
_LONGEST_TITLE: Final = 200
_WORDS: Final = re.compile(r"\w")


def _detects(_head: Head) -> bool:
    return False


def _read(source: Source) -> Reading:
    text = decode(source.data)
    return Reading(_pieces(text, rst=source.suffix in {".rst", ".rest"}))


def _pieces(text: str, *, rst: bool) -> Iterator[Piece]:
    outline = Outline()
    for heading, line, body in _sections(text, rst=rst):
        if heading is not None and (bare := outline.enter(heading)):
            yield bare
        if _WORDS.search(body):
            outline.filled()
            yield from split_text(body, line=line, heading=outline.path, markdown=not rst)
    if bare := outline.leave():
        yield bare


def _sections(text: str, *, rst: bool) -> Iterator[tuple[Title | None, int, str]]:
    """Stretches between headings: the heading, the line the body starts on, the body."""
    lines = text.split("\n")
    heading: Title | None = None
    start = at = 0
    fence = ""
    ranks: list[str] = []
    while at < len(lines):
        found, used = None, 1
        if not fence:
            found, used = _ranked(lines, at, ranks) if rst else _heading(lines, at)
        if found is None:
            fence = _fence(lines[at], fence)
            at += 1
            continue
        yield heading, start + 1, "\n".join(lines[start:at])
        heading = found
        at += used
        start = at
    yield heading, start + 1, "\n".join(lines[start:])


def _fence(line: str, fence: str) -> str:
    """The fence that is open after this line; empty when none is."""
    match = _FENCE.match(line)
    if match is None:
        return fence
    sign = match.group(1)
    if not fence:
        return sign
    closes = sign.startswith(fence) and not line.strip().strip(sign[0])
    return "" if closes else fence


def _heading(lines: list[str], at: int) -> tuple[Title | None, int]:
    """The Markdown heading that begins at a line, if one does, and how many lines it takes."""
    line = lines[at]
    if (match := _HEADING.match(line)) and match.group(2):
        return Title(len(match.group(1)), match.group(2), at + 1), 1
    after_text = at and lines[at - 1].strip()
    if after_text or not _is_title(line) or at + 1 == len(lines):
        return None, 1
    under = lines[at + 1].rstrip()
    if not _UNDER.fullmatch(under) or under[0] not in "=-":
        return None, 1
    return Title(1 if under[0] == "=" else 2, line, at + 1), 2


def _ranked(lines: list[str], at: int, ranks: list[str]) -> tuple[Title | None, int]:
    """The reStructuredText heading that begins at a line, and how many lines it takes.

    Args:
        lines: all lines.
        at: where to look.
        ranks: underlines (and overlines, doubled) met so far, outermost first; added to.
    """
    over = _UNDER.fullmatch(lines[at].rstrip()) is not None and at + 2 < len(lines)
    first = at + over
    if first + 1 >= len(lines) or not (over or _is_title(lines[first])):
        return None, 1
    words, under = lines[first].strip(), lines[first + 1].rstrip()
    if not words or not _UNDER.fullmatch(under) or len(under) < len(words):
        return None, 1
    if over and lines[at].rstrip() != under:
        return None, 1
    rank = under[0] * (1 + over)
    if rank not in ranks:
        ranks.append(rank)
    return Title(ranks.index(rank) + 1, words, first + 1), 2 + over


def _is_title(line: str) -> bool:
    return len(line) <= _LONGEST_TITLE and not _NO_TITLE.match(line)


READER: Final = Reader(
    summary="Markdown and reStructuredText, with their headings.",
    suffixes=(".md", ".markdown", ".mdown", ".mkd", ".mdx", ".rst", ".rest"),
    names=("readme",),
    detects=_detects,
    text=True,
    read=_read,
)
