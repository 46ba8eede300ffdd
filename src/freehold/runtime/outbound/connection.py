"""One connection to one server: a protocol on the loop's own callbacks, parsed by httptools.

It carries one exchange at a time. What the reader has not taken yet is held up to a bound, then
the socket is no longer read: a slow reader costs the server patience, never the house memory.
"""

import asyncio
from collections.abc import Callable
from typing import Final, cast

import httptools

from freehold.core.errors import EngineCut, EngineRefused, EngineUnreachable, FreeholdError
from freehold.core.units import KIB
from freehold.runtime.outbound.policy import read_ip

_HEAD_LIMIT: Final = 64 * KIB
"""Bytes of a response's head, interim responses included."""
_HIGH_WATER: Final = 256 * KIB
"""Bytes held for the reader before the socket is no longer read."""
_OVERHEAD: Final = 16
"""Bytes of chunk framing tolerated for each byte of body (one-byte chunks need 5)."""
_SWITCHING: Final = 101
_FIRST_FINAL: Final = 200
_FRAMES: Final = frozenset({b"content-length", b"transfer-encoding"})
_BODILESS: Final = frozenset({204, 304})


class Connection(asyncio.Protocol):
    """A connection and the state of its present exchange."""

    def __init__(self, loop: asyncio.AbstractEventLoop, place: str, *, secure: bool) -> None:
        self._loop = loop
        self._place = place
        self._secure = secure
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._open = False
        self.idle_since = 0.0
        """Loop time at which its last exchange ended."""
        self.on_lost: Callable[[Connection], None] | None = None
        """Told when the other side closes it while it lies in the pool."""
        self.is_local = True
        """Whether the other side is this very machine."""
        self._busy = False
        self._clear(no_body=False)

    def _clear(self, *, no_body: bool) -> None:
        self._no_body = no_body
        self._raw: list[tuple[bytes, bytes]] = []
        self._status = 0
        self._interim = False
        self._framed = False
        self.chunked = False
        """Whether the answer came in chunks."""
        self._complete = False
        self._keep = False
        self._dirty = False
        self._fault: FreeholdError | None = None
        self._chunks: list[bytes] = []
        self._held = 0
        self._paused = False
        self._received = 0
        self._body_received = 0
        self._total_s = 0.0
        self._deadline = 0.0
        self._idle_s = 0.0
        self._waiting_since = 0.0

    # What the house asks of it.

    @property
    def peer(self) -> str:
        """IP address of the other side."""
        found = self._transport.get_extra_info("peername") if self._transport else None
        return str(found[0]) if found else ""

    @property
    def untouched(self) -> bool:
        """Whether not one byte of an answer came."""
        return self._received == 0

    @property
    def reusable(self) -> bool:
        """Whether the exchange ended so cleanly that another may follow."""
        return self._open and self._complete and self._keep and not self._dirty

    @property
    def fileno(self) -> int:
        """The socket's number; -1 when there is none."""
        found = self._transport.get_extra_info("socket") if self._transport else None
        return found.fileno() if found is not None else -1

    @property
    def is_open(self) -> bool:
        """Whether the other side still holds its end, as far as the loop knows."""
        return self._open

    def start(self, request: bytes, body: bytes, *, no_body: bool) -> None:
        """Send a request; `no_body`: the answer has none, whatever its headers say."""
        self._clear(no_body=no_body)
        self._busy = True
        if self._transport is None:  # taken, and closed again before anything could be said
            self._fail("closed the connection")
        elif len(body) <= _HEAD_LIMIT:
            self._transport.write(request + body)
        else:
            self._transport.write(request)
            self._transport.write(body)

    def arm(self, *, deadline: float, total_s: float, idle_s: float = 0.0) -> None:
        """Bound the exchange: loop time of its end, longest silence while someone waits."""
        self._deadline, self._total_s, self._idle_s = deadline, total_s, idle_s
        self._waiting_since = self._loop.time()
        self._set_timer(min(deadline, self._waiting_since + (idle_s or total_s)))

    def disarm(self) -> None:
        """The exchange has ended; no timer may outlive it."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    async def head(self) -> tuple[int, list[tuple[bytes, bytes]]]:
        """Status and headers. Raises `EngineUnreachable`, `EngineRefused`."""
        while not self._status or self._interim:
            if self._fault is not None:
                raise self._fault
            await self._wait()
        return self._status, self._raw

    async def chunk(self) -> bytes:
        """What has come of the body since the last call; empty at its end. Raises `EngineCut`."""
        while not self._chunks:
            if self._fault is not None:
                raise self._fault
            if self._complete:
                return b""
            await self._wait()
        chunks, self._chunks = self._chunks, []
        self._held = 0
        if self._paused and self._transport is not None and self._open:
            self._paused = False
            self._transport.resume_reading()
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def rest(self) -> None:
        """Lie in the pool: anything the other side sends now is a fault."""
        self.disarm()
        self._busy = False

    def abort(self) -> None:
        """Close at once; the other side notices."""
        self.disarm()
        self._open = False
        if self._transport is not None:
            self._transport.abort()

    # What the loop says.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)
        self._open = True
        ip = read_ip(self.peer)
        self.is_local = ip is None or ip.is_loopback

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if not self._busy or self._fault is not None:
            self.abort()
            return
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self._complete:
                self._dirty = True
            else:
                self._fail_framing(str(error))
        else:
            self._check_limits()
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The other side is gone."""
        self._open = False
        if self._busy and not self._complete:
            if self._status and not self._interim and not self._framed and self._clean(exc):
                self._complete = True
            else:
                self._fail("closed the connection" if exc is None else "broke the connection")
        self._transport = None
        if not self._busy and self.on_lost is not None:
            self.on_lost(self)
        self._wake()

    def _clean(self, exc: Exception | None) -> bool:
        """Whether an end of the connection may stand for the end of an unframed body."""
        return exc is None and not self._secure

    # What the parser says.

    def on_message_begin(self) -> None:
        """Another answer begins; after a complete one nobody asked for it."""
        if self._complete:
            self._dirty = True

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header, or one trailer (trailers are dropped)."""
        if self._status and not self._interim:
            return
        lower = name.lower()
        self._raw.append((lower, value))
        if lower in _FRAMES:
            self._framed = True

    def on_headers_complete(self) -> None:
        """The head is here."""
        status = self._parser.get_status_code()
        self._interim = status < _FIRST_FINAL and status != _SWITCHING
        if self._interim:
            return
        self._status = status
        if status in _BODILESS:
            self._framed = True
        self._check_head()
        if self._no_body and self._fault is None:
            self._complete = True
            self._keep = self._parser.should_keep_alive()
            self._parser = httptools.HttpResponseParser(self)

    def _check_head(self) -> None:
        if self._status == _SWITCHING:
            self._fault = self._refusal("switched to another protocol, which nobody asked for")
            return
        for name, value in self._raw:
            if (name == b"content-encoding" and value.lower() not in {b"", b"identity"}) or (
                name == b"transfer-encoding" and value.lower() != b"chunked"
            ):
                self._fault = self._refusal("compressed its answer, which nobody asked for")
            if name == b"transfer-encoding" and not self._no_body:
                self.chunked = True

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._complete:
            self._dirty = True
            return
        self._chunks.append(body)
        self._body_received += len(body)
        self._held += len(body)
        if self._held > _HIGH_WATER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        """The answer is complete."""
        if self._interim:
            self._interim = False
            self._raw = []
            return
        if not self._complete:
            self._complete = True
            self._keep = self._parser.should_keep_alive()

    # Between them.

    def _check_limits(self) -> None:
        overhead = self._received - self._body_received
        if overhead > _HEAD_LIMIT + _OVERHEAD * self._body_received and not self._complete:
            if self._status:
                self._fault = EngineCut(f"{self._place} sent more framing than answer")
            else:
                self._fault = self._refusal(f"sent a head of more than {_HEAD_LIMIT} bytes")
        if self._fault is not None:
            self.abort()

    async def _wait(self) -> None:
        assert self._waiter is None, "one reader at a time"
        self._waiter = self._loop.create_future()
        self._waiting_since = self._loop.time()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _set_timer(self, when: float) -> None:
        self.disarm()
        self._timer = self._loop.call_at(when, self._tick)

    def _tick(self) -> None:
        now = self._loop.time()
        silent_since = self._waiting_since if self._waiter is not None else now
        if now >= self._deadline:
            self._fail(f"did not finish within {self._total_s:g} s")
        elif self._idle_s and now >= silent_since + self._idle_s:
            self._fail(f"sent nothing for {self._idle_s:g} s")
        else:
            longest = silent_since + self._idle_s if self._idle_s else self._deadline
            self._set_timer(min(self._deadline, longest))
            return
        self.abort()
        self._wake()

    def _fail(self, what: str) -> None:
        if self._fault is not None:
            return
        if self._status and not self._interim:
            message = f"{self._place} {what} before its answer was complete"
            self._fault = EngineCut(message, where=self._place, fix="ask again")
        else:
            message = f"{self._place} {what} before it answered"
            fix = "see whether the server is well, then ask again"
            self._fault = EngineUnreachable(message, where=self._place, fix=fix)

    def _fail_framing(self, why: str) -> None:
        if self._fault is None:
            if self._status and not self._interim:
                message = f"{self._place} sent a body that is not well formed ({why[:80]})"
                self._fault = EngineCut(message, where=self._place)
            else:
                message = f"{self._place} does not answer in HTTP ({why[:80]})"
                fix = "check the address and whether it wants https"
                self._fault = EngineUnreachable(message, where=self._place, fix=fix)
        self.abort()

    def _refusal(self, what: str) -> EngineRefused:
        return EngineRefused(f"{self._place} {what}", where=self._place)
