"""Work that outlives the request that asked for it, watched by whoever has its id.

What the work itself keeps (files read, bytes fetched) is kept by the room that does it; only the
progress lives here, in memory, and the last 200 outcomes.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Literal, Self

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import ErrorCard, FreeholdError, HouseError, NotFound
from freehold.core.ids import new_id
from freehold.core.log import Log

KEPT: Final = 200


class Work(msgspec.Struct, frozen=True, kw_only=True):
    """Some work, as it stands."""

    id: str
    owner: str
    """User who asked for it."""
    state: Literal["running", "done", "failed"] = "running"
    done: int = 0
    total: int = 0
    """In files or bytes, whichever the work counts; 0 while unknown."""
    current: str = ""
    result: msgspec.Raw | None = None
    """JSON; its shape belongs to the kind of work."""
    error: ErrorCard | None = None


Progress = Callable[[int, int, str], None]
"""Called with done, total and what is in hand."""


class Works:
    """Runs work. The house enters it once; leaving it cancels what still runs."""

    def __init__(self, clock: Clock, log: Log) -> None:
        self._clock = clock
        self._log = log
        self._works: dict[str, Work] = {}
        self._changed = asyncio.Condition()
        self._group = asyncio.TaskGroup()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in tuple(self._tasks):
            task.cancel()
        await self._group.__aexit__(None, None, None)

    def start(
        self,
        kind: Literal["job", "pull"],
        owner: str,
        work: Callable[[Progress], Awaitable[object]],
    ) -> Work:
        """Start work; its result must be something msgspec can write as JSON."""
        begun = Work(id=new_id(kind, self._clock.wall()), owner=owner)
        self._works[begun.id] = begun
        for old in sorted(self._works)[:-KEPT]:
            if self._works[old].state != "running":
                del self._works[old]
        task = self._group.create_task(self._run(begun.id, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return begun

    def get(self, owner: str, work_id: str) -> Work:
        """Work as it stands.

        Raises:
            NotFound: this person started no such work, or it was long ago.
        """
        work = self._works.get(work_id)
        if work is None or work.owner != owner:
            message = f"there is no job {work_id!r}"
            raise NotFound(message)
        return work

    @asynccontextmanager
    async def follow(self, owner: str, work_id: str) -> AsyncGenerator[AsyncIterator[Work]]:
        """The work now, and each time it changes, until it ends."""
        self.get(owner, work_id)
        yield self._changes(owner, work_id)

    async def _changes(self, owner: str, work_id: str) -> AsyncIterator[Work]:
        seen: Work | None = None
        while True:
            work = self.get(owner, work_id)
            if work is not seen:
                yield work
            if work.state != "running":
                return
            seen = work
            async with self._changed:
                while self._works.get(work_id) is seen:
                    await self._changed.wait()

    async def _run(self, work_id: str, work: Callable[[Progress], Awaitable[object]]) -> None:
        def progress(done: int, total: int, current: str) -> None:
            self._works[work_id] = msgspec.structs.replace(
                self._works[work_id], done=done, total=total, current=current
            )

        tell = self._group.create_task(self._tell_often())
        try:
            result = msgspec.Raw(msgspec.json.encode(await work(progress)))
            changes: dict[str, object] = {"state": "done", "result": result, "current": ""}
        except FreeholdError as error:
            changes = {"state": "failed", "error": error.card()}
        except Exception as error:  # noqa: BLE001 - a task supervisor: this work failed, not the house
            self._log.error("work broke", work=work_id, error=repr(error))
            changes = {
                "state": "failed",
                "error": HouseError("the house failed on this work").card(),
            }
        finally:
            tell.cancel()
        self._works[work_id] = msgspec.structs.replace(self._works[work_id], **changes)
        async with self._changed:
            self._changed.notify_all()

    async def _tell_often(self) -> None:
        """Progress comes in bursts from a callback; watchers hear of it five times a second."""
        while True:
            await asyncio.sleep(0.2)
            async with self._changed:
                self._changed.notify_all()
