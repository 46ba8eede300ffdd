"""Books in EPUB: the chapters in reading order.

Source: EPUB 3.3, 4.2.6.3.1 (container.xml) and 5 (package document).
"""

import posixpath
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote
from zipfile import ZipFile

from freehold.runtime.knowledge.archive import open_archive
from freehold.runtime.knowledge.decode import decode
from freehold.runtime.knowledge.outline import Part, Title, pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source, Unreadable

if TYPE_CHECKING:
    from lxml.etree import _Element

_CONTAINER: Final = "META-INF/container.xml"
_RIGHTS: Final = "META-INF/rights.xml"


def _detects(head: Head) -> bool:
    return _CONTAINER in head.members


def _read(source: Source) -> Reading:
    archive = open_archive(BytesIO(source.data))
    if _RIGHTS in archive.namelist():
        raise Unreadable("encrypted", "the book is locked to a shop's reading programs")
    reading = Reading(iter(()))
    reading.pieces = pieces_under(_met(archive, reading.notes))
    return reading


def _met(archive: ZipFile, notes: list[str]) -> Iterator[Title | Part]:
    from freehold.runtime.knowledge.markup import met_in  # noqa: PLC0415 - loads the parser

    missing = 0
    for chapter in _chapters(archive):
        try:
            data = archive.read(chapter)
        except KeyError:
            missing += 1
            continue
        yield from met_in(decode(data), lines=False)
    if missing:
        notes.append(f"{missing} chapters are missing")


def _chapters(archive: ZipFile) -> Iterator[str]:
    root = _parsed(archive, _CONTAINER).find(".//{*}rootfile")
    package = root.get("full-path", "") if root is not None else ""
    if package not in archive.namelist():
        raise Unreadable("damaged", "the book does not say where its chapters are")
    tree = _parsed(archive, package)
    files = {item.get("id"): item.get("href", "") for item in tree.iterfind(".//{*}item")}
    for step in tree.iterfind(".//{*}itemref"):
        if href := files.get(step.get("idref")):
            yield posixpath.normpath(posixpath.join(posixpath.dirname(package), unquote(href)))


def _parsed(archive: ZipFile, member: str) -> "_Element":
    from lxml import etree  # noqa: PLC0415 - only where a book is read

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
    try:
        return etree.fromstring(archive.read(member), parser)
    except etree.XMLSyntaxError as error:
        raise Unreadable("damaged", "the book's table of contents is damaged") from error


READER: Final = Reader(
    summary="Books in EPUB, chapter by chapter.",
    suffixes=(".epub",),
    detects=_detects,
    text=False,
    read=_read,
)
