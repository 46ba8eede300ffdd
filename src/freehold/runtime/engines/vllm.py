"""A vLLM that runs on this machine."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Final

from freehold.core.errors import FreeholdError
from freehold.runtime.calls import ChatCall, EmbedCall, Embeddings, Event, Model
from freehold.runtime.dialects.kinds import kind_by_name
from freehold.runtime.engines.contract import EngineCard, Workshop
from freehold.runtime.wire.openai import OpenAIWires

_URL: Final = "http://127.0.0.1:8000"
_PROBE_S: Final = 0.5


class Vllm:
    """Speaks to vLLM in the OpenAI dialect."""

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
        """Models of the server on the usual port, if it is a vLLM: many things listen there."""
        try:
            served = await self._wires.at(self._url).models(timeout_s=_PROBE_S)
        except FreeholdError:
            return ()
        return tuple(
            Model(
                name=f"vllm/{item.id}",
                engine="vllm",
                kind=kind_by_name(item.id),
                url=self._url,
                upstream_name=item.id,
                source="vLLM on this machine",
                context_tokens=max(0, item.max_model_len or 0),
            )
            for item in served
            if item.owned_by == "vllm"
        )


ENGINE: Final = EngineCard(
    summary="vLLM, running on this machine.",
    build=Vllm,
    source='vLLM documentation, "OpenAI-Compatible Server"',
)
