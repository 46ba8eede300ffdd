"""The bus as the house sees it: turns go to disk, tokens to memory, readers can rejoin.

Whoever publishes a turn's events keeps them until the turn is done, and publishes them again when
`on_reconnect` calls: the memory stream is gone with its server. Readers see each event once.
"""

import asyncio
import contextlib
import os
import re
import secrets
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final, Literal

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import BusFailed, FreeholdError, TooLarge
from freehold.core.log import Log
from freehold.core.units import show_size
from freehold.runtime.bus.events import TurnEvent, batches, pack
from freehold.runtime.bus.follow import Follower
from freehold.runtime.bus.link import LARGEST_MESSAGE, TOKENS, TURNS, Link
from freehold.runtime.bus.server import Server
from freehold.runtime.supervise.supervisor import Child, Supervisor
from freehold.spec.home import Home

__all__ = ["Bus", "TurnEvent"]

Hook = Callable[[], Awaitable[None]]

_BATCH: Final = 256 * 1024
_HEADROOM: Final = 64 * 1024
_PATIENCE_S: Final = 8.0
"""How long a turn waits for a bus that is on its way back."""
_DEAF_S: Final = 10.0
"""A server that runs this long without serving is ended, so that it is started anew."""
_TRY_EVERY_S: Final = 0.05
_SUBJECT: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


class Bus:
    """A supervised nats-server and the connection to it."""

    def __init__(self, server: Server, child: Child, link: Link, clock: Clock, log: Log) -> None:
        self._server = server
        self._child = child
        self._clock = clock
        self._log = log
        self._hooks: list[Hook] = []
        self._followers: set[Follower] = set()
        self._up = asyncio.Event()
        self._up.set()
        self._link = link
        self._keeping = asyncio.get_running_loop().create_task(self._keep(), name="keep bus link")

    @classmethod
    async def start(cls, home: Home, supervisor: Supervisor, clock: Clock, log: Log) -> "Bus":
        """Start the server and connect to it.

        Raises:
            ChildFailed: the server does not start; carries its last words.
            BusFailed: it does not answer.
        """
        server = Server(home)
        child = await supervisor.start(server.spec())
        link = await Link.make(server.port, server.token)
        return cls(server, child, link, clock, log.named("bus"))

    @property
    def connected(self) -> bool:
        """Whether the bus can be used now."""
        return self._up.is_set() and not self._link.lost.done()

    def on_reconnect(self, hook: Hook) -> None:
        """Have `hook` called whenever the memory stream may be empty again.

        It runs before the bus is called connected; it may publish, and should publish every event
        of each running turn. A `FreeholdError` it raises is logged.
        """
        self._hooks.append(hook)

    async def publish_turn(
        self, kind: Literal["asked", "finished"], payload: msgspec.Struct
    ) -> None:
        """Tell that a turn was asked or finished; returns when that is on the disk, once.

        Waits a few seconds for a bus that is on its way back.

        Raises:
            BusFailed: it is not known to be on the disk.
            DiskFull: it is not.
        """
        packed = msgspec.msgpack.encode(payload)
        message_id = secrets.token_hex(12)
        try:
            async with asyncio.timeout(_PATIENCE_S):
                while not await self._published(f"{TURNS}.{kind}", packed, message_id):
                    pass
        except TimeoutError as error:
            message = f"the bus did not come back within {_PATIENCE_S:g} s"
            raise BusFailed(message) from error

    async def publish(self, events: Sequence[TurnEvent]) -> None:
        """Put events of running turns into the memory stream; returns when it has them.

        Raises:
            BusFailed: the bus is away or went away. Nothing needs to be done about it: the hooks
                of `on_reconnect` publish every event again.
            TooLarge: one event is larger than a message may be.
        """
        link = self._link
        for batch in batches(events, _BATCH):
            packed = pack(batch)
            if len(packed) > LARGEST_MESSAGE - _HEADROOM:
                message = f"an event of {show_size(len(packed))} does not fit into a message"
                raise TooLarge(message)
            await link.publish(_subject(batch[0].turn_id), packed)

    @asynccontextmanager
    async def follow(self, turn_id: str, after: int) -> AsyncIterator[AsyncIterator[TurnEvent]]:
        """Read a turn's events with `n > after`: those there are, then live; gapless, in order.

        The stream of events has no end of its own: stop at the event that ends the turn. It goes
        on over a restart of the server. It raises `BusFailed` when events are missing for longer
        than a few seconds (older than five minutes, or nobody publishes them again) or the bus
        stays away.
        """
        follower = Follower(turn_id, after)
        self._followers.add(follower)
        try:
            if self.connected:
                with contextlib.suppress(BusFailed):  # attached again when the link is back
                    await follower.attach(self._link, _subject(turn_id))
            yield follower.events()
        finally:
            self._followers.discard(follower)
            await follower.detach()

    async def close(self) -> None:
        """Let go of the connection; the server is the supervisor's to stop."""
        self._keeping.cancel()
        await asyncio.gather(self._keeping, return_exceptions=True)
        self._up.clear()
        self._link.close()

    async def _published(self, subject: str, payload: bytes, message_id: str) -> bool:
        """Publish once the bus is there; False when it went away meanwhile: ask again."""
        await self._up.wait()
        link = self._link
        try:
            await link.publish(subject, payload, message_id)
        except BusFailed:
            if link.deaf and await asyncio.to_thread(self._server.disk_is_full):
                raise self._server.full() from None
            if not link.lost.done():
                raise
            await asyncio.sleep(_TRY_EVERY_S)
            return False
        return True

    async def _keep(self) -> None:
        """Replace the link whenever it is lost."""
        while True:
            await asyncio.wait((self._link.lost,))
            self._up.clear()
            lost_at = self._clock.now()
            self._log.warning("bus connection lost", deaf=self._link.deaf)
            if self._link.deaf:
                _end(self._child.pid)
            self._link = await self._new_link()
            await self._fill()
            if not self._link.lost.done():
                self._up.set()
                took = round(self._clock.now() - lost_at, 3)
                self._log.info("bus connected again", away_s=took)

    async def _new_link(self) -> Link:
        """Connect as soon as there is a server; one that lives but does not serve is ended."""
        since = self._clock.now()
        while True:
            if self._child.state != "ready":
                since = self._clock.now()
            else:
                try:
                    return await Link.make(self._server.port, self._server.token)
                except FreeholdError as error:
                    if self._clock.now() - since > _DEAF_S:
                        self._log.error("bus ended because it does not serve", why=str(error))
                        since = self._clock.now()
                        _end(self._child.pid)
            await asyncio.sleep(_TRY_EVERY_S)

    async def _fill(self) -> None:
        """Have the memory stream filled again, then let the readers read it."""
        for hook in self._hooks:
            try:
                await hook()
            except FreeholdError as error:
                self._log.warning("events were not published again", why=str(error))
        for follower in tuple(self._followers):
            with contextlib.suppress(BusFailed):
                await follower.attach(self._link, _subject(follower.turn_id))


def _subject(turn_id: str) -> str:
    assert _SUBJECT.fullmatch(turn_id), "a turn id is one word"
    return f"{TOKENS}.{turn_id}"


def _end(pid: int) -> None:
    if pid:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
