"""One connection to the bus, from its start to its loss; the only file that speaks to nats-py.

A lost connection is not mended but replaced: the server comes back on another port, and without
its memory streams, so whoever makes the new link also makes sure of the streams.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from typing import Any, Final, TypeVar

import nats.errors
import nats.js.errors
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DeliverPolicy,
    DiscardPolicy,
    StorageType,
    StreamConfig,
)

from freehold.core.errors import BusFailed, DiskFull, FreeholdError
from freehold.core.units import MIB

T = TypeVar("T")

TURNS: Final = "turns"
"""Subjects `turns.<kind>`: kept on disk."""
TOKENS: Final = "tokens"
"""Subjects `tokens.<turn id>`: in memory only, gone with the server."""
_ANSWER_S: Final = 5.0
_NAME_IN_USE: Final = 10058
_NO_ROOM: Final = frozenset({10023, 10047, 10077, 10028, 10122})
"""JetStream's codes for `insufficient resources`, `storage resources exceeded`, and kin."""

_STREAMS: Final = (
    StreamConfig(
        name="TURNS",
        subjects=[f"{TURNS}.>"],
        storage=StorageType.FILE,
        max_age=30 * 86400.0,
        max_bytes=256 * MIB,
        discard=DiscardPolicy.OLD,
        duplicate_window=120.0,
    ),
    StreamConfig(
        name="TOKENS",
        subjects=[f"{TOKENS}.>"],
        storage=StorageType.MEMORY,
        max_age=300.0,
        max_bytes=32 * MIB,
        discard=DiscardPolicy.OLD,
        duplicate_window=1.0,
    ),
)


class Link:
    """A live connection with both streams made sure of."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._streams: JetStreamContext = client.jetstream(timeout=_ANSWER_S)
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is gone."""

    @classmethod
    async def make(cls, port: int, token: str) -> "Link":
        """Connect and make sure of the streams. Raises `BusFailed`."""
        client = Client()
        link = cls(client)
        try:
            await client.connect(
                f"nats://127.0.0.1:{port}",
                token=token,
                name="house",
                allow_reconnect=False,
                connect_timeout=2,
                max_reconnect_attempts=1,  # or it tries an address that is no more for minutes
                reconnect_time_wait=0,
                error_cb=_ignore,
                disconnected_cb=link._gone,
                closed_cb=link._gone,
                max_outstanding_pings=2,
                ping_interval=20,
            )
            for stream in _STREAMS:
                await link._ensure(stream)
        except (nats.errors.Error, OSError, TimeoutError) as error:
            await link.close()
            raise _translated(error) from error
        return link

    async def publish(self, subject: str, payload: bytes, message_id: str = "") -> bool:
        """Store a message in its stream; returns when the stream has it.

        Args:
            subject: says the stream.
            payload: the message.
            message_id: a second message with the same id within two minutes is not stored.

        Returns:
            False when the message was there already.

        Raises:
            BusFailed: it is not known to be stored.
            DiskFull: it is not stored.
        """
        headers = {"Nats-Msg-Id": message_id} if message_id else None
        ack = await self._answered(self._streams.publish(subject, payload, headers=headers))
        return not ack.duplicate

    async def replay(self, subject: str, take: Callable[[bytes], None]) -> Subscription:
        """Hand everything the memory stream holds of a subject to `take`, then what comes.

        Raises:
            BusFailed: there is no link any more.
        """

        async def hand_over(message: Msg) -> None:
            take(message.data)

        inbox = self._client.new_inbox()
        made = await self._answered(self._client.subscribe(inbox, cb=hand_over))
        consumer = ConsumerConfig(
            deliver_subject=inbox,
            deliver_policy=DeliverPolicy.ALL,
            ack_policy=AckPolicy.NONE,
            filter_subject=subject,
            mem_storage=True,
            num_replicas=1,
            inactive_threshold=5.0,
        )
        try:
            await self._answered(self._streams.add_consumer("TOKENS", consumer))
        except FreeholdError:
            await self.forget(made)
            raise
        return made

    async def forget(self, subscription: Subscription) -> None:
        """End a replay; the server clears it away by itself."""
        with contextlib.suppress(nats.errors.Error):
            await subscription.unsubscribe()

    async def close(self) -> None:
        """Let go of the connection."""
        with contextlib.suppress(nats.errors.Error, OSError):
            await self._client.close()

    async def _ensure(self, wanted: StreamConfig) -> None:
        """Make sure of a stream: one in memory goes with its server."""
        try:
            await self._streams.add_stream(wanted)
        except nats.js.errors.BadRequestError as error:
            if error.err_code != _NAME_IN_USE:
                raise
            await self._streams.update_stream(wanted)

    async def _answered(self, question: Coroutine[Any, Any, T]) -> T:
        """Await an answer of the server, but not longer than there is a server."""
        asking = asyncio.ensure_future(question)
        try:
            await asyncio.wait((asking, self.lost), return_when=asyncio.FIRST_COMPLETED)
            if asking.done():
                return asking.result()
        except (nats.errors.Error, OSError) as error:
            if self._client.is_closed:
                await self._gone()
            raise _translated(error) from error
        finally:
            if not asking.done():
                asking.cancel()
        raise BusFailed("the bus went away before it answered")

    async def _gone(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)


async def _ignore(_error: Exception) -> None:
    """What goes wrong is seen where it was asked for; nats-py would print it too."""


def _translated(error: Exception) -> FreeholdError:
    if isinstance(error, nats.js.errors.APIError) and error.err_code in _NO_ROOM:
        return DiskFull("the bus has no room left for its streams; nothing was written")
    return BusFailed(f"the bus does not answer: {str(error) or type(error).__name__}")
