"""The OpenAI dialect, spoken to one server over the client."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from freehold.core.errors import EngineRefused
from freehold.core.units import KIB, MIB
from freehold.runtime.calls import ChatCall, EmbedCall, Embeddings, Event
from freehold.runtime.dialects.openai_upstream import (
    ChunkReader,
    ServedModel,
    read_embeddings,
    read_models,
    write_chat,
    write_embed,
)
from freehold.runtime.dialects.refusal import read_refusal
from freehold.runtime.outbound.address import read_address
from freehold.runtime.outbound.answer import StreamedResponse
from freehold.runtime.outbound.client import Client
from freehold.runtime.outbound.sse import EventReader

_OK: Final = 200
_ERROR_LIMIT: Final = 64 * KIB
_EMBED_LIMIT: Final = 256 * MIB
_LIST_LIMIT: Final = 4 * MIB


class OpenAIWire:
    """One server of the dialect.

    Args:
        client: what carries it.
        base_url: address of the server, with or without `/v1` at its end.
        key: bearer key; none when empty. It goes to this server only.
        idle_s: longest silence before a piece of the answer; covers reading a long prompt.
        total_s: longest whole answer.
    """

    def __init__(
        self,
        client: Client,
        base_url: str,
        key: str = "",
        *,
        idle_s: float = 600,
        total_s: float = 6 * 3600,
    ) -> None:
        self._client = client
        self._base = base_url.rstrip("/").removesuffix("/v1")
        self._place = read_address(self._base).place
        self._idle_s = idle_s
        self._total_s = total_s
        kept = [("authorization", f"Bearer {key}")] if key else []
        self._headers = (("content-type", "application/json"), *kept)

    @asynccontextmanager
    async def chat(
        self, call: ChatCall, upstream_name: str
    ) -> AsyncGenerator[AsyncIterator[Event]]:
        """Stream the next message; leaving the context closes the connection.

        Raises as `freehold.runtime.engines.contract.Chats.chat`; a refusal is raised on entry,
        before the first event.
        """
        if call.whole:
            yield self._whole(await self._answered(call, upstream_name))
            return
        async with self._client.stream(
            "POST",
            f"{self._base}/v1/chat/completions",
            headers=self._headers,
            body=write_chat(call, upstream_name),
            timeout_s=self._total_s,
            idle_timeout_s=self._idle_s,
        ) as answer:
            if answer.status != _OK:
                raise read_refusal(answer.status, await _bounded(answer), self._place)
            yield self._events(answer)

    async def _answered(self, call: ChatCall, upstream_name: str) -> bytes:
        """The body of an answer in one piece; a stream costs llama-server its connection."""
        answer = await self._client.request(
            "POST",
            f"{self._base}/v1/chat/completions",
            headers=self._headers,
            body=write_chat(call, upstream_name),
            timeout_s=self._total_s,
        )
        if answer.status != _OK:
            raise read_refusal(answer.status, answer.body[:_ERROR_LIMIT], self._place)
        return answer.body

    async def _whole(self, body: bytes) -> AsyncIterator[Event]:
        reader = ChunkReader(self._place)
        for piece in reader.read(body):
            yield piece
        yield reader.done()

    async def _events(self, answer: StreamedResponse) -> AsyncIterator[Event]:
        reader = ChunkReader(self._place)
        events = EventReader()
        while not reader.ended and (chunk := await answer.chunk()):
            for event in events.feed(chunk):
                for piece in reader.read(event.data):
                    yield piece
        if not reader.ended and (last := events.close()) is not None:
            for piece in reader.read(last.data):
                yield piece
        done = reader.done()
        await answer.settle()
        yield done

    async def embed(self, call: EmbedCall, upstream_name: str) -> Embeddings:
        """Vectors of unit length, one for each text. Raises as `chat`."""
        answer = await self._client.request(
            "POST",
            f"{self._base}/v1/embeddings",
            headers=self._headers,
            body=write_embed(call, upstream_name),
            timeout_s=self._idle_s,
            limit=_EMBED_LIMIT,
        )
        if answer.status != _OK:
            raise read_refusal(answer.status, answer.body, self._place)
        return read_embeddings(answer.body, call, self._place)

    async def models(self, *, timeout_s: float = 5) -> tuple[ServedModel, ...]:
        """What the server lists. Raises as `chat`."""
        answer = await self._client.request(
            "GET",
            f"{self._base}/v1/models",
            headers=self._headers,
            timeout_s=timeout_s,
            limit=_LIST_LIMIT,
        )
        if answer.status != _OK:
            raise read_refusal(answer.status, answer.body, self._place)
        return read_models(answer.body, self._place)


async def _bounded(answer: StreamedResponse) -> bytes:
    try:
        return await answer.read(_ERROR_LIMIT)
    except EngineRefused:
        return b""


class OpenAIWires:
    """Wires to as many servers as models name, each made once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._wires: dict[str, OpenAIWire] = {}

    def at(self, base_url: str) -> OpenAIWire:
        """The wire to one server; keyless, as servers on the usual loopback ports are."""
        if base_url not in self._wires:
            self._wires[base_url] = OpenAIWire(self._client, base_url)
        return self._wires[base_url]
