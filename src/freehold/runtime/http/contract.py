"""What a route is, what it is given, and what it answers with."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Literal, TypeVar
from urllib.parse import parse_qs

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import BadRequest, NotFound, NotSignedIn, TooLarge
from freehold.core.log import Log
from freehold.core.units import KIB, Seconds
from freehold.runtime.bus.bus import Bus
from freehold.runtime.chat.answer import Answers
from freehold.runtime.chat.stored import StoredChats
from freehold.runtime.chat.temporary import TemporaryChats
from freehold.runtime.chat.turns import Turns
from freehold.runtime.console.assets import Assets
from freehold.runtime.dialects import strict_json
from freehold.runtime.dialects.sse import HEARTBEAT
from freehold.runtime.gateway.gateway import Gateway
from freehold.runtime.knowledge.library import Library
from freehold.runtime.machine.machine import Machine
from freehold.runtime.models.shelf import Shelf
from freehold.runtime.outbound.client import Client
from freehold.runtime.people.contract import Principal, User
from freehold.runtime.people.people import People
from freehold.runtime.store.blobs import Blobs
from freehold.runtime.supervise.supervisor import Supervisor
from freehold.runtime.work.works import Works
from freehold.spec.up import UpOptions

T = TypeVar("T")

Who = Literal["public", "person", "admin", "local"]
"""`public`: anybody who reaches the port; `person`: signed in or with a key; `admin`: a person
with that role; `local`: the machine's own command line."""

SMALL: Final = 64 * KIB

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
Scope = Mapping[str, Any]


class House(msgspec.Struct, frozen=True, kw_only=True):
    """Every part a route may need, built once by the composition root."""

    options: UpOptions
    clock: Clock
    log: Log
    started_at: Seconds
    people: People
    shelf: Shelf
    gateway: Gateway
    library: Library
    answers: Answers
    chats: StoredChats
    temporary: TemporaryChats
    turns: Turns
    works: Works
    bus: Bus
    supervisor: Supervisor
    client: Client
    blobs: Blobs
    assets: Assets
    machine: Callable[[], Awaitable[Machine]]
    url: str
    """Where the house answers, without a trailing slash."""


class Ask:
    """One request, as a route sees it."""

    def __init__(self, scope: Scope, receive: Receive, headers: Mapping[str, str]) -> None:
        self._scope = scope
        self._receive = receive
        self.headers = headers
        """Names in lower case; the guard let none through twice that may not be."""
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.parameters: Mapping[str, str] = {}
        self.principal: Principal | None = None
        self.body_limit = SMALL
        self._body: bytes | None = None

    @property
    def user(self) -> User:
        """Who asks; only on routes that are not public."""
        if self.principal is None:
            raise NotSignedIn
        return self.principal.user

    @property
    def is_loopback(self) -> bool:
        """Whether the connection comes from this machine."""
        client = self._scope.get("client")
        return client is not None and client[0] in {"127.0.0.1", "::1"}

    def query(self, name: str) -> str:
        """A query parameter, the last one of that name, or an empty text."""
        raw: str = self._scope["query_string"].decode("latin-1")
        try:
            found = parse_qs(raw, keep_blank_values=True, max_num_fields=32)
        except ValueError as error:
            raise BadRequest("the query has too many fields", where=name) from error
        return found.get(name, [""])[-1]

    def query_number(self, name: str, default: int, most: int) -> int:
        """A whole number of the query, from 0 to `most`."""
        text = self.query(name)
        if not text:
            return default
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= most):  # noqa: PLR2004
            message = f"{name} is a whole number from 0 to {most}"
            raise BadRequest(message, where=name)
        return int(text)

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it arrives, within the route's limit."""
        taken = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise BadRequest("the request broke off before its body was complete")
            piece: bytes = message.get("body", b"")
            taken += len(piece)
            if taken > self.body_limit:
                text = f"a body of this request has at most {self.body_limit} bytes"
                raise TooLarge(text)
            if piece:
                yield piece
            if not message.get("more_body", False):
                return

    async def body(self) -> bytes:
        """The whole body; read once, kept for who asks again."""
        if self._body is None:
            self._body = b"".join([piece async for piece in self.pieces()])
        return self._body

    async def json(self, kind: type[T]) -> T:
        """The body as JSON of this shape; what does not fit is named."""
        body = await self.body()
        kind_sent = self.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind_sent != "application/json":
            raise BadRequest("the body must be JSON", fix="send `Content-Type: application/json`")
        return strict_json.decode(body, kind)

    async def gone(self) -> None:
        """Return when the caller has hung up; only after the body was read."""
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                return

    def named(self, name: str) -> str:
        """A part of the path; decoded, printable, without NUL."""
        text = self.parameters[name]
        if not text or "\0" in text or len(text) > 4096:  # noqa: PLR2004 - a path's longest
            message = f"{name} is not a name"
            raise NotFound(message)
        return text


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    body: bytes = b""
    status: int = 200
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()


class EventStream(msgspec.Struct, frozen=True, kw_only=True):
    """An answer of server-sent events; the context is left when the caller hangs up."""

    open: Callable[[], AbstractAsyncContextManager[AsyncIterator[bytes]]]
    headers: tuple[tuple[str, str], ...] = ()


class FileReply(msgspec.Struct, frozen=True, kw_only=True):
    """A file as an attachment, read in pieces."""

    path: str
    name: str


Answer = Reply | EventStream | FileReply
Take = Callable[[Ask, House], Awaitable[Answer]]


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """A route; one that is not in the table does not exist."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
    path: str
    """Starlette's pattern: `/freehold/v1/chats/{id}`."""
    who: Who
    take: Take
    summary: str
    """One sentence, for the reference page."""
    body_limit: int = SMALL
    """Bytes."""
    costs: bool = False
    """Whether it spends a model's time."""


def as_json(value: object, status: int = 200) -> Reply:
    """A value as JSON."""
    return Reply(body=msgspec.json.encode(value), status=status)


async def beating(events: AsyncIterator[bytes], every_s: float = 15.0) -> AsyncIterator[bytes]:
    """The events, and a comment whenever nothing came for a while, so that proxies keep open."""
    waiting = asyncio.ensure_future(anext(events))
    try:
        while True:
            done, _ = await asyncio.wait({waiting}, timeout=every_s)
            if not done:
                yield HEARTBEAT
                continue
            try:
                yield waiting.result()
            except StopAsyncIteration:
                return
            waiting = asyncio.ensure_future(anext(events))
    finally:
        waiting.cancel()
