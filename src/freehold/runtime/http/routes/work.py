"""Long work: how far it is, and how it ended."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from freehold.runtime.dialects.sse import EventWriter
from freehold.runtime.http.contract import Answer, Ask, EventStream, House, Route, as_json
from freehold.runtime.work.works import Work


async def show(ask: Ask, house: House) -> Answer:
    """Work as it stands."""
    return as_json(house.works.get(ask.user.id, ask.named("id")))


async def events(ask: Ask, house: House) -> Answer:
    """Progress as it comes, then the outcome."""
    user, work_id = ask.user.id, ask.named("id")
    house.works.get(user, work_id)

    @asynccontextmanager
    async def opened() -> AsyncGenerator[AsyncIterator[bytes]]:
        async with house.works.follow(user, work_id) as changes:
            yield _written(changes)

    return EventStream(open=opened)


async def _written(changes: AsyncIterator[Work]) -> AsyncIterator[bytes]:
    async for work in changes:
        name = "progress" if work.state == "running" else "done"
        yield _EVENTS.write(name, msgspec.json.encode(work))


_EVENTS: Final = EventWriter(frozenset({"progress", "done"}))
_AT: Final = "/freehold/v1/jobs/{id}"
ROUTES: Final = (
    Route(method="GET", path=_AT, who="person", take=show, summary="Work as it stands."),
    Route(
        method="GET",
        path=_AT + "/events",
        who="person",
        take=events,
        summary="Progress as it comes.",
    ),
)
