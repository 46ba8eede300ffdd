"""THE journey of a request for a model: which model, which engine, room for it, its events.

Callers are known and their JSON is typed before they come here; what comes back is typed events.
A stream is a context manager: leaving it, for whatever reason, stops the engine's work.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager

import msgspec

from freehold.core.errors import BadRequest, EngineCut
from freehold.runtime.calls import ChatCall, Done, EmbedCall, Embeddings, Event, Model
from freehold.runtime.engines.contract import Chats, Embeds, Engine, Loads
from freehold.runtime.models.shelf import Shelf


class Gateway:
    """Serves models to callers."""

    def __init__(self, shelf: Shelf, engines: Mapping[str, Engine]) -> None:
        self._shelf = shelf
        self._engines = engines

    async def model(self, name: str) -> Model:
        """The model a caller means; an empty name means the house's own choice.

        Raises:
            ModelUnknown: nothing serves it; the message names the nearest.
        """
        return await self._shelf.find(name)

    def is_resident(self, model: Model) -> bool:
        """Whether this house holds the model in memory now; of others' servers nobody knows."""
        engine = self._engines[model.engine]
        return isinstance(engine, Loads) and model.name in engine.resident()

    @asynccontextmanager
    async def chat(self, call: ChatCall) -> AsyncGenerator[AsyncIterator[Event]]:
        """Answer one call.

        Raises:
            ModelUnknown: nothing serves the model.
            BadRequest: the model does not chat.
            EngineError: what sits behind failed; `EngineCut` when after the first event.
        """
        model = await self._shelf.find(call.model)
        engine = self._engines[model.engine]
        if model.kind != "chat" or not isinstance(engine, Chats):
            message = f"{model.name!r} is not a model that chats (it is for: {model.kind})"
            raise BadRequest(
                message, where="model", fix="see `freehold models ls` for one that does"
            )
        own = msgspec.structs.replace(call, model=model.name)
        async with engine.chat(model, own) as events:
            yield _with_an_end(events, model)

    async def embed(self, call: EmbedCall) -> Embeddings:
        """Vectors for texts. Raises as `chat`."""
        model = await self._shelf.find(call.model)
        engine = self._engines[model.engine]
        if model.kind != "embed" or not isinstance(engine, Embeds):
            message = f"{model.name!r} does not make embeddings (it is for: {model.kind})"
            raise BadRequest(
                message, where="model", fix="see `freehold models ls` for one that does"
            )
        return await engine.embed(model, call)


async def _with_an_end(events: AsyncIterator[Event], model: Model) -> AsyncIterator[Event]:
    """Pass events on; a stream without `Done` was cut, whatever the engine believes."""
    async for event in events:
        yield event
        if isinstance(event, Done):
            return
    message = f"{model.name!r} stopped before its answer was complete"
    raise EngineCut(message, fix="ask again; `freehold logs` says what the engine met")
