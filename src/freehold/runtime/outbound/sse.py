"""Reads server-sent events, however the bytes are cut. Pure.

Source: WHATWG HTML, section 9.2, "Server-sent events". One thing differs on purpose: an event that
the clean end of the body leaves without its blank line is still delivered, since the framing of
the body already says that nothing is missing.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from freehold.core.errors import EngineCut
from freehold.core.units import MIB

_ENDS: Final = re.compile(rb"\r\n|\n|\r")
_BOM: Final = b"\xef\xbb\xbf"


class ServerEvent(msgspec.Struct, frozen=True):
    """One event."""

    type: str
    """`message` where the server names none."""
    data: bytes
    id: str = ""


class EventReader:
    """Collects bytes into events; `limit` bounds one line and one event, in bytes."""

    __slots__ = ("_after_cr", "_data", "_held", "_id", "_limit", "_rest", "_started", "_type")

    def __init__(self, limit: int = MIB) -> None:
        self._limit = limit
        self._rest = b""
        self._after_cr = False
        self._started = False
        self._data: list[bytes] = []
        self._held = 0
        self._type = ""
        self._id = ""

    def feed(self, chunk: bytes) -> Iterator[ServerEvent]:
        """Events that `chunk` completes.

        Raises:
            EngineCut: a line or an event is longer than the limit.
        """
        for line in self._lines(chunk):
            if line:
                self._field(line)
            elif (event := self._take()) is not None:
                yield event

    def close(self) -> ServerEvent | None:
        """The last event, if the end of the body stood in for its blank line."""
        if self._rest:
            self._field(self._rest)
            self._rest = b""
        return self._take()

    def _lines(self, chunk: bytes) -> list[bytes]:
        if not self._started:
            chunk = self._rest + chunk
            if len(chunk) < len(_BOM) and _BOM.startswith(chunk):
                self._rest = chunk
                return []
            self._started = True
            self._rest = b""
            chunk = chunk.removeprefix(_BOM)
        if self._after_cr and chunk:
            chunk = chunk.removeprefix(b"\n")
            self._after_cr = False
        text = self._rest + chunk if self._rest else chunk
        if b"\r" in text:
            self._after_cr = text.endswith(b"\r")
            lines = _ENDS.split(text)
        else:
            lines = text.split(b"\n")
        self._rest = lines.pop()
        if len(self._rest) > self._limit:
            raise self._too_long()
        return lines

    def _field(self, line: bytes) -> None:
        if line.startswith(b"data: "):  # as nearly every line of nearly every stream is
            name, value = b"data", line[6:]
        else:
            name, _, value = line.partition(b":")
            value = value.removeprefix(b" ")
        if name == b"data":
            self._held += len(value) + 1
            if self._held > self._limit:
                raise self._too_long()
            self._data.append(value)
        elif name == b"event":
            self._type = value[:200].decode("utf-8", "replace")
        elif name == b"id" and b"\0" not in value:
            self._id = value[:200].decode("utf-8", "replace")

    def _take(self) -> ServerEvent | None:
        kind, self._type = self._type, ""
        if not self._data:
            return None
        data = self._data[0] if len(self._data) == 1 else b"\n".join(self._data)
        self._data = []
        self._held = 0
        return ServerEvent(kind or "message", data, self._id)

    def _too_long(self) -> EngineCut:
        return EngineCut(f"the server sent an event longer than {self._limit} bytes")
