"""Decides what a file is: its content first, its name second. Pure."""

from functools import cache
from pathlib import PurePath
from typing import Final

import msgspec

from freehold.runtime.knowledge.decode import looks_like_text
from freehold.runtime.knowledge.read import READERS
from freehold.runtime.knowledge.read.contract import Head, Reader, Unreadable

OLE: Final = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
"""First bytes of a compound file. Source: [MS-CFB] 2.2."""

_OLD: Final = "a document of an old office program"
_RTF: Final = "a document in RTF"
_FIXES: Final = {
    _OLD: "save it as DOCX, XLSX or PPTX and add that",
    _RTF: "save it as DOCX and add that",
}
_UNLOCK: Final = "save a copy without the password and add that"
_NO_TEXT_IN: Final = (
    (0, b"\x89PNG\r\n", "a PNG picture"),
    (0, b"\xff\xd8\xff", "a JPEG picture"),
    (0, b"GIF8", "a GIF picture"),
    (8, b"WEBP", "a WebP picture"),
    (0, b"II*\x00", "a TIFF picture"),
    (0, b"MM\x00*", "a TIFF picture"),
    (4, b"ftyp", "a video or a camera picture"),
    (8, b"WAVE", "a sound recording"),
    (8, b"AVI ", "a video"),
    (0, b"ID3", "a sound recording"),
    (0, b"OggS", "a sound recording"),
    (0, b"fLaC", "a sound recording"),
    (0, b"\x1aE\xdf\xa3", "a video"),
    (0, b"\x1f\x8b", "a compressed file"),
    (0, b"BZh", "a compressed file"),
    (0, b"\xfd7zXZ\x00", "a compressed file"),
    (0, b"\x28\xb5\x2f\xfd", "a compressed file"),
    (0, b"7z\xbc\xaf\x27\x1c", "an archive"),
    (0, b"Rar!\x1a", "an archive"),
    (257, b"ustar", "an archive"),
    (0, b"PK\x03\x04", "an archive"),
    (0, b"PK\x05\x06", "an empty archive"),
    (0, b"\x7fELF", "a program"),
    (0, b"MZ", "a program"),
    (0, b"\x00asm", "a program"),
    (0, b"\xca\xfe\xba\xbe", "a program"),
    (0, b"SQLite format 3\x00", "a database"),
    (0, b"PAR1", "a table in Parquet"),
    (0, b"GGUF", "a language model"),
    (0, b"{\\rtf", _RTF),
    (0, OLE, _OLD),
)
"""Offset, bytes, and what a file that has them there is called.

Source: the `magic` files of file(1), version 5.
"""


class Choice(msgspec.Struct, frozen=True):
    """How a file is to be read."""

    kind: str
    """Entry of the readers folder."""
    reader: Reader
    note: str
    """Said when the name promised something else; empty otherwise."""


def choose(head: Head, name: str) -> Choice:
    """Find the reader of a file.

    Raises:
        Unreadable: `unsupported`, or `lying-extension` when the name promises what is not there.
    """
    promised = _by_name(name)
    if head.locked:
        message = "the document is locked with a password"
        raise Unreadable("encrypted", message, fix=_UNLOCK)
    for kind, reader in _entries():
        if reader.detects(head):
            return Choice(kind, reader, _note(name, promised, kind))
    if refused := _without_text(head.start):
        raise _refusal(refused, name, promised)
    if not looks_like_text(head.start):
        if promised and not _entry(promised).text:
            message = f"the file is damaged, or no {promised} at all"
            raise Unreadable("damaged", message)
        raise _refusal("a file of a kind that is not known", name, promised)
    if promised and _entry(promised).text:
        return Choice(promised, _entry(promised), "")
    return Choice("text", _entry("text"), _note(name, promised, "text"))


def _refusal(what: str, name: str, promised: str) -> Unreadable:
    if promised:
        message = f"named {_ending(name)}, but it is {what}"
        return Unreadable("lying-extension", message)
    message = f"it is {what}, which is not read for text"
    return Unreadable("unsupported", message, fix=_FIXES.get(what, ""))


def _note(name: str, promised: str, kind: str) -> str:
    if not promised or promised == kind:
        return ""
    return f"named {_ending(name)}, read as {kind}, which it is"


def _ending(name: str) -> str:
    return PurePath(name).suffix or PurePath(name).name


def _without_text(start: bytes) -> str:
    for offset, mark, what in _NO_TEXT_IN:
        if start.startswith(mark, offset):
            return what
    return ""


def _by_name(name: str) -> str:
    path = PurePath(name.lower())
    return _suffixes().get(path.suffix) or _names().get(path.name, "")


def _entry(kind: str) -> Reader:
    return dict(_entries())[kind]


@cache
def _entries() -> tuple[tuple[str, Reader], ...]:
    return READERS.all()


@cache
def _suffixes() -> dict[str, str]:
    return {suffix: kind for kind, reader in _entries() for suffix in reader.suffixes}


@cache
def _names() -> dict[str, str]:
    return {name: kind for kind, reader in _entries() for name in reader.names}
