"""What an engine must be: small abilities, of which each engine has those it has."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, runtime_checkable

import msgspec

from freehold.core.clock import Clock
from freehold.core.log import Log
from freehold.runtime.calls import ChatCall, EmbedCall, Embeddings, Event, Model
from freehold.runtime.outbound.client import Client
from freehold.runtime.supervise.supervisor import Supervisor


class Workshop(msgspec.Struct, frozen=True, kw_only=True):
    """What the house lends an engine to do its work with."""

    client: Client
    supervisor: Supervisor
    clock: Clock
    log: Log
    threads: int
    """Threads a child of ours may compute with."""


@runtime_checkable
class Chats(Protocol):
    """Answers conversations."""

    def chat(
        self, model: Model, call: ChatCall
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """Stream the next message; leaving the context stops the engine's work at once.

        The stream ends with exactly one `Done`. Raises `EngineUnreachable`, `EngineRefused`,
        `ContextTooLong`, or `EngineCut` when it broke off after it began.
        """
        ...


@runtime_checkable
class Embeds(Protocol):
    """Turns texts into vectors."""

    async def embed(self, model: Model, call: EmbedCall) -> Embeddings:
        """Vectors of unit length, one for each text. Raises as `Chats.chat`."""
        ...


@runtime_checkable
class Loads(Protocol):
    """Holds models in memory of this machine, and can let go of them."""

    async def load(self, model: Model) -> None:
        """Have the model ready; returns when it answers. Raises `NoRoom`, `ChildFailed`."""
        ...

    async def unload(self, model: Model) -> None:
        """Let go of the model's memory; nothing to do when it is not resident."""
        ...

    def resident(self) -> frozenset[str]:
        """Names of the models in memory now."""
        ...


@runtime_checkable
class Finds(Protocol):
    """Can say which models a running server of its kind has."""

    async def find(self) -> tuple[Model, ...]:
        """Models of the server on its usual loopback port; empty when nothing answers in 0.5 s."""
        ...


class Engine(Protocol):
    """Any of the abilities above; an engine shows which by having them."""


class EngineCard(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the engines folder."""

    summary: str
    """One sentence, with a full stop."""
    build: Callable[[Workshop], Engine]
    source: str
    """The document the adapter was written from."""
