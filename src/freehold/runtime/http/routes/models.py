"""Models: what is here, adding, fetching, removing."""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from freehold.core.errors import BadRequest
from freehold.runtime.calls import Model
from freehold.runtime.http.contract import Answer, Ask, House, Route, as_json
from freehold.runtime.work.works import Progress


class _Card(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    engine: str
    kind: str
    resident: bool
    bytes: int
    source: str
    context_tokens: int
    demo: bool


class _Cards(msgspec.Struct, frozen=True):
    models: tuple[_Card, ...]
    default: str


class _Add(msgspec.Struct):
    path: Annotated[str, msgspec.Meta(max_length=4096)]


class _Pull(msgspec.Struct):
    ref: Annotated[str, msgspec.Meta(max_length=400)]


class _Job(msgspec.Struct, frozen=True):
    job: str


def _card(house: House, model: Model) -> _Card:
    return _Card(
        name=model.name,
        engine=model.engine,
        kind=model.kind,
        resident=house.gateway.is_resident(model),
        bytes=model.bytes,
        source=model.source,
        context_tokens=model.context_tokens,
        demo=model.demo,
    )


async def page(ask: Ask, house: House) -> Answer:
    """Every model this house can serve, and the one it uses when none is named."""
    del ask
    models = await house.shelf.models()
    default = (await house.gateway.model("")).name
    return as_json(_Cards(tuple(_card(house, model) for model in models), default))


async def add(ask: Ask, house: House) -> Answer:
    """Serve a GGUF file of this machine, where it lies."""
    wanted = await ask.json(_Add)
    path = Path(wanted.path)
    if not path.is_absolute() or "\0" in wanted.path:
        raise BadRequest("the path must be absolute", where="path")
    return as_json(_card(house, await house.shelf.add(path)))


async def pull(ask: Ask, house: House) -> Answer:
    """Fetch a model from the hub; its progress counts bytes."""
    wanted = await ask.json(_Pull)

    async def fetch(progress: Progress) -> dict[str, object]:
        def told(done: int, total: int) -> None:
            progress(done, total, wanted.ref)

        model = await house.shelf.pull(wanted.ref, told)
        return {"model": _card(house, model)}

    return as_json(_Job(house.works.start("pull", ask.user.id, fetch).id), status=202)


async def remove(ask: Ask, house: House) -> Answer:
    """Stop serving a model; weights that this house did not fetch stay on disk."""
    await house.shelf.remove(ask.named("name"))
    return as_json({})


_AT: Final = "/freehold/v1/models"
ROUTES: Final = (
    Route(method="GET", path=_AT, who="person", take=page, summary="Every model there is."),
    Route(method="POST", path=_AT, who="admin", take=add, summary="Serve a file of this machine."),
    Route(
        method="POST",
        path=f"{_AT}/pull",
        who="admin",
        take=pull,
        summary="Fetch a model from the hub.",
    ),
    Route(
        method="DELETE",
        path=_AT + "/{name:path}",
        who="admin",
        take=remove,
        summary="Stop serving a model.",
    ),
)
