"""The one HTTP client of the product: every byte that leaves the house leaves through here.

Lean on purpose: the client decides what a request through the gateway costs. So that safety has
one home, it also holds the rules for whoever calls out: which addresses may be reached (`policy`),
what happens to redirects and credentials, how long and how much an answer may be, and what was
sent to whom (`egress`).
"""

import asyncio
import select
import ssl
from collections.abc import AsyncGenerator, Iterable
from contextlib import asynccontextmanager
from typing import Final, Self
from urllib.parse import urljoin

import msgspec

from freehold.core.errors import EngineRefused, EngineUnreachable
from freehold.core.units import MIB
from freehold.runtime.outbound.address import Address, read_address
from freehold.runtime.outbound.answer import Response, StreamedResponse
from freehold.runtime.outbound.connection import Connection
from freehold.runtime.outbound.dial import Dialer, Resolve
from freehold.runtime.outbound.head import (
    IDEMPOTENT,
    Header,
    Headers,
    without_credentials,
    write_head,
)
from freehold.runtime.outbound.policy import Policy

_IDLE_S: Final = 4.0
"""A kept connection is used again within this time only.
Source: cpp-httplib (llama-server) and uvicorn (vLLM) both close after 5 s of silence."""
_FRESH_S: Final = 0.002
"""A connection idle for less is taken as it is; for longer, and its socket is asked first."""
_SETTLED_S: Final = 0.05
"""llama-server closes after each stream although it promised to keep the connection: after a
chunked answer, a connection rests this long before its server is believed to keep them."""
_KEPT: Final = 64
"""Kept connections for one origin."""
_MOST_HOSTS: Final = 256
_MOST_HOPS: Final = 3
_MOVED: Final = frozenset({301, 302, 303, 307, 308})


class Egress(msgspec.Struct, frozen=True):
    """What was sent to one host outside this machine."""

    host: str
    bytes: int
    reason: str


class _Times(msgspec.Struct, frozen=True):
    total_s: float
    idle_s: float
    deadline: float


class _Request(msgspec.Struct, frozen=True):
    method: str
    head: bytes
    body: bytes


class Client:
    """Calls servers over HTTP/1.1, and keeps connections. Belongs to one event loop.

    Args:
        policy: how far requests may go.
        reason: why bytes leave this machine, in words, for the egress ledger.
        redirects: hops to follow, at most 3; only for GET and HEAD. With none, a redirect is an
            answer like any other.
        resolve: looks names up; tests bring their own.
        tls: context for https; the system's trust store when none is given.
    """

    def __init__(
        self,
        *,
        policy: Policy = Policy.ANY,
        reason: str = "",
        redirects: int = 0,
        resolve: Resolve | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._dialer = Dialer(policy, resolve, tls)
        self._reason = reason
        self._redirects = min(redirects, _MOST_HOPS)
        self._kept: dict[tuple[bool, str, int], list[Connection]] = {}
        self._keepers: set[tuple[bool, str, int]] = set()
        """Origins seen to keep a connection after a chunked answer."""
        self._sent: dict[tuple[str, str], int] = {}

    def for_errand(self, reason: str, *, policy: Policy, redirects: int = 0) -> "Client":
        """A client under other rules, with its own connections and the same egress ledger."""
        dialer = self._dialer
        other = Client(
            policy=policy,
            reason=reason,
            redirects=redirects,
            resolve=dialer.resolve,
            tls=dialer.tls,
        )
        other._sent = self._sent
        return other

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of every kept connection."""
        for kept in self._kept.values():
            for connection in kept:
                connection.abort()
        self._kept.clear()
        await asyncio.sleep(0)

    def egress(self) -> tuple[Egress, ...]:
        """Bytes sent to other machines since the start, before encryption, largest first."""
        found = [Egress(host, count, why) for (host, why), count in self._sent.items()]
        return tuple(sorted(found, key=lambda item: -item.bytes))

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        timeout_s: float = 30,
        limit: int = 64 * MIB,
    ) -> Response:
        """Send a request and read the whole answer, whatever its status.

        Args:
            method: upper case.
            url: a plain http or https address.
            headers: only names the house knows, and `x-` ones.
            body: sent with its length.
            timeout_s: from the first look-up to the last byte.
            limit: longest body taken, in bytes.

        Raises:
            BadRequest: the address or a header is not well formed.
            RefusedForSafety: the policy does not reach that address.
            EngineUnreachable: no answer began.
            EngineCut: the answer broke off.
            EngineRefused: the answer is longer than `limit`, or not plain HTTP.
        """
        times = _times(timeout_s, 0)
        address, connection, answer = await self._open(method, url, headers, body, times)
        try:
            content = await answer.read(limit)
            return Response(status=answer.status, headers=answer.headers, body=content)
        finally:
            self._give_back(address, connection)

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Iterable[Header] = (),
        body: bytes = b"",
        timeout_s: float = 3600,
        idle_timeout_s: float = 0,
    ) -> AsyncGenerator[StreamedResponse]:
        """Send a request and read the answer as it comes; leaving early closes the connection.

        Args as `request`; `idle_timeout_s` bounds the silence while the answer, or more of it, is
        waited for (0: only `timeout_s` counts). Raises as `request`.
        """
        times = _times(timeout_s, idle_timeout_s)
        address, connection, answer = await self._open(method, url, headers, body, times)
        try:
            yield answer
        finally:
            self._give_back(address, connection)

    async def _open(
        self, method: str, url: str, headers: Iterable[Header], body: bytes, times: _Times
    ) -> tuple[Address, Connection, StreamedResponse]:
        """Send, follow what redirects there may be, and come back with the head of the answer."""
        address = read_address(url)
        hops = 0
        while True:
            request = _Request(method, write_head(method, address, headers, len(body)), body)
            connection = await self._send(address, request, times)
            status, raw = await connection.head()
            answer = StreamedResponse(status, Headers(raw), connection)
            if not self._redirects or status not in _MOVED or method not in {"GET", "HEAD"}:
                return address, connection, answer
            connection.abort()
            if hops == self._redirects:
                message = f"{address.place} redirects more than {hops} times"
                raise EngineRefused(message, where=address.place)
            hops += 1
            before, address = address, _next_hop(address, answer)
            if before.origin != address.origin:
                headers = without_credentials(headers)

    async def _send(self, address: Address, request: _Request, times: _Times) -> Connection:
        """Send on a kept connection or a new one; come back when the head of the answer is here.

        A kept connection may have been closed by the other side in the same instant. Then, and
        only if not a byte came back, a request that may be made twice goes out once more.
        """
        connection = self._take(address)
        if connection is not None:
            try:
                await self._exchange(address, connection, request, times)
            except EngineUnreachable:
                late = asyncio.get_running_loop().time() >= times.deadline
                if late or not connection.untouched or request.method not in IDEMPOTENT:
                    raise
            else:
                return connection
        connection = await self._dialer.connect(address, times.deadline)
        await self._exchange(address, connection, request, times)
        return connection

    async def _exchange(
        self, address: Address, connection: Connection, request: _Request, times: _Times
    ) -> None:
        self._note(address, connection, len(request.head) + len(request.body))
        try:
            connection.start(request.head, request.body, no_body=request.method == "HEAD")
            connection.arm(deadline=times.deadline, total_s=times.total_s, idle_s=times.idle_s)
            await connection.head()
        except BaseException:
            connection.abort()
            raise

    def _take(self, address: Address) -> Connection | None:
        """A kept connection that the other side has not closed, the one used last."""
        kept = self._kept.get(address.origin)
        now = asyncio.get_running_loop().time() if kept else 0.0
        unsettled: list[Connection] = []
        found = None
        while kept and found is None:
            connection = kept.pop()
            rested = now - connection.idle_since
            if not connection.is_open or rested > _IDLE_S or _is_stale(connection, rested):
                connection.abort()
            elif (
                connection.chunked and rested < _SETTLED_S and address.origin not in self._keepers
            ):
                unsettled.append(connection)
            else:
                found = connection
        if unsettled and kept is not None:
            kept.extend(reversed(unsettled))
        if found is not None and found.chunked:
            self._keepers.add(address.origin)
        return found

    def _give_back(self, address: Address, connection: Connection) -> None:
        """Keep the connection if its exchange ended cleanly; close it otherwise."""
        kept = self._kept.setdefault(address.origin, [])
        if not connection.reusable or len(kept) >= _KEPT:
            connection.abort()
        else:
            connection.rest()
            connection.idle_since = asyncio.get_running_loop().time()
            connection.on_lost = lambda lost: self._forget(address, lost)
            kept.append(connection)

    def _forget(self, address: Address, connection: Connection) -> None:
        """The other side closed a kept connection, or spoke out of turn."""
        kept = self._kept.get(address.origin, [])
        if connection in kept:
            kept.remove(connection)
        if not kept:
            self._kept.pop(address.origin, None)

    def _note(self, address: Address, connection: Connection, count: int) -> None:
        """Write down what leaves this machine."""
        if connection.is_local:
            return
        key = (address.host, self._reason)
        if key not in self._sent and len(self._sent) >= _MOST_HOSTS:
            key = ("other hosts", "")
        self._sent[key] = self._sent.get(key, 0) + count


def _times(total_s: float, idle_s: float) -> _Times:
    return _Times(total_s, idle_s, asyncio.get_running_loop().time() + total_s)


def _is_stale(connection: Connection, rested: float) -> bool:
    """Whether the other side has closed, or spoken out of turn, unseen by the loop."""
    if rested < _FRESH_S:
        return False
    poll = select.poll()
    poll.register(connection.fileno, select.POLLIN)
    return bool(poll.poll(0))


def _next_hop(address: Address, answer: StreamedResponse) -> Address:
    """Where a redirect leads. Raises `EngineRefused` for nowhere, and for out of encryption."""
    scheme = "https" if address.secure else "http"
    location = answer.headers.get("location")
    following = read_address(urljoin(f"{scheme}://{address.place}{address.target}", location))
    if not location or (address.secure and not following.secure):
        message = f"{address.place} redirects to nowhere safe"
        raise EngineRefused(message, where=address.place)
    return following
