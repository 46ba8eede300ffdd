"""Web pages, as a person would read them."""

from typing import Final

from freehold.runtime.knowledge.decode import decode
from freehold.runtime.knowledge.outline import pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source

_STARTS: Final = (b"<!doctype html", b"<html")
_MARK: Final = b"\xef\xbb\xbf"


def _detects(head: Head) -> bool:
    return head.start.removeprefix(_MARK).lstrip().lower().startswith(_STARTS)


def _read(source: Source) -> Reading:
    from freehold.runtime.knowledge.markup import met_in  # noqa: PLC0415 - loads the parser

    return Reading(pieces_under(met_in(decode(source.data))))


READER: Final = Reader(
    summary="Web pages, without scripts and navigation.",
    suffixes=(".html", ".htm", ".xhtml"),
    detects=_detects,
    text=True,
    read=_read,
)
