"""PDF: page by page, through PDFium.

Source: FPDF_GetLastError of PDFium's public/fpdfview.h: 4 means a password is needed or wrong.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Final

from freehold.runtime.knowledge.decode import clean
from freehold.runtime.knowledge.outline import Outline, Title
from freehold.runtime.knowledge.read.contract import (
    Head,
    Piece,
    Reader,
    Reading,
    Source,
    Unreadable,
)
from freehold.runtime.knowledge.split import split_text

if TYPE_CHECKING:
    from pypdfium2 import PdfDocument

_PASSWORD: Final = 4
_ENCRYPT: Final = b"/Encrypt"
_MARK: Final = b"%PDF-"
_MARK_WITHIN: Final = 1024
_MOST_PAGES: Final = 10_000
_KEPT_HYPHEN: Final = re.compile("[\x02\ufffe]\n?(?=[A-Z0-9])")
_SOFT_HYPHEN: Final = re.compile("[\x02\ufffe\xad]\n?")
_BULLET: Final = re.compile(
    r"\s*(?:[-*\u2022\u25cf\u25aa\u2013]|\(?[a-z][.)]|\(?(?:\d{1,3}[.)])+|\d{1,2}(?:\.\d{1,2})+)\s"
)
_LEADER: Final = re.compile(r"(?:\s?\.){5,}\s*")
_PAGE_NUMBER: Final = re.compile(r"[\s\u2013-]*(?:\d{1,4}|[ivxl]{1,6})[\s\u2013-]*")
_DIGITS: Final = re.compile(r"\d+")
_RUNS_ON: Final = 3
_NUMBERING: Final = 12
_MOST_BOOKMARKS: Final = 5_000
_FULL_LINE: Final = 0.6
_LEAST_FULL: Final = 24
_EARLY: Final = 0.85
_SENTENCE_END: Final = (".", ":", ";", "!", "?")
_KIDS: Final = re.compile(rb"/Kids\s{0,20}\[([^\[\]]*)\]")
_OBJECT: Final = re.compile(rb"(\d{1,10})\s{1,20}\d{1,10}\s{1,20}obj$")
_NODE_WITHIN: Final = 1_024
_NAME_WITHIN: Final = 32
_REFERENCE: Final = re.compile(rb"(\d{1,10})\s{1,20}\d{1,10}\s{1,20}R")


def _detects(head: Head) -> bool:
    return _MARK in head.start[:_MARK_WITHIN]


def _read(source: Source) -> Reading:
    _refuse_cycles(source.data)
    document = _opened(source.data)
    pages = len(document)
    reading = Reading(iter(()), pages=pages)
    reading.pieces = _pieces(document, reading.notes)
    return reading


def _opened(data: bytes) -> "PdfDocument":
    from pypdfium2 import PdfDocument, PdfiumError  # noqa: PLC0415 - only where a PDF is read

    try:
        return PdfDocument(data)
    except PdfiumError as error:
        # the code may be left over from an earlier file: PDFium sets none for a PDF of no pages
        if error.err_code == _PASSWORD and _ENCRYPT in data:
            message = "the PDF is locked with a password"
            fix = "save a copy without the password and add that"
            raise Unreadable("encrypted", message, fix=fix) from error
        raise Unreadable("damaged", "the PDF is damaged or cut short") from error


def _pieces(document: "PdfDocument", notes: list[str]) -> Iterator[Piece]:
    pages = len(document)
    try:
        titles = _titles(document)
        texts = [_page_lines(document, at) for at in range(min(pages, _MOST_PAGES))]
    finally:
        document.close()
    running = _Running(texts)
    outline = Outline()
    for number, lines in enumerate(texts, 1):
        if lines:
            yield from _page(running.without(lines), number, titles.get(number, []), outline)
    broken = texts.count(None)
    bare = texts.count([])
    if bare:
        notes.append(f"{bare} of {pages} pages hold no text")
    if broken:
        notes.append(f"{broken} of {pages} pages are damaged")
    if pages > _MOST_PAGES:
        notes.append(f"only the first {_MOST_PAGES} of {pages} pages were read")


def _titles(document: "PdfDocument") -> dict[int, list[Title]]:
    """Bookmarks by the page they lead to, in order."""
    found: dict[int, list[Title]] = {}
    for bookmark in islice(document.get_toc(), _MOST_BOOKMARKS):
        target = bookmark.get_dest()
        index = target.get_index() if target is not None else None
        if index is not None:
            title = Title(bookmark.level + 1, clean(bookmark.get_title()), page=index + 1)
            found.setdefault(index + 1, []).append(title)
    return found


def _page(lines: list[str], number: int, titles: list[Title], outline: Outline) -> Iterator[Piece]:
    """Pieces of one page, cut where the words of a bookmark stand on a line of their own."""
    usual = _usual_length(lines)
    start = 0
    for title in titles:
        at = _line_of(title.text, lines, start)
        if at is not None:
            yield from _stretch(lines[start:at], usual, number, outline)
            start = at + 1
        if bare := outline.enter(title):
            yield bare
    yield from _stretch(lines[start:], usual, number, outline)


class _Running:
    """Knows the lines that run along the top or the bottom of the pages."""

    def __init__(self, pages: Sequence[list[str] | None]) -> None:
        seen: Counter[str] = Counter()
        for lines in pages:
            said = [line for line in lines or () if not _PAGE_NUMBER.fullmatch(line)]
            seen.update({_masked(line) for line in said[:1] + said[-1:]})
        often = max(_RUNS_ON, len(pages) // 3)
        self._running = {line for line, times in seen.items() if times >= often}
        self._met: set[str] = set()

    def without(self, lines: list[str]) -> list[str]:
        """Lines of the next page; a running line is kept where it first stands."""
        while len(lines) > 1 and self._runs(lines[-1]):
            lines = lines[:-1]
        while len(lines) > 1 and self._runs(lines[0]):
            lines = lines[1:]
        return lines

    def _runs(self, line: str) -> bool:
        if _PAGE_NUMBER.fullmatch(line):
            return True
        known = _masked(line)
        again = known in self._met
        self._met.add(known)
        return again and known in self._running


def _masked(line: str) -> str:
    return _DIGITS.sub("0", line)


def _usual_length(lines: Sequence[str]) -> int:
    """Length of a full line: nine of ten lines are no longer."""
    lengths = sorted(len(line) for line in lines if line)
    return lengths[-1 - len(lengths) // 10] if lengths else 0


def _stretch(lines: list[str], usual: int, number: int, outline: Outline) -> Iterator[Piece]:
    text = flow(lines, usual)
    if text.strip():
        outline.filled()
        yield from split_text(text, line=None, page=number, heading=outline.path)


def _line_of(title: str, lines: list[str], start: int) -> int | None:
    """The line a heading stands on, with or without its number."""
    words = _bare(title)
    for at in range(start, len(lines)):
        line = _bare(lines[at])
        if words and line.endswith(words) and len(line) <= len(words) + _NUMBERING:
            return at
    return None


def _bare(line: str) -> str:
    return " ".join(line.split()).casefold().replace("-", "").replace("\xad", "")


def _page_lines(document: "PdfDocument", index: int) -> list[str] | None:
    """Lines of a page, top down; nothing when the page cannot be read."""
    from pypdfium2 import PdfiumError  # noqa: PLC0415 - only where a PDF is read

    try:
        page = document[index]
    except PdfiumError:
        return None
    try:
        words = page.get_textpage()
        text = clean(words.get_text_range())
        words.close()
    except PdfiumError:
        return None
    finally:
        page.close()
    text = _SOFT_HYPHEN.sub("", _KEPT_HYPHEN.sub("-", text)).strip("\n ")
    return [line.rstrip() for line in text.split("\n")] if text else []


def flow(lines: Sequence[str], usual: int) -> str:
    """Lines of a page put together into paragraphs.

    A line goes on into the next when it is about full and neither ends a sentence early nor is
    followed by a bullet or a number. Dots that lead to a page number are left out.

    Args:
        lines: lines, top down, without space at their ends.
        usual: characters of a full line.
    """
    parts: list[str] = []
    full = max(usual * _FULL_LINE, _LEAST_FULL)
    for line, follows in zip(lines, (*lines[1:], ""), strict=False):
        led = _LEADER.search(line)
        ends = led or (line.endswith(_SENTENCE_END) and len(line) < usual * _EARLY)
        goes_on = len(line) >= full and follows and not _BULLET.match(follows)
        parts.append(_LEADER.sub(" \u2026 ", line) if led else line)
        parts.append(" " if goes_on and not ends else "\n")
    return "".join(parts)


def _refuse_cycles(data: bytes) -> None:
    """Refuse a page tree that contains itself, as far as it is written in the open."""
    kids: dict[int, tuple[int, ...]] = {}
    for found in _KIDS.finditer(data):
        at = data.rfind(b"obj", max(0, found.start() - _NODE_WITHIN), found.start())
        if named := _OBJECT.search(data, max(0, at - _NAME_WITHIN), at + 3):
            inside = _REFERENCE.findall(found.group(1))
            kids[int(named.group(1))] = tuple(int(kid) for kid in inside)
    done: set[int] = set()
    for root in kids:
        if _cycle(root, kids, done):
            raise Unreadable("cyclic", "the pages of this PDF contain themselves")


def _cycle(root: int, kids: dict[int, tuple[int, ...]], done: set[int]) -> bool:
    above: set[int] = set()
    stack: list[tuple[int, bool]] = [(root, False)]
    while stack:
        node, leaving = stack.pop()
        if leaving:
            above.discard(node)
            done.add(node)
        elif node in above:
            return True
        elif node not in done and node in kids:
            above.add(node)
            stack.append((node, True))
            stack.extend((kid, False) for kid in kids[node])
    return False


READER: Final = Reader(
    summary="PDF documents, page by page.",
    suffixes=(".pdf",),
    detects=_detects,
    text=False,
    read=_read,
)
