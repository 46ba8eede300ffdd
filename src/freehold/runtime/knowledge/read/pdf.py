"""PDF: page by page, through PDFium.

Source: FPDF_GetLastError of PDFium's public/fpdfview.h: 4 means a password is needed or wrong.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from freehold.runtime.knowledge.decode import clean
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
_SOFT_HYPHEN: Final = re.compile("[\x02\ufffe\xad]\n?")
_BULLET: Final = re.compile(r"\s*(?:[-*\u2022\u25cf\u25aa\u2013]|\(?\d{1,3}[.)]|\(?[a-z][.)])\s")
_FULL_LINE: Final = 0.6
_SENTENCE_END: Final = (".", ":", ";", "!", "?")
_PAGES_NODE: Final = re.compile(
    rb"(\d+)\s+\d+\s+obj\b(?:(?!endobj).){0,4096}?/Kids\s*\[([^\]]*)\]", re.DOTALL
)
_REFERENCE: Final = re.compile(rb"(\d+)\s+\d+\s+R")


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
    from pypdfium2 import PdfiumError  # noqa: PLC0415 - only where a PDF is read

    pages = len(document)
    bare = broken = 0
    try:
        for number in range(1, min(pages, _MOST_PAGES) + 1):
            try:
                text = _page_text(document, number - 1)
            except PdfiumError:
                broken += 1
                continue
            if not text.strip():
                bare += 1
                continue
            yield from split_text(flow(text), line=None, page=number)
    finally:
        document.close()
    if bare:
        notes.append(f"{bare} of {pages} pages hold no text")
    if broken:
        notes.append(f"{broken} of {pages} pages are damaged")
    if pages > _MOST_PAGES:
        notes.append(f"only the first {_MOST_PAGES} of {pages} pages were read")


def _page_text(document: "PdfDocument", index: int) -> str:
    page = document[index]
    try:
        words = page.get_textpage()
        try:
            return clean(words.get_text_range())
        finally:
            words.close()
    finally:
        page.close()


def flow(text: str) -> str:
    """Lines of a page put together into paragraphs.

    A line goes on into the next when it is nearly as long as the longest of the page and neither
    ends a sentence early nor is followed by a bullet; words broken at a line's end are mended.
    """
    lines = _SOFT_HYPHEN.sub("", text).split("\n")
    full = max((len(line) for line in lines), default=0) * _FULL_LINE
    parts: list[str] = []
    for at, line in enumerate(lines):
        parts.append(line.rstrip())
        follows = lines[at + 1] if at + 1 < len(lines) else ""
        goes_on = len(line) >= full and follows.strip() and not _BULLET.match(follows)
        ends = line.rstrip().endswith(_SENTENCE_END) and len(line) < full / _FULL_LINE * 0.85
        parts.append(" " if goes_on and not ends else "\n")
    return "".join(parts)


def _refuse_cycles(data: bytes) -> None:
    """Refuse a page tree that contains itself, as far as it is written in the open."""
    kids = {
        int(node.group(1)): tuple(int(kid) for kid in _REFERENCE.findall(node.group(2)))
        for node in _PAGES_NODE.finditer(data)
    }
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
