"""The NATS client protocol as bytes: what we say, and how what the server says is read. Pure.

Source: docs.nats.io/reference/reference-protocols/nats-protocol, and ADR-4 for headers.
"""

from typing import Final

import msgspec

from freehold.core.errors import BusFailed

_LINE_END: Final = b"\r\n"
_LONGEST_LINE: Final = 64 * 1024
PING: Final = b"PING\r\n"
PONG: Final = b"PONG\r\n"


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """A message for one of our subscriptions."""

    subscription: int
    subject: str
    header: bytes
    payload: bytes

    @property
    def status(self) -> int:
        """A status the server sends instead of a message (503: nobody answers there), else 0."""
        words = self.header.split(b"\r\n", 1)[0].split(b" ")
        return int(words[1]) if len(words) > 1 and words[1].isdigit() else 0


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """Anything else the server says: `INFO`, `PING`, `PONG`, `+OK`, `-ERR`."""

    verb: str
    text: str


class Reader:
    """Reads what the server says, however it is cut."""

    def __init__(self, largest: int) -> None:
        self._largest = largest
        self._buffer = bytearray()
        self._head: tuple[int, str, int, int] | None = None

    def feed(self, chunk: bytes) -> list[Message | Said]:
        """Take bytes; return what is complete.

        Raises:
            BusFailed: this is not the NATS protocol.
        """
        self._buffer += chunk
        found: list[Message | Said] = []
        while (item := self._message() if self._head else self._line()) is not None:
            if item is not _GOES_ON:
                found.append(item)
        return found

    def _line(self) -> Message | Said | None:
        end = self._buffer.find(_LINE_END)
        if end < 0:
            if len(self._buffer) > _LONGEST_LINE:
                raise BusFailed("the bus said something that is no NATS protocol")
            return None
        line = self._buffer[:end].decode("utf-8", "replace")
        del self._buffer[: end + 2]
        verb, _, text = line.partition(" ")
        if verb not in {"MSG", "HMSG"}:
            return Said(verb=verb, text=text)
        self._head = _head(verb, text.split(" "), self._largest)
        return _GOES_ON

    def _message(self) -> Message | Said | None:
        assert self._head is not None
        subscription, subject, header, total = self._head
        if len(self._buffer) < total + 2:
            return None
        made = Message(
            subscription=subscription,
            subject=subject,
            header=bytes(self._buffer[:header]),
            payload=bytes(self._buffer[header:total]),
        )
        del self._buffer[: total + 2]
        self._head = None
        return made


_GOES_ON: Final = Said(verb="", text="")
"""A message's first line was read; its body follows."""


def _head(verb: str, words: list[str], largest: int) -> tuple[int, str, int, int]:
    """Subscription, subject, bytes of header, bytes in all, of a message's first line."""
    sizes = 2 if verb == "HMSG" else 1
    try:
        subject, subscription = words[0], int(words[1])
        numbers = [int(word) for word in words[-sizes:]]
    except (IndexError, ValueError):
        raise BusFailed("the bus said something that is no NATS protocol") from None
    header, total = (0, numbers[0]) if sizes == 1 else (numbers[0], numbers[1])
    if not 0 <= header <= total <= largest:
        raise BusFailed("the bus sent a message larger than we asked for")
    return subscription, subject, header, total


def connect(token: str, name: str) -> bytes:
    """The first thing we say."""
    options = {
        "auth_token": token, "name": name, "lang": "python", "version": "1", "protocol": 1,
        "verbose": False, "pedantic": False, "headers": True, "no_responders": True,
    }  # fmt: skip
    return b"CONNECT " + msgspec.json.encode(options) + _LINE_END + PING


def publish(subject: str, reply: str, payload: bytes, message_id: str) -> bytes:
    """A message that asks for an answer at `reply`."""
    if not message_id:
        return b"PUB %b %b %d\r\n%b\r\n" % (
            subject.encode(), reply.encode(), len(payload), payload,
        )  # fmt: skip
    header = b"NATS/1.0\r\nNats-Msg-Id: %b\r\n\r\n" % message_id.encode()
    total = len(header) + len(payload)
    return b"HPUB %b %b %d %d\r\n%b%b\r\n" % (
        subject.encode(), reply.encode(), len(header), total, header, payload,
    )  # fmt: skip


def subscribe(subject: str, number: int) -> bytes:
    """Ask for every message of a subject."""
    return b"SUB %b %d\r\n" % (subject.encode(), number)


def unsubscribe(number: int) -> bytes:
    """Ask for no more."""
    return b"UNSUB %d\r\n" % number
