"""Keeps an eye on the models of other programs: their caches, and their servers that run."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from freehold.core.clock import Clock
from freehold.core.log import Log
from freehold.core.units import Seconds
from freehold.runtime.calls import Model
from freehold.runtime.engines.contract import Engine, Finds
from freehold.runtime.models.adopt import Adopter, Found
from freehold.spec.caches import Caches

_FRESH_S: Final = 20.0
"""How long what was seen is told again without looking; then it is told, and looked again."""


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What there was at one moment."""

    adopted: Found
    served: tuple[Model, ...]
    at: Seconds


class Lookout:
    """Looks around when asked, one look at a time; `close` when done.

    Args:
        engines: those that can find a running server are asked.
        caches: folders to look into.
        clock: tells how old a look is.
        log: what is new is told here, once.
    """

    def __init__(
        self, engines: Mapping[str, Engine], caches: Caches, clock: Clock, log: Log
    ) -> None:
        self._finders = [engine for engine in engines.values() if isinstance(engine, Finds)]
        self._caches = caches
        self._adopter = Adopter(clock)
        self._clock = clock
        self._log = log
        self._task: asyncio.Task[None] | None = None
        self.latest: Around | None = None
        """What the last look saw; none before the first."""

    def start(self) -> None:
        """Begin to look, without waiting; nothing to do when a look is under way."""
        if self._task is None or self._task.done():
            loop = asyncio.get_running_loop()
            self._task = loop.create_task(self._look(), name="look for models")

    async def look(self, older_than_s: float = 0.0) -> Around:
        """Look now, or take the look that is under way, or one no older than this."""
        if self.latest is not None and self._clock.now() - self.latest.at < older_than_s:
            return self.latest
        self.start()
        assert self._task is not None
        # A caller that leaves does not end the look for the others.
        await asyncio.shield(self._task)
        assert self.latest is not None
        return self.latest

    async def see(self) -> Around:
        """What was seen last; looks again in the background when that is old or not all."""
        if self.latest is None:
            return await self.look()
        old = self._clock.now() - self.latest.at > _FRESH_S
        if old or not self.latest.adopted.complete:
            self.start()
        return self.latest

    async def close(self) -> None:
        """Stop looking."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait((task,))

    async def _look(self) -> None:
        served: list[tuple[Model, ...]]
        found, served = await asyncio.gather(
            asyncio.to_thread(self._adopter.look, self._caches),
            asyncio.gather(*(finder.find() for finder in self._finders)),
        )
        before, self.latest = (
            self.latest,
            Around(
                adopted=found,
                served=tuple(model for models in served for model in models),
                at=self._clock.now(),
            ),
        )
        self._tell(before, self.latest)

    def _tell(self, before: Around | None, now: Around) -> None:
        """Log what is new."""
        known: set[Path] = set()
        if before is not None:
            known = {skipped.path for skipped in before.adopted.skipped}
        for skipped in now.adopted.skipped:
            if skipped.path not in known:
                self._log.warning("model skipped", path=str(skipped.path), why=skipped.reason)
        counts = (len(now.adopted.models), len(now.served))
        if before is None or counts != (len(before.adopted.models), len(before.served)):
            self._log.info("models found", in_caches=counts[0], on_servers=counts[1])
