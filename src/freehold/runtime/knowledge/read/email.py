"""Letters kept as files: who wrote to whom, about what, and the text.

Source: RFC 5322 and RFC 2045, as the standard library reads them.
"""

from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Final

from freehold.runtime.knowledge.decode import clean, decode
from freehold.runtime.knowledge.outline import Part, Title, pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source

_SHOWN: Final = ("From", "To", "Cc", "Date")


def _detects(_head: Head) -> bool:
    return False  # headers of a letter look like many other texts


def _read(source: Source) -> Reading:
    letter = message_from_bytes(source.data, _class=EmailMessage, policy=policy.default)
    left = sum(1 for _ in letter.iter_attachments())
    notes = [f"{left} attachments were not read"] if left else []
    return Reading(pieces_under(_met(letter)), notes=notes)


def _met(letter: EmailMessage) -> Iterator[Title | Part]:
    yield Title(1, clean(str(letter["Subject"] or "")))
    shown = [f"{name}: {letter[name]}" for name in _SHOWN if letter[name]]
    yield Part(clean("\n".join(shown)))
    body = letter.get_body(("plain", "html"))
    if body is None:
        return
    payload = body.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    text = _text(data, body.get_content_charset())
    if body.get_content_subtype() == "html":
        from freehold.runtime.knowledge.markup import met_in  # noqa: PLC0415 - loads the parser

        yield from met_in(text, lines=False)
        return
    for paragraph in text.split("\n\n"):
        yield Part(paragraph.strip("\n"))


def _text(data: bytes, charset: str | None) -> str:
    try:
        return clean(data.decode(charset or "utf-8"))
    except (LookupError, UnicodeDecodeError):
        return decode(data)


READER: Final = Reader(
    summary="Letters saved as files (EML), with sender, date and subject.",
    suffixes=(".eml",),
    detects=_detects,
    text=True,
    read=_read,
)
