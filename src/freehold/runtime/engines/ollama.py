"""An Ollama that runs on this machine, with the models it has."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final

from freehold.core.errors import ContextTooLong, EngineCut, EngineError
from freehold.core.units import MIB
from freehold.runtime.calls import ChatCall, Done, EmbedCall, Embeddings, Event, Model
from freehold.runtime.dialects.ollama_upstream import (
    LineReader,
    Shown,
    Tag,
    read_embeddings,
    read_show,
    read_tags,
    write_chat,
    write_embed,
    write_show,
)
from freehold.runtime.dialects.refusal import read_refusal
from freehold.runtime.engines.contract import EngineCard, Workshop
from freehold.runtime.outbound.address import read_address
from freehold.runtime.outbound.answer import StreamedResponse

_URL: Final = "http://127.0.0.1:11434"
_OK: Final = 200
_PROBE_S: Final = 0.5
_SHOW_S: Final = 2.0
_IDLE_S: Final = 600.0
"""Longest silence: loading a large model from a slow disk, then reading a long prompt."""
_TOTAL_S: Final = 6 * 3600.0
_MOST_MODELS: Final = 200
_AT_ONCE: Final = 8
_JSON: Final = (("content-type", "application/json"),)
_CHARACTERS_PER_TOKEN: Final = 2.5
"""Cautious: English has about 4, code and other languages have fewer."""
_ROOM_TO_ANSWER: Final = 1024


class Ollama:
    """Speaks to Ollama in its own dialect."""

    def __init__(self, workshop: Workshop, url: str = _URL) -> None:
        self._client = workshop.client
        self._url = url
        self._contexts: dict[str, int] = {}
        """Context a model had to be given, so that it is not loaded anew for every call."""

    @asynccontextmanager
    async def chat(self, model: Model, call: ChatCall) -> AsyncGenerator[AsyncIterator[Event]]:
        """Stream the next message; leaving the context closes the connection, which stops it.

        A conversation too long for the context Ollama chose is sent once more with a larger one,
        when the model was trained for it.
        """
        async with AsyncExitStack() as stack:
            try:
                answer = await self._ask(stack, model, call, self._contexts.get(model.name))
            except ContextTooLong:
                wanted = _context_for(call, model.context_tokens)
                if wanted is None or wanted <= self._contexts.get(model.name, 0):
                    raise
                self._contexts[model.name] = wanted
                answer = await self._ask(stack, model, call, wanted)
            yield self._events(answer, read_address(model.url or self._url).place)

    async def _ask(
        self, stack: AsyncExitStack, model: Model, call: ChatCall, context: int | None
    ) -> StreamedResponse:
        base = model.url or self._url
        answer = await stack.enter_async_context(
            self._client.stream(
                "POST",
                f"{base}/api/chat",
                headers=_JSON,
                body=write_chat(call, model.upstream_name, context),
                timeout_s=_TOTAL_S,
                idle_timeout_s=_IDLE_S,
            )
        )
        if answer.status != _OK:
            body = await answer.read(MIB)
            raise read_refusal(answer.status, body, read_address(base).place)
        return answer

    async def _events(self, answer: StreamedResponse, place: str) -> AsyncIterator[Event]:
        reader = LineReader(place)
        async for line in answer.lines():
            for event in reader.read(line):
                if isinstance(event, Done):
                    await answer.settle()
                    yield event
                    return
                yield event
        message = f"{place} stopped in the middle of its answer"
        raise EngineCut(message, where=place, fix="ask again")

    async def embed(self, model: Model, call: EmbedCall) -> Embeddings:
        """Vectors of unit length, one for each text; a text too long is refused, never cut."""
        base = model.url or self._url
        answer = await self._client.request(
            "POST",
            f"{base}/api/embed",
            headers=_JSON,
            body=write_embed(call, model.upstream_name),
            timeout_s=_IDLE_S,
            limit=256 * MIB,
        )
        place = read_address(base).place
        if answer.status != _OK:
            raise read_refusal(answer.status, answer.body, place)
        return read_embeddings(answer.body, call, place)

    async def find(self) -> tuple[Model, ...]:
        """Models of the Ollama on its usual port; those that live on other machines left out."""
        place = read_address(self._url).place
        try:
            answer = await self._client.request(
                "GET", f"{self._url}/api/tags", timeout_s=_PROBE_S, limit=4 * MIB
            )
            tags = read_tags(answer.body, place) if answer.status == _OK else ()
        except EngineError:
            return ()
        turns = asyncio.Semaphore(_AT_ONCE)
        shown = await asyncio.gather(*(self._show(tag, turns) for tag in tags[:_MOST_MODELS]))
        return tuple(self._model(tag, told) for tag, told in zip(tags, shown, strict=False))

    async def _show(self, tag: Tag, turns: asyncio.Semaphore) -> Shown:
        try:
            async with turns:
                answer = await self._client.request(
                    "POST",
                    f"{self._url}/api/show",
                    headers=_JSON,
                    body=write_show(tag.name),
                    timeout_s=_SHOW_S,
                    limit=64 * MIB,
                )
        except EngineError:
            return read_show(b"", tag)
        return read_show(answer.body if answer.status == _OK else b"", tag)

    def _model(self, tag: Tag, told: Shown) -> Model:
        return Model(
            name=f"ollama/{tag.name}",
            engine="ollama",
            kind=told.kind,
            bytes=max(0, tag.size),
            url=self._url,
            upstream_name=tag.name,
            source="Ollama on this machine",
            context_tokens=told.context_tokens,
        )


def _context_for(call: ChatCall, longest: int) -> int | None:
    """Context that a call should fit into, a power of two; none when the model has less."""
    characters = sum(len(message.content) for message in call.messages)
    characters += len(bytes(call.tools)) if call.tools is not None else 0
    needed = int(characters / _CHARACTERS_PER_TOKEN) + (call.max_tokens or _ROOM_TO_ANSWER)
    wanted = min(1 << (needed - 1).bit_length(), longest)
    return wanted if wanted >= needed else None


ENGINE: Final = EngineCard(
    summary="Ollama, running on this machine.",
    build=Ollama,
    source="Ollama API reference: /api/chat, /api/embed, /api/tags, /api/show",
)
