"""A connection to nats-server: questions with answers, and subscriptions.

Small on purpose: one server on loopback, no reconnecting (the link is replaced instead), and a
loss that is seen at once by everybody who waits.
"""

import asyncio
import secrets
from collections.abc import Callable
from typing import Any, Final, cast

from freehold.core.errors import BusFailed
from freehold.runtime.bus import wire

_ANSWER_S: Final = 5.0
_CONNECT_S: Final = 2.0
_INBOX: Final = 1
"""Number of the one subscription at which all answers arrive."""
_NOBODY: Final = 503


class Connection(asyncio.Protocol):
    """One TCP connection, from its start to its loss."""

    def __init__(self, largest: int) -> None:
        loop = asyncio.get_running_loop()
        self.lost: asyncio.Future[None] = loop.create_future()
        """Done when the connection is gone."""
        self.deaf = False
        """Whether it is gone because a question was not answered in time."""
        self._welcome: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._reader = wire.Reader(largest)
        self._inbox = f"_INBOX.{secrets.token_hex(8)}"
        self._asked = _INBOX
        self._answers: dict[str, asyncio.Future[bytes]] = {}
        self._takers: dict[int, Callable[[bytes], None]] = {}

    @classmethod
    async def make(cls, port: int, token: str, largest: int) -> "Connection":
        """Connect to the server on this machine and sign in. Raises `BusFailed`."""
        made = cls(largest)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_CONNECT_S):
                await loop.create_connection(lambda: made, "127.0.0.1", port)
                made._write(wire.connect(token, "house"))
                made._write(wire.subscribe(f"{made._inbox}.*", _INBOX))
                await made._welcome
        except (OSError, TimeoutError) as error:
            made.close()
            message = f"the bus does not answer: {str(error) or type(error).__name__}"
            raise BusFailed(message) from error
        except BaseException:
            made.close()
            raise
        return made

    async def ask(self, subject: str, payload: bytes, message_id: str = "") -> bytes:
        """Send a message and return the answer to it.

        Raises:
            BusFailed: nobody answers there, or not in time, or the connection was lost; after
                either of the first two it is given up as well. A server that does not answer a
                publish has a stream that it will not write to again (a disk that was full).
        """
        self._asked += 1
        if self.lost.done():
            raise BusFailed("the bus is away")
        reply = f"{self._inbox}.{self._asked}"
        answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._answers[reply] = answer
        try:
            self._write(wire.publish(subject, reply, payload, message_id))
            async with asyncio.timeout(_ANSWER_S):
                return await answer
        except TimeoutError as error:
            self.deaf = True
            self.close()
            message = f"the bus did not answer within {_ANSWER_S:g} s"
            raise BusFailed(message) from error
        finally:
            del self._answers[reply]

    def subscribe(self, take: Callable[[bytes], None]) -> tuple[int, str]:
        """Have `take` called for what is sent to a fresh subject; its number and the subject."""
        self._asked += 1
        subject = f"_INBOX.{secrets.token_hex(8)}"
        self._takers[self._asked] = take
        self._write(wire.subscribe(subject, self._asked))
        return self._asked, subject

    def unsubscribe(self, number: int) -> None:
        """End a subscription."""
        if self._takers.pop(number, None) is not None:
            self._write(wire.unsubscribe(number))

    def close(self) -> None:
        """Let go of the connection, at once."""
        if self._transport is not None:
            self._transport.abort()
        self._end()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The server took the connection."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - why is no matter
        """The server is gone."""
        self._end()

    def data_received(self, data: bytes) -> None:
        """The server said something."""
        try:
            for item in self._reader.feed(data):
                if isinstance(item, wire.Message):
                    self._take(item)
                else:
                    self._hear(item)
        except BusFailed:
            self.close()

    def _take(self, message: wire.Message) -> None:
        if message.subscription != _INBOX:
            take = self._takers.get(message.subscription)
            if take is not None and not message.status:
                take(message.payload)
            return
        answer = self._answers.get(message.subject)
        if answer is None or answer.done():
            return
        if message.status == _NOBODY:
            answer.set_exception(BusFailed("the bus does not keep streams at the moment"))
            asyncio.get_running_loop().call_soon(self.close)
        else:
            answer.set_result(message.payload)

    def _hear(self, said: wire.Said) -> None:
        if said.verb == "PING":
            self._write(wire.PONG)
        elif said.verb == "PONG" and not self._welcome.done():
            self._welcome.set_result(None)
        elif said.verb == "-ERR":
            message = f"the bus refused: {said.text}"
            raise BusFailed(message)

    def _write(self, words: bytes) -> None:
        if self._transport is not None and not self.lost.done():
            self._transport.write(words)

    def _end(self) -> None:
        if not self.lost.done():
            self.lost.set_result(None)
        waiting: tuple[asyncio.Future[Any], ...] = (*self._answers.values(), self._welcome)
        for answer in waiting:
            if not answer.done():
                answer.set_exception(BusFailed("the bus went away before it answered"))
                answer.exception()  # heard here, for the case that nobody waits any more
