"""Web pages, as a person would read them."""

import re
from typing import Final

from freehold.runtime.knowledge.decode import decode
from freehold.runtime.knowledge.outline import pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source

_STARTS: Final = (b"<!doctype html", b"<html")
_HEAD: Final = 2_048
_CHARSET: Final = re.compile(rb"(?i)<meta[^>]{0,200}charset\s*=\s*[\"']?([a-z0-9_-]{1,30})")
_MARK: Final = b"\xef\xbb\xbf"


def _detects(head: Head) -> bool:
    return head.start.removeprefix(_MARK).lstrip().lower().startswith(_STARTS)


def _read(source: Source) -> Reading:
    from freehold.runtime.knowledge.markup import met_in  # noqa: PLC0415 - loads the parser

    declared = _CHARSET.search(source.data[:_HEAD])
    text = decode(source.data, declared.group(1).decode() if declared else "")
    return Reading(pieces_under(met_in(text)))


READER: Final = Reader(
    summary="Web pages, without scripts and navigation.",
    suffixes=(".html", ".htm", ".xhtml"),
    detects=_detects,
    text=True,
    read=_read,
)
