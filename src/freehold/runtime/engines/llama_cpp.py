"""A llama-server that someone started on this machine; the house's own is `llama_server`."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import PurePath
from typing import Final

from freehold.core.errors import FreeholdError
from freehold.runtime.calls import ChatCall, EmbedCall, Embeddings, Event, Model
from freehold.runtime.dialects.kinds import kind_by_name
from freehold.runtime.dialects.openai_upstream import ServedMeta, ServedModel
from freehold.runtime.engines.contract import EngineCard, Workshop
from freehold.runtime.wire.openai import OpenAIWires

_URL: Final = "http://127.0.0.1:8080"
_PROBE_S: Final = 0.5


class LlamaCpp:
    """Speaks to a llama-server that someone else started in the OpenAI dialect."""

    def __init__(self, workshop: Workshop, url: str = _URL) -> None:
        self._wires = OpenAIWires(workshop.client)
        self._url = url

    def chat(
        self, model: Model, call: ChatCall
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Stream the next message; leaving the context closes the connection."""
        return self._wires.at(model.url or self._url).chat(call, model.upstream_name)

    async def embed(self, model: Model, call: EmbedCall) -> Embeddings:
        """Vectors of unit length, one for each text."""
        return await self._wires.at(model.url or self._url).embed(call, model.upstream_name)

    async def find(self) -> tuple[Model, ...]:
        """Models of the server on the usual port, if it is a llama-server."""
        try:
            served = await self._wires.at(self._url).models(timeout_s=_PROBE_S)
        except FreeholdError:
            return ()
        return tuple(self._model(item) for item in served if item.owned_by == "llamacpp")

    def _model(self, item: ServedModel) -> Model:
        """It names a model by the path of its file; people know it by the file's name."""
        name = PurePath(item.id).name.removesuffix(".gguf") or item.id
        meta = item.meta or ServedMeta()
        return Model(
            name=f"llama-cpp/{name}",
            engine="llama-cpp",
            kind=kind_by_name(name),
            bytes=max(0, meta.size or 0),
            url=self._url,
            upstream_name=item.id,
            source="llama-server on this machine",
            context_tokens=max(0, meta.n_ctx or meta.n_ctx_train or 0),
        )


ENGINE: Final = EngineCard(
    summary="A llama-server that already runs on this machine.",
    build=LlamaCpp,
    source="llama.cpp, tools/server/README.md",
)
