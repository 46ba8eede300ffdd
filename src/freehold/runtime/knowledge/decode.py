r"""Bytes into text: encoding found, line ends made `\n`, unstorable signs removed. Pure."""

import codecs
import re
from contextlib import suppress
from typing import Final

from freehold.runtime.knowledge.pieces import Unreadable

_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NEVER: Final = re.compile("[\x00\ud800-\udfff]")
_CONTROL: Final = bytes(set(range(32)) - {7, 8, 9, 10, 12, 13, 27})
_OLD_ENCODINGS: Final = re.compile(
    r"(?i)(?:iso-?8859-?\d+|windows-?\d+|cp-?\d+|koi8-?[ru]|shift[-_]jis|euc-(?:jp|kr)|iso-2022-\w+"
    r"|gb\w*|big5\w*|mac\w+|tis-620)"
)
_SAMPLE: Final = 16_384
_LEAST: Final = 8


def looks_like_text(start: bytes) -> bool:
    """Whether the beginning of a file is text in an encoding `decode` knows."""
    if any(start.startswith(mark) for mark, _ in _MARKS) or _wide(start):
        return True
    odd = len(start) - len(start.translate(None, _CONTROL))
    return odd * 100 <= len(start)


def decode(data: bytes, declared: str = "") -> str:
    r"""The text of a file; its lines end in `\n` and are numbered as in the file.

    Args:
        data: the bytes.
        declared: encoding the file itself names; used when the bytes do not show another.

    Raises:
        Unreadable: `damaged`, when the bytes are no text.
    """
    return clean(_decoded(data, declared))


def clean(text: str) -> str:
    r"""Without zero characters and halves of pairs, and with `\n` for every line end."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _NEVER.sub("", text) if _NEVER.search(text) else text


def _decoded(data: bytes, declared: str) -> str:
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return data.decode(encoding, "replace").removeprefix("\ufeff")
    if wide := _wide(data[:_SAMPLE]):
        return data.decode(wide, "replace")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        if _mostly_utf8(data, error):
            return data.decode("utf-8", "replace")
    return _old(data, declared)


def _old(data: bytes, declared: str) -> str:
    """Text from before Unicode: as declared, else as Windows wrote it in Western Europe."""
    if _OLD_ENCODINGS.fullmatch(declared):
        with suppress(LookupError, UnicodeDecodeError):
            return data.decode(declared)
    if not looks_like_text(data[:_SAMPLE]):
        raise Unreadable("damaged", "the file holds bytes that are no text")
    with suppress(UnicodeDecodeError):
        return data.decode("cp1252")
    return data.decode("latin-1")


def _mostly_utf8(data: bytes, error: UnicodeDecodeError) -> bool:
    """Whether a few broken signs, or a cut at the end, are all that is wrong."""
    if error.start >= len(data) - 3:
        return True
    sample = data[: 4 * _SAMPLE].decode("utf-8", "replace")
    broken = sample.count("\ufffd")
    whole = sum(1 for sign in sample if sign > "\x7f") - broken
    return whole > 4 * broken


def _wide(start: bytes) -> str:
    """UTF-16 without its mark shows as a zero in every second byte of Western text."""
    even, odd = start[0::2], start[1::2]
    if len(start) < _LEAST or not start.count(0):
        return ""
    if odd.count(0) * 10 >= len(odd) * 7 and even.count(0) * 20 <= len(even):
        return "utf-16-le"
    if even.count(0) * 10 >= len(even) * 7 and odd.count(0) * 20 <= len(odd):
        return "utf-16-be"
    return ""
