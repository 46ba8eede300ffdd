"""One connection to the bus with the house's streams made sure of (JetStream's API, as JSON).

A lost link is not mended but replaced: the server comes back on another port and without its
memory streams. Source: docs.nats.io, "JetStream wire API", and ADR-31.
"""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from freehold.core.errors import BusFailed, DiskFull, FreeholdError
from freehold.core.units import MIB
from freehold.runtime.bus.connection import Connection

TURNS: Final = "turns"
"""Subjects `turns.<kind>`: kept on disk."""
TOKENS: Final = "tokens"
"""Subjects `tokens.<turn id>`: in memory only, gone with the server."""
LARGEST_MESSAGE: Final = 8 * MIB

_SECOND: Final = 10**9
"""Durations of the API are nanoseconds."""
_NAME_IN_USE: Final = 10058
_NO_ROOM: Final = frozenset({10002, 10023, 10028, 10047, 10077})
"""Codes for memory or storage that is used up (Source: nats-server, server/errors.json)."""

_STREAMS: Final[tuple[Mapping[str, Any], ...]] = (
    {
        "name": "TURNS",
        "subjects": [f"{TURNS}.>"],
        "storage": "file",
        "max_age": 30 * 86400 * _SECOND,
        "max_bytes": 256 * MIB,
        "discard": "old",
        "duplicate_window": 120 * _SECOND,
    },
    {
        "name": "TOKENS",
        "subjects": [f"{TOKENS}.>"],
        "storage": "memory",
        "max_age": 300 * _SECOND,
        "max_bytes": 32 * MIB,
        "discard": "old",
    },
)
_REPLAY: Final[Mapping[str, Any]] = {
    "deliver_policy": "all",
    "ack_policy": "none",
    "replay_policy": "instant",
    "mem_storage": True,
    "num_replicas": 1,
    "inactive_threshold": 5 * _SECOND,
}


class _Refusal(msgspec.Struct):
    description: str = ""
    err_code: int = 0


class _Answer(msgspec.Struct):
    """As much of any JetStream answer as we read."""

    error: _Refusal | None = None
    duplicate: bool = False
    name: str = ""


class Link:
    """A live connection whose streams are there."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._replays: dict[int, str] = {}

    @classmethod
    async def make(cls, port: int, token: str) -> "Link":
        """Connect and make sure of the streams: one in memory goes with its server.

        Raises:
            BusFailed: the server does not answer, or does not keep streams.
        """
        connection = await Connection.make(port, token, 2 * LARGEST_MESSAGE)
        link = cls(connection)
        try:
            for stream in _STREAMS:
                await link._ensure(stream)
        except BaseException:
            connection.close()
            raise
        return link

    @property
    def lost(self) -> asyncio.Future[None]:
        """Done when the connection is gone."""
        return self._connection.lost

    @property
    def deaf(self) -> bool:
        """Whether it was given up because the server did not answer in time."""
        return self._connection.deaf

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
        answer = _read(await self._connection.ask(subject, payload, message_id))
        if answer.error is not None:
            raise _translated(answer.error)
        return not answer.duplicate

    async def replay(self, subject: str, take: Callable[[bytes], None]) -> int:
        """Hand everything the memory stream holds of a subject to `take`, then what comes.

        Returns:
            A number to give to `forget`.

        Raises:
            BusFailed: there is no link any more.
        """
        number, inbox = self._connection.subscribe(take)
        config = {**_REPLAY, "filter_subject": subject, "deliver_subject": inbox}
        question = {"stream_name": "TOKENS", "config": config}
        try:
            self._replays[number] = (await self._api("CONSUMER.CREATE.TOKENS", question)).name
        except FreeholdError:
            self._connection.unsubscribe(number)
            raise
        return number

    async def forget(self, number: int) -> None:
        """End a replay."""
        self._connection.unsubscribe(number)
        name = self._replays.pop(number, "")
        with contextlib.suppress(FreeholdError):
            await self._api(f"CONSUMER.DELETE.TOKENS.{name}", {})

    def close(self) -> None:
        """Let go of the connection."""
        self._connection.close()

    async def _ensure(self, stream: Mapping[str, Any]) -> None:
        name = stream["name"]
        answer = await self._answer(f"STREAM.CREATE.{name}", stream)
        if answer.error is None:
            return
        if answer.error.err_code != _NAME_IN_USE:
            raise _translated(answer.error)
        await self._api(f"STREAM.UPDATE.{name}", stream)

    async def _api(self, verb: str, question: Mapping[str, Any]) -> _Answer:
        answer = await self._answer(verb, question)
        if answer.error is not None:
            raise _translated(answer.error)
        return answer

    async def _answer(self, verb: str, question: Mapping[str, Any]) -> _Answer:
        payload = msgspec.json.encode(question) if question else b""
        return _read(await self._connection.ask(f"$JS.API.{verb}", payload))


def _read(payload: bytes) -> _Answer:
    try:
        return msgspec.json.decode(payload, type=_Answer)
    except msgspec.MsgspecError as error:
        raise BusFailed("the bus answered something that is no JetStream answer") from error


def _translated(refusal: _Refusal) -> FreeholdError:
    if refusal.err_code in _NO_ROOM:
        message = f"the bus has no room left: {refusal.description}"
        return DiskFull(message, fix="free some space on the disk of the house")
    return BusFailed(f"the bus refused: {refusal.description}")
