"""llama.cpp: any GGUF file, each model in a child process of its own.

A model that crashes takes nothing with it, and one that is unloaded returns its memory to the
last byte. The program in the child is `freehold.runtime.llama.child`.
"""

import asyncio
import re
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec

from freehold.core.errors import (
    BadRequest,
    ChildFailed,
    EngineCut,
    EngineRefused,
    EngineUnreachable,
    ErrorCard,
    FreeholdError,
    NoRoom,
)
from freehold.core.units import MIB, Seconds, show_size
from freehold.runtime.calls import ChatCall, EmbedCall, Embeddings, Event, Model, ModelKind
from freehold.runtime.engines.contract import EngineCard, Workshop
from freehold.runtime.llama.last_words import length, reason_since
from freehold.runtime.llama.order import LoadOrder, LoadReply, Pooling
from freehold.runtime.machine.cpu import read_cpu
from freehold.runtime.machine.memory import Memory, read_memory
from freehold.runtime.supervise.supervisor import Child, ChildSpec
from freehold.runtime.wire.openai import OpenAIWire

_PROGRAM: Final = "freehold.runtime.llama.child"
_SOURCE: Final = Path(__file__).parents[3]
_OVER_FILE: Final = 1.2
"""Memory a model takes at the least, for each byte of its file: weights and a modest context."""
_OF_MEMORY: Final = 0.95
"""Share of all memory that models may take together; the rest is the house and the system."""
_CONTEXT_ROOM: Final = 0.8
"""Share of what the weights leave free that contexts may take."""
_START_S: Final = 30.0
_SLOWEST_DISK: Final = 40 * MIB
"""Bytes a second: a model is not given up on while a slow disk still reads it."""
_HEALTH_S: Final = 2.0
_ERRORS: Final = {kind.code: kind for kind in (BadRequest, NoRoom, ChildFailed)}


class Holding(msgspec.Struct, frozen=True, kw_only=True):
    """How a model is held in memory."""

    slots: int
    """Requests served at once, each with a context of its own."""
    context_tokens: int
    """Of each slot, at most; less where the model or the memory allows less."""
    sleep_after_s: int = 0
    """The child lets go of the memory after so long without work, until the next; 0: never."""
    pooling: Pooling = "model"
    threads: int = 0
    """Threads its child computes with; 0: what the house lends every model."""


class _Resident:
    """A model in memory."""

    def __init__(self, model: Model, need: int) -> None:
        self.model = model
        self.need = need
        self.users = 0
        self.last_used = Seconds(0.0)
        self.child: Child | None = None
        self.address = ""
        self.wire: OpenAIWire | None = None

    @property
    def is_up(self) -> bool:
        return self.child is not None and self.child.state == "ready"


class LlamaServer:
    """Holds models as they are called for, and lets go of the idle ones when room is needed.

    Args:
        workshop: what the house lends.
        memory: tells the memory there is; tests bring their own.
    """

    def __init__(self, workshop: Workshop, memory: Callable[[], Memory] = read_memory) -> None:
        self._workshop = workshop
        self._memory = memory
        self._logs: Path | None = None
        self._context_tokens = 8192
        self._holdings: dict[str, Holding] = {}
        self._residents: dict[str, _Resident] = {}
        self._loading: dict[str, int] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._room = asyncio.Lock()

    def settle_in(self, *, logs: Path, context_tokens: int) -> None:
        """Say where children write their logs, and how long a conversation may usually be."""
        self._logs = logs
        self._context_tokens = context_tokens

    def hold(self, name: str, holding: Holding) -> None:
        """Say how one model is to be held, from its next load on."""
        self._holdings[name] = holding

    @asynccontextmanager
    async def chat(self, model: Model, call: ChatCall) -> AsyncGenerator[AsyncIterator[Event]]:
        """Stream the next message, loading the model first if need be.

        A model whose child has died since it was last used is loaded again, once. Raises as
        `Chats.chat`, and as `load`.
        """
        _require(model, "chat")
        async with AsyncExitStack() as stack:
            wire = await stack.enter_async_context(self._using(model))
            try:
                events = await stack.enter_async_context(wire.chat(call, model.name))
            except (EngineUnreachable, EngineCut):
                if await self._answers(model, wire):
                    raise
                wire = await stack.enter_async_context(self._using(model))
                events = await stack.enter_async_context(wire.chat(call, model.name))
            yield _named(events, model)

    async def embed(self, model: Model, call: EmbedCall) -> Embeddings:
        """Vectors for texts; raises as `chat`."""
        _require(model, "embed")
        async with self._using(model) as wire:
            try:
                return await wire.embed(call, model.name)
            except (EngineUnreachable, EngineCut):
                if await self._answers(model, wire):
                    raise
        async with self._using(model) as wire:
            return await wire.embed(call, model.name)

    async def load(self, model: Model) -> None:
        """Have the model in memory.

        Raises:
            NoRoom: it needs more memory than there is, idle models aside; names both numbers.
            BadRequest: its file is missing, damaged, cut off, or no model.
            ChildFailed: llama.cpp could not load it, or crashed over it.
        """
        async with self._using(model):
            pass

    async def unload(self, model: Model) -> None:
        """Let go of the model's memory; answers being written with it are cut."""
        async with self._lock(model.name):
            await self._drop(model.name)

    def resident(self) -> frozenset[str]:
        """Names of the models in memory now."""
        return frozenset(name for name, held in self._residents.items() if held.is_up)

    @asynccontextmanager
    async def _using(self, model: Model) -> AsyncGenerator[OpenAIWire]:
        """The model, in memory, and not let go of while the context lasts."""
        async with self._lock(model.name):
            held = self._residents.get(model.name)
            if held is None or not held.is_up or held.model.path != model.path:
                await self._drop(model.name)
                held = await self._load(model)
            held.users += 1
        try:
            assert held.wire is not None
            yield held.wire
        finally:
            held.users -= 1
            held.last_used = self._workshop.clock.now()

    def _lock(self, name: str) -> asyncio.Lock:
        return self._locks.setdefault(name, asyncio.Lock())

    async def _answers(self, model: Model, wire: OpenAIWire) -> bool:
        """Whether the child behind this wire still lives; if not, it is let go of."""
        held = self._residents.get(model.name)
        if held is None or held.wire is not wire:
            return False  # another caller, or the supervisor, has replaced it already
        try:
            url = f"{held.address}/health"
            await self._workshop.client.request("GET", url, timeout_s=_HEALTH_S)
        except (EngineUnreachable, EngineCut):
            async with self._lock(model.name):
                if self._residents.get(model.name) is held:
                    await self._drop(model.name)
            return False
        return True

    async def _load(self, model: Model) -> _Resident:
        lacks = read_cpu().lacks
        if lacks:
            message = f"this processor lacks {', '.join(lacks)}, which llama.cpp needs here"
            fix = "use a model server such as Ollama on this machine, or another machine"
            raise ChildFailed(message, fix=fix)
        size = model.bytes or await asyncio.to_thread(_file_size, model)
        need = int(size * _OVER_FILE)
        room = await self._make_room(model, need)
        try:
            held = _Resident(model, need)
            order = self._order(model, max(0, int((room - size) * _CONTEXT_ROOM)))
            held.child = await self._start(held, order, size)
        finally:
            del self._loading[model.name]
        self._residents[model.name] = held
        return held

    async def _make_room(self, model: Model, need: int) -> int:
        """Let go of idle models until `need` bytes are free, longest idle first; says what is."""
        async with self._room:
            free = self._free()
            idle = sorted(
                (held for held in self._residents.values() if not held.users),
                key=lambda held: held.last_used,
            )
            if need > free + sum(held.need for held in idle):
                raise self._no_room(model, need, free)
            for held in idle:
                if need <= free:
                    break
                self._workshop.log.info("model unloaded", model=held.model.name, why="room")
                await self._drop(held.model.name)
                free = self._free()
            if need > free:
                raise self._no_room(model, need, free)
            self._loading[model.name] = need
            return free

    def _free(self) -> int:
        """Memory for one more model.

        Weights are mapped from their file and count as available although they are in use: so
        what the models need is kept count of, beside what the kernel says.
        """
        memory = self._memory()
        coming = sum(self._loading.values())
        held = sum(held.need for held in self._residents.values())
        by_count = int(memory.total * _OF_MEMORY) - held
        return max(0, min(memory.available, by_count) - coming)

    def _no_room(self, model: Model, need: int, free: int) -> NoRoom:
        busy = [held.model.name for held in self._residents.values() if held.users]
        message = (
            f"{model.name!r} needs about {show_size(need)} of memory; {show_size(free)} are free"
        )
        fix = "choose a smaller model or quantisation, or close other programs"
        if busy or self._loading:
            fix = f"wait for {', '.join([*busy, *self._loading])} to finish, or {fix}"
        return NoRoom(message, where=model.name, fix=fix)

    def _order(self, model: Model, room: int) -> LoadOrder:
        holding = self._holdings.get(model.name) or self._usual(model.kind)
        return LoadOrder(
            path=model.path,
            kind=model.kind,
            threads=holding.threads or self._workshop.threads,
            slots=holding.slots,
            context_tokens=holding.context_tokens,
            sleep_after_s=holding.sleep_after_s,
            pooling=holding.pooling,
            room_bytes=room,
        )

    def _usual(self, kind: ModelKind) -> Holding:
        """How models are held when nothing is said about them."""
        if kind == "chat":
            return Holding(slots=2, context_tokens=self._context_tokens)
        return Holding(slots=4, context_tokens=2048, sleep_after_s=300)

    async def _start(self, held: _Resident, order: LoadOrder, size: int) -> Child:
        async def ready(child: Child) -> None:
            line, child.first_line = child.first_line, ""  # it holds a secret
            if not line:
                await asyncio.Event().wait()  # it is ending; how, the supervisor says
            reply = _read_reply(line, held.model)
            held.address = reply.address
            held.wire = OpenAIWire(self._workshop.client, reply.address, reply.key)
            self._workshop.log.info(
                "model loaded",
                model=held.model.name,
                took_s=reply.load_s,
                context_tokens=reply.context_tokens,
            )

        spec = ChildSpec(
            name=f"llama:{held.model.name}",
            argv=(
                *(sys.executable, "-s", "-P", "-m", _PROGRAM),
                msgspec.json.encode(order).decode(),
            ),
            log=self._log_of(held.model),
            ready=ready,
            ready_timeout_s=_START_S + size / _SLOWEST_DISK,
            capture_line=True,
            environment={"PYTHONPATH": str(_SOURCE)},
            leash=False,  # the program ties itself
        )
        said_before = await asyncio.to_thread(length, spec.log)
        try:
            return await self._workshop.supervisor.start(spec)
        except ChildFailed as error:
            reason = await asyncio.to_thread(reason_since, spec.log, said_before)
            if not reason:
                raise
            message = f"llama.cpp cannot load {held.model.name!r}: {reason}"
            raise ChildFailed(message, where=held.model.path, fix=error.fix) from error

    def _log_of(self, model: Model) -> Path:
        if self._logs is None:
            return Path("/dev/null")
        return self._logs / f"llama-{re.sub(r'[^A-Za-z0-9._-]+', '-', model.name)[:80]}.log"

    async def _drop(self, name: str) -> None:
        held = self._residents.pop(name, None)
        if held is not None:
            await self._workshop.supervisor.stop(f"llama:{name}")


async def _named(events: AsyncIterator[Event], model: Model) -> AsyncIterator[Event]:
    """The events, and a cut told by the model's name instead of an address of ours."""
    try:
        async for event in events:
            yield event
    except EngineCut as error:
        message = f"{model.name!r} stopped before its answer was complete"
        fix = "ask again: the model is loaded again by itself"
        raise EngineCut(message, where=model.name, fix=fix) from error


def _require(model: Model, kind: ModelKind) -> None:
    if model.kind != kind:
        does = {"chat": "chats", "embed": "makes vectors", "rerank": "ranks passages"}
        message = f"{model.name!r} {does[model.kind]}; it is not a model that {does[kind]}"
        fix = f"choose a model of kind {kind}: `freehold models ls` shows them"
        raise EngineRefused(message, where="model", fix=fix)


def _file_size(model: Model) -> int:
    try:
        return Path(model.path).stat().st_size
    except OSError as error:
        message = f"the file of {model.name!r} cannot be read: {(error.strerror or '').lower()}"
        fix = "put it back, or run `freehold models rm` for it"
        raise BadRequest(message, where=model.path, fix=fix) from error


def _read_reply(line: str, model: Model) -> LoadReply:
    """The child's first line. Raises what it says went wrong."""
    try:
        reply = msgspec.json.decode(line, type=LoadReply)
    except msgspec.DecodeError as error:
        message = f"the child for {model.name!r} began with something that is no reply"
        raise ChildFailed(message) from error
    if reply.error is not None:
        raise _as_error(reply.error)
    return reply


def _as_error(card: ErrorCard) -> FreeholdError:
    kind = _ERRORS.get(card.code, ChildFailed)
    return kind(card.title, where=card.where, fix=card.fix)


def build(workshop: Workshop) -> LlamaServer:
    """Make the engine; it starts nothing until a model is called for."""
    return LlamaServer(workshop)


ENGINE: Final = EngineCard(
    summary="llama.cpp in child processes of the house: any GGUF file, on processor or GPU.",
    build=build,
    source="github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md",
)
