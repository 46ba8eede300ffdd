"""An LM Studio that runs on this machine."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Final

from freehold.core.errors import FreeholdError
from freehold.core.units import MIB
from freehold.runtime.calls import ChatCall, EmbedCall, Embeddings, Event, Model
from freehold.runtime.dialects.kinds import kind_by_name
from freehold.runtime.dialects.lm_studio import LmStudioModel, read_list, read_old_list
from freehold.runtime.engines.contract import EngineCard, Workshop
from freehold.runtime.wire.openai import OpenAIWires

_URL: Final = "http://127.0.0.1:1234"
_OK: Final = 200
_PROBE_S: Final = 0.5


class LmStudio:
    """Speaks to LM Studio in the OpenAI dialect."""

    def __init__(self, workshop: Workshop, url: str = _URL) -> None:
        self._client = workshop.client
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
        """Models of the LM Studio on its usual port, loaded or not: it loads what is asked for."""
        try:
            found = await self._list("/api/v1/models", read_list)
            if found is None:
                found = await self._list("/api/v0/models", read_old_list)
        except FreeholdError:
            return ()
        return tuple(
            Model(
                name=f"lm-studio/{item.name}",
                engine="lm-studio",
                kind=kind_by_name(item.name) if item.kind == "chat" else item.kind,
                bytes=item.bytes,
                url=self._url,
                upstream_name=item.name,
                source="LM Studio on this machine",
                context_tokens=item.context_tokens,
            )
            for item in found or ()
        )

    async def _list(
        self, path: str, read: Callable[[bytes], tuple[LmStudioModel, ...] | None]
    ) -> tuple[LmStudioModel, ...] | None:
        answer = await self._client.request(
            "GET", f"{self._url}{path}", timeout_s=_PROBE_S, limit=4 * MIB
        )
        return read(answer.body) if answer.status == _OK else None


ENGINE: Final = EngineCard(
    summary="LM Studio, running on this machine.",
    build=LmStudio,
    source='LM Studio documentation, "OpenAI Compatibility Endpoints" and "REST API"',
)
