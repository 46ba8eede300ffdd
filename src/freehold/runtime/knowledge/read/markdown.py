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
_UNDER: Final = re.compile(r"([=\-~^\"'`#*+:.<>_])\1{2,}[ \t]*$|=+[ \t]*$")
_NO_TITLE: Final = re.compile(r"\s|[-*+>|#]|\d+[.)]\s|$")
_RST_RANKS: Final = "=-~^\"'`#*+:.<>_"
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
        if heading is not None:
            level, title = heading
            if childless := outline.enter(Title(level, title, line - 1)):
                yield childless
        if _WORDS.search(body):
            outline.filled()
            yield from split_text(body, line=line, heading=outline.path, markdown=not rst)
    if childless := outline.leave():
        yield childless


def _sections(text: str, *, rst: bool) -> Iterator[tuple[tuple[int, str] | None, int, str]]:
    """Stretches between headings: the heading, the line the body starts on, the body."""
    lines = text.split("\n")
    heading: tuple[int, str] | None = None
    start = 0
    at = 0
    fence = ""
    while at < len(lines):
        found, used = (None, 1) if fence else _heading(lines, at, rst=rst)
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


def _heading(lines: list[str], at: int, *, rst: bool) -> tuple[tuple[int, str] | None, int]:
    line = lines[at]
    if not rst and (match := _HEADING.match(line)) and match.group(2):
        return (len(match.group(1)), match.group(2)), 1
    if at + 1 >= len(lines) or len(line) > _LONGEST_TITLE or _NO_TITLE.match(line):
        return None, 1
    under = lines[at + 1]
    if not _UNDER.match(under) or (at and lines[at - 1].strip() and not rst):
        return None, 1
    sign = under[0]
    if rst and len(under.rstrip()) >= len(line.rstrip()):
        return (_RST_RANKS.index(sign) + 1, line.strip()), 2
    if not rst and sign in "=-":
        return (1 if sign == "=" else 2, line.strip()), 2
    return None, 1


READER: Final = Reader(
    summary="Markdown and reStructuredText, with their headings.",
    suffixes=(".md", ".markdown", ".mdown", ".mkd", ".mdx", ".rst", ".rest"),
    names=("readme",),
    detects=_detects,
    text=True,
    read=_read,
)
