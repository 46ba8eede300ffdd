"""OpenDocument texts, tables and presentations, as LibreOffice writes them.

Source: OpenDocument 1.3 part 3: 5 (text), 9 (tables), 10.2 (drawing pages).
"""

from collections.abc import Iterator
from io import BytesIO
from itertools import islice, repeat
from typing import TYPE_CHECKING, Final

from freehold.runtime.knowledge.archive import open_archive, refuse_entities
from freehold.runtime.knowledge.decode import clean
from freehold.runtime.knowledge.outline import Part, Title, pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source, Unreadable
from freehold.runtime.knowledge.table import labelled

if TYPE_CHECKING:
    from lxml.etree import _Element

_NAME: Final = "urn:oasis:names:tc:opendocument:xmlns:"
_TEXT: Final = f"{{{_NAME}text:1.0}}"
_TABLE: Final = f"{{{_NAME}table:1.0}}"
_PAGE: Final = f"{{{_NAME}drawing:1.0}}page"
_SHEETS: Final = f"{{{_NAME}office:1.0}}spreadsheet"
_BODY: Final = f"{{{_NAME}office:1.0}}body"
_GONE: Final = frozenset({f"{_TEXT}tracked-changes", f"{{{_NAME}office:1.0}}annotation"})
_LOCKED: Final = b"encryption-data"
_MANIFEST: Final = "META-INF/manifest.xml"
_SIGNS: Final = {f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}
_CELLS: Final = frozenset({f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"})
_DIGITS: Final = 10
_MOST_SPACES: Final = 100
_MOST_COLUMNS: Final = 500


def _detects(head: Head) -> bool:
    return {"content.xml", _MANIFEST} <= head.members


def _read(source: Source) -> Reading:
    from lxml import etree  # noqa: PLC0415 - only where such a document is read

    with open_archive(BytesIO(source.data)) as archive:
        if _LOCKED in archive.read(_MANIFEST):
            message = "the document is locked with a password"
            fix = "save a copy without the password and add that"
            raise Unreadable("encrypted", message, fix=fix)
        refuse_entities(archive)
        content = archive.read("content.xml")
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        body = etree.fromstring(content, parser).find(_BODY)
    except etree.XMLSyntaxError as error:
        raise Unreadable("damaged", "the text in the document is damaged") from error
    if body is None:
        raise Unreadable("damaged", "the document has no body")
    pages = sum(1 for _ in body.iter(_PAGE)) or None
    return Reading(pieces_under(_met(body, _Place())), pages=pages)


class _Place:
    """The page the walk is on, and whether it is in a list."""

    def __init__(self) -> None:
        self.page: int | None = None
        self.item = False


def _met(root: "_Element", place: _Place) -> Iterator[Title | Part]:
    for element in root:
        tag = element.tag
        if tag in _GONE:
            continue
        if tag == f"{_TEXT}h":
            level = _count(element, f"{_TEXT}outline-level")
            yield Title(level, _said(element), page=place.page)
        elif tag == f"{_TEXT}p":
            yield from _paragraph(element, place)
        elif tag == f"{_TABLE}table":
            yield from _table(element, place)
        else:
            yield from _inside(element, place)


def _inside(element: "_Element", place: _Place) -> Iterator[Title | Part]:
    if element.tag == _PAGE:
        place.page = (place.page or 0) + 1
        yield Title(1, "", page=place.page)
    place.item = element.tag == f"{_TEXT}list-item"
    yield from _met(element, place)
    place.item = False


def _paragraph(element: "_Element", place: _Place) -> Iterator[Title | Part]:
    text = _said(element).strip()
    if text:
        start, join = ("- ", "\n") if place.item else ("", "\n\n")
        yield Part(start + text, page=place.page, join=join)
        place.item = False


def _table(table: "_Element", place: _Place) -> Iterator[Title | Part]:
    above = table.getparent()
    sheet = above is not None and above.tag == _SHEETS
    if sheet:
        yield Title(1, clean(table.get(f"{_TABLE}name", "")))
    rows = ((number, list(islice(_cells(row), _MOST_COLUMNS))) for number, row in _numbered(table))
    for part in labelled(rows):
        if sheet:
            yield part
        else:
            yield Part(part.text.replace("\n", "; "), page=place.page, join="\n")


def _numbered(table: "_Element") -> Iterator[tuple[int, "_Element"]]:
    """Rows with their numbers; equal rows are written once with a count."""
    number = 1
    for row in table.iter(f"{_TABLE}table-row"):
        yield number, row
        number += _count(row, f"{_TABLE}number-rows-repeated")


def _cells(row: "_Element") -> Iterator[str]:
    for cell in row:
        if cell.tag in _CELLS:
            text = " ".join(_said(part) for part in cell.iter(f"{_TEXT}p"))
            count = _count(cell, f"{_TABLE}number-columns-repeated")
            yield from repeat(text, min(count, _MOST_COLUMNS))


def _count(element: "_Element", name: str) -> int:
    count = element.get(name, "1")
    return int(count) if count.isdecimal() and len(count) < _DIGITS else 1


def _said(paragraph: "_Element") -> str:
    """Words of a paragraph, in order; spaces and tabs are elements of their own."""
    said = [paragraph.text or ""]
    ahead = [(child, False) for child in reversed(paragraph)]
    while ahead:
        element, done = ahead.pop()
        if done:
            said.append(element.tail or "")
            continue
        ahead.append((element, True))
        if element.tag in _SIGNS:
            said.append(_SIGNS[element.tag])
        elif element.tag == f"{_TEXT}s":
            said.append(" " * min(_count(element, f"{_TEXT}c"), _MOST_SPACES))
        elif element.tag not in _GONE:
            said.append(element.text or "")
            ahead.extend((child, False) for child in reversed(element))
    return clean("".join(said))


READER: Final = Reader(
    summary="OpenDocument texts, tables and presentations.",
    suffixes=(".odt", ".ods", ".odp", ".ott"),
    detects=_detects,
    text=False,
    read=_read,
)
