"""Long work in the house: start it, show how far it is, come back with what became of it."""

import contextlib
from collections.abc import Callable
from typing import Final, Literal, TypeVar

import msgspec

from freehold.cli.house import House, path_of, relayed
from freehold.cli.progress import Progress
from freehold.core.errors import ErrorCard, FreeholdError, HouseNotRunning, StillPending

Result = TypeVar("Result")

_TRIES: Final = 100


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
    try:
        for _ in range(_TRIES):
            # A stream that breaks while the house goes on is begun again.
            with contextlib.suppress(HouseNotRunning):
                await _watch(house, started.job, progress, describe)
            job = await house.get(path_of("jobs", started.job), Job)
            if job.state != "running":
                return _outcome(job, kind)
    finally:
        progress.close()
    fix = "it goes on in the house; ask again with the same command"
    raise StillPending("the work cannot be watched to its end", where=started.job, fix=fix)


async def _watch(
    house: House, job_id: str, progress: Progress, describe: Callable[[Job], str]
) -> None:
    """Show how far the work is until it ends, or the stream does."""
    async with house.events(f"{path_of('jobs', job_id)}/events") as events:
        async for event in events:
            if not event.data:
                continue
            job = msgspec.json.decode(event.data, type=Job)
            if job.state != "running":
                return
            progress.part(job.done, job.total, describe(job))


def _outcome(job: Job, kind: type[Result]) -> Result:
    """What became of work that has ended. Raises the error it ended with."""
    if job.state == "failed":
        raise relayed(job.error or ErrorCard(code=FreeholdError.code, title="it failed"))
    return msgspec.json.decode(bytes(job.result), type=kind)
