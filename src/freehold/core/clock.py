"""Time is an argument: nothing but this module reads a clock."""

import asyncio
import time
from typing import Protocol

from freehold.core.units import Seconds


class Clock(Protocol):
    """Answers what time it is."""

    def now(self) -> Seconds:
        """Seconds on a clock that never goes back; only differences mean anything."""
        ...

    def wall(self) -> Seconds:
        """Seconds since 1970 (UTC), for what people read; may jump."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The clock of the machine."""

    def now(self) -> Seconds:
        """Read the monotonic clock."""
        return Seconds(time.monotonic())

    def wall(self) -> Seconds:
        """Read the time of day."""
        return Seconds(time.time())

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that a test moves by hand, so that no test ever sleeps."""

    def __init__(self, start: float = 0.0, wall: float = 1_700_000_000.0) -> None:
        self._now = start
        self._offset = wall - start

    def now(self) -> Seconds:
        """The time last set."""
        return Seconds(self._now)

    def wall(self) -> Seconds:
        """The time of day last set."""
        return Seconds(self._now + self._offset)

    def advance(self, seconds: float) -> None:
        """Move the clock forward by `seconds`."""
        self._now += seconds

    async def sleep(self, seconds: float) -> None:
        """Move the clock instead of waiting."""
        self._now += seconds
        await asyncio.sleep(0)
