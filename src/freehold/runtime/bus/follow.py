"""One reader of a turn's events, over as many connections as it takes."""

import asyncio
from collections.abc import AsyncIterator
from typing import Final

from freehold.core.errors import BusFailed
from freehold.runtime.bus.events import TurnEvent, unpack
from freehold.runtime.bus.link import Link
from freehold.runtime.bus.order import Order

_GAP_S: Final = 5.0
"""How long an event may be missing while later ones are there."""
_AT_ONCE: Final = 32
_AWAY_S: Final = 15.0
"""How long the bus may be away before a reader is told."""


class Follower:
    """Collects what the links hand over and gives it out in order."""

    def __init__(self, turn_id: str, after: int) -> None:
        self.turn_id = turn_id
        self._order = Order(after)
        self._inbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._link: Link | None = None
        self._replay = 0

    async def attach(self, link: Link, subject: str) -> None:
        """Read from this link, from the beginning of what it has. Raises `BusFailed`."""
        if self._link is link:
            return
        self._link, self._replay = link, 0
        self._replay = await link.replay(subject, self._inbox.put_nowait)

    async def detach(self) -> None:
        """Read no more."""
        link, self._link = self._link, None
        if link is not None and self._replay and not link.lost.done():
            await link.forget(self._replay)

    async def events(self) -> AsyncIterator[TurnEvent]:
        """The events in order; raises `BusFailed` as `Bus.follow` says."""
        while True:
            messages = [await self._next()]
            while not self._inbox.empty() and len(messages) < _AT_ONCE:
                messages.append(self._inbox.get_nowait())
            for message in messages:
                for event in self._order.take(unpack(self.turn_id, message)):
                    yield event
            await asyncio.sleep(0)  # a long replay leaves room for everybody else

    async def _next(self) -> bytes:
        """The next message; waits for ever as long as nothing is missing."""
        while True:
            away = self._link is None or self._link.lost.done()
            limit_s = _AWAY_S if away else _GAP_S
            try:
                async with asyncio.timeout(limit_s):
                    return await self._inbox.get()
            except TimeoutError:
                if self._order.waits and not away:
                    message = f"the event after number {self._order.last} is not on the bus"
                    raise BusFailed(message) from None
                if away and (self._link is None or self._link.lost.done()):
                    raise BusFailed("the bus is away") from None
