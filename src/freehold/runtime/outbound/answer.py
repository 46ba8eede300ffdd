"""Answers as the client hands them on: whole, or while they come."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

import msgspec

from freehold.core.errors import EngineCut, EngineRefused
from freehold.core.units import MIB
from freehold.runtime.outbound.connection import Connection
from freehold.runtime.outbound.head import Headers
from freehold.runtime.outbound.sse import EventReader, ServerEvent

_SETTLE_S: Final = 0.005


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    status: int
    headers: Headers
    body: bytes


class StreamedResponse:
    """An answer whose body is still coming."""

    __slots__ = ("_connection", "headers", "status")

    def __init__(self, status: int, headers: Headers, connection: Connection) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection

    async def chunk(self) -> bytes:
        """What has come since the last call; empty at the end. Raises `EngineCut`."""
        return await self._connection.chunk()

    async def body(self) -> AsyncIterator[bytes]:
        """The body as it comes. Raises `EngineCut` when it breaks off."""
        while chunk := await self._connection.chunk():
            yield chunk

    async def read(self, limit: int) -> bytes:
        """The whole body. Raises `EngineRefused` when it is longer than `limit` bytes."""
        pieces: list[bytes] = []
        held = 0
        while chunk := await self._connection.chunk():
            held += len(chunk)
            if held > limit:
                message = f"the answer is longer than the {limit} bytes it may have"
                raise EngineRefused(message)
            pieces.append(chunk)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    async def settle(self) -> None:
        """Take what little is left after the end of the answer, so that the connection is kept.

        For a reader that knows the end from the content; waits no longer than 5 ms.
        """
        try:
            async with asyncio.timeout(_SETTLE_S):
                while await self._connection.chunk():
                    pass
        except (TimeoutError, EngineCut):
            return

    async def events(self, limit: int = MIB) -> AsyncIterator[ServerEvent]:
        """The body as server-sent events, each of at most `limit` bytes. Raises `EngineCut`."""
        reader = EventReader(limit)
        while chunk := await self._connection.chunk():
            for event in reader.feed(chunk):
                yield event
        if (last := reader.close()) is not None:
            yield last

    async def lines(self, limit: int = MIB) -> AsyncIterator[bytes]:
        """The body line by line, empty lines left out. Raises `EngineCut` as `events`."""
        rest = b""
        while chunk := await self._connection.chunk():
            *whole, rest = (rest + chunk).split(b"\n")
            if max(len(rest), max(map(len, whole), default=0)) > limit:
                message = f"the server sent a line longer than {limit} bytes"
                raise EngineCut(message)
            for line in whole:
                if line.strip():
                    yield line
        if rest.strip():
            yield rest
