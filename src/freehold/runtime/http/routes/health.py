"""Can each class of work be served: not whether the port is open."""

from typing import Final, Literal

import msgspec

from freehold import VERSION
from freehold.runtime.http.contract import Answer, Ask, House, Reply, Route, as_json
from freehold.runtime.knowledge.contract import Meaning
from freehold.runtime.machine.disk import Disk
from freehold.runtime.models.shelf import READING_ROOM
from freehold.runtime.outbound.client import Egress
from freehold.runtime.supervise.child import ChildState

State = Literal["ok", "degraded"]


class Classes(msgspec.Struct, frozen=True, kw_only=True):
    """How each class of work is served, in a word."""

    chat: str
    """`ok`, `reading-room` (no language model), `unavailable`."""
    embed: str
    """`ok`, `building`, `off`, `unavailable`."""
    documents: str
    """`ok`, `words-only`."""


class _Health(msgspec.Struct, frozen=True):
    status: State
    classes: Classes


class _EgressCard(msgspec.Struct, frozen=True):
    bytes: int
    by: tuple[Egress, ...]


class _Status(msgspec.Struct, frozen=True, kw_only=True):
    state: State
    version: str
    uptime_s: float
    children: tuple[ChildState, ...]
    egress: _EgressCard
    classes: Classes
    meaning: Meaning


class _CpuCard(msgspec.Struct, frozen=True):
    model: str
    cores: int


class _GpuCard(msgspec.Struct, frozen=True):
    name: str
    memory_bytes: int


class _FoundCard(msgspec.Struct, frozen=True):
    name: str
    bytes: int
    source: str


class _ServerCard(msgspec.Struct, frozen=True):
    engine: str
    url: str
    models: tuple[str, ...]


class _MachineCard(msgspec.Struct, frozen=True, kw_only=True):
    cpu: _CpuCard
    memory_bytes: int
    memory_free_bytes: int
    gpus: tuple[_GpuCard, ...]
    disk: Disk
    found_models: tuple[_FoundCard, ...]
    servers: tuple[_ServerCard, ...]


async def _classes(house: House) -> Classes:
    models = await house.shelf.models()
    chats = any(m.kind == "chat" and m.name != READING_ROOM for m in models)
    meaning = house.library.meaning()
    embed = {"on": "ok", "building": "building", "off": "off"}.get(meaning.state, "unavailable")
    return Classes(
        chat="ok" if chats else "reading-room",
        embed=embed,
        documents="ok" if meaning.state in {"on", "building"} else "words-only",
    )


def _state(house: House) -> State:
    children = house.supervisor.children()
    well = all(child.state in {"ready", "stopped"} for child in children)
    return "ok" if well and house.bus.connected else "degraded"


async def health(ask: Ask, house: House) -> Answer:
    """Whether work can be served; 503 when the store does not answer."""
    del ask
    await house.chats.ping()
    return as_json(_Health(_state(house), await _classes(house)))


async def status(ask: Ask, house: House) -> Answer:
    """The house and its children."""
    del ask
    sent = house.client.egress()
    return as_json(
        _Status(
            state=_state(house),
            version=VERSION,
            uptime_s=round(house.clock.now() - house.started_at, 1),
            children=house.supervisor.children(),
            egress=_EgressCard(sum(one.bytes for one in sent), sent),
            classes=await _classes(house),
            meaning=house.library.meaning(),
        )
    )


async def machine(ask: Ask, house: House) -> Answer:
    """What this machine has, and which models and servers are here already."""
    del ask
    found = await house.machine()
    models = await house.shelf.models()
    behind = sorted({(model.engine, model.url) for model in models if model.url})
    card = _MachineCard(
        cpu=_CpuCard(found.cpu.model, found.cpu.cores),
        memory_bytes=found.memory.total,
        memory_free_bytes=found.memory.available,
        gpus=tuple(_GpuCard(gpu.name, gpu.memory_bytes) for gpu in found.gpus),
        disk=found.disk,
        found_models=tuple(
            _FoundCard(model.name, model.bytes, model.source) for model in models if model.path
        ),
        servers=tuple(
            _ServerCard(engine, url, tuple(m.name for m in models if m.url == url))
            for engine, url in behind
        ),
    )
    return as_json(card)


async def version(ask: Ask, house: House) -> Answer:
    """The version."""
    del ask, house
    return as_json({"version": VERSION})


async def metrics(ask: Ask, house: House) -> Answer:
    """Numbers of the house for Prometheus, in its text format."""
    del ask
    lines = [
        "# HELP freehold_uptime_seconds Time since the house started.",
        "# TYPE freehold_uptime_seconds gauge",
        f"freehold_uptime_seconds {house.clock.now() - house.started_at:.1f}",
        "# HELP freehold_egress_bytes_total Bytes sent to other machines.",
        "# TYPE freehold_egress_bytes_total counter",
        f"freehold_egress_bytes_total {sum(one.bytes for one in house.client.egress())}",
        "# HELP freehold_child_restarts_total Times a child process was started again.",
        "# TYPE freehold_child_restarts_total counter",
        *(
            f'freehold_child_restarts_total{{child="{child.name}"}} {child.restarts}'
            for child in house.supervisor.children()
        ),
    ]
    body = ("\n".join(lines) + "\n").encode()
    return Reply(body=body, content_type="text/plain; version=0.0.4; charset=utf-8")


_AT: Final = "/freehold/v1"
ROUTES: Final = (
    Route(
        method="GET",
        path="/health",
        who="public",
        take=health,
        summary="Whether each class of work can be served.",
    ),
    Route(method="GET", path="/version", who="public", take=version, summary="The version."),
    Route(
        method="GET",
        path="/metrics",
        who="person",
        take=metrics,
        summary="Numbers for Prometheus.",
    ),
    Route(
        method="GET",
        path=f"{_AT}/status",
        who="person",
        take=status,
        summary="The house and its children.",
    ),
    Route(
        method="GET",
        path=f"{_AT}/machine",
        who="person",
        take=machine,
        summary="What this machine has.",
    ),
)
