"""Long work in the house: start it, show how far it is, come back with what became of it."""

from collections.abc import Callable
from typing import Literal, TypeVar

import msgspec

from freehold.cli.house import House, path_of, relayed
from freehold.cli.progress import Progress
from freehold.core.errors import ErrorCard, FreeholdError

Result = TypeVar("Result")


class Started(msgspec.Struct, frozen=True, kw_only=True):
    """The house took the work."""

    job: str


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """How far the work is."""

    id: str
    state: Literal["running", "done", "failed"]
    done: int = 0
    total: int = 0
    current: str = ""
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: ErrorCard | None = None


async def follow(
    house: House,
    started: Started,
    progress: Progress,
    describe: Callable[[Job], str],
    kind: type[Result],
) -> Result:
    """Wait for the work to end, showing `describe(job)` meanwhile.

    Raises:
        FreeholdError: the work failed; the error is the house's own.
    """
    job: Job | None = None
    try:
        async with house.events(f"{path_of('jobs', started.job)}/events") as events:
            async for event in events:
                if not event.data:
                    continue
                job = msgspec.json.decode(event.data, type=Job)
                if job.state != "running":
                    break
                progress.part(job.done, job.total, describe(job))
    finally:
        progress.close()
    if job is None or job.state == "running":
        job = await house.get(path_of("jobs", started.job), Job)
    if job.state == "failed":
        raise relayed(job.error or ErrorCard(code=FreeholdError.code, title="it failed"))
    return msgspec.json.decode(bytes(job.result), type=kind)
