"""The ASGI application: guard, route, who, take, answer; errors leave through one door."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from starlette.routing import compile_path

from freehold.core.errors import DiskFull, FreeholdError, HouseError, NotFound
from freehold.runtime.http.contract import (
    Answer,
    Ask,
    EventStream,
    FileReply,
    House,
    Receive,
    Reply,
    Route,
    Scope,
    Send,
    beating,
)
from freehold.runtime.http.errors import problem
from freehold.runtime.http.guard import check_host, check_origin, check_path, headers_of
from freehold.runtime.http.who import admit, principal_of

OURS: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_PIECE: Final = 64 * 1024
_ALWAYS: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


class MethodUnknown(NotFound):
    """This path does not take this method."""

    code = "FH-CALL-012"
    status = 405


class Application:
    """The house as an ASGI application."""

    def __init__(self, house: House, routes: Sequence[Route], local_token: str) -> None:
        self._house = house
        self._local_token = local_token
        self._names = OURS | frozenset(name.lower() for name in house.options.spec.access.hosts)
        self._exact: dict[tuple[str, str], Route] = {}
        self._patterns: list[tuple[re.Pattern[str], Route]] = []
        for route in routes:
            if "{" in route.path:
                self._patterns.append((compile_path(route.path)[0], route))
            else:
                self._exact[route.method, route.path] = route

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        dialect = "openai" if scope["path"].startswith("/v1/") else "freehold"
        started = False

        async def told(message: Mapping[str, object]) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._answer(scope, receive, told)
        except FreeholdError as error:
            failure = error
        except Exception as error:  # noqa: BLE001 - the HTTP edge: one bad request, not the house
            self._house.log.error("request broke", path=scope["path"], error=repr(error))
            failure = HouseError("the house failed on this request", fix="see `freehold logs`")
        else:
            return
        if not started:
            await _send_reply(problem(failure, dialect), send, scope["method"])

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = headers_of(scope["headers"])
        check_host(headers, self._names)
        check_path(scope.get("raw_path") or scope["path"].encode("latin-1", "replace"))
        check_origin(scope["method"], headers, self._names)
        ask = Ask(scope, receive, headers)
        route = self._route(ask)
        ask.principal = await principal_of(ask, self._house, self._local_token)
        admit(route.who, ask.principal)
        ask.body_limit = route.body_limit
        if route.costs:
            await self._watched(route, ask, send)
        else:
            await self._send(await route.take(ask, self._house), ask, send)

    def _route(self, ask: Ask) -> Route:
        method = "GET" if ask.method == "HEAD" else ask.method
        exact = self._exact.get((method, ask.path))
        if exact is not None:
            return exact
        other_method = False
        for pattern, route in self._patterns:
            found = pattern.match(ask.path)
            if found is not None and route.method == method:
                ask.parameters = found.groupdict()
                return route
            other_method = other_method or found is not None
        if other_method or any(path == ask.path for _, path in self._exact):
            message = f"{ask.method} is not possible here"
            raise MethodUnknown(message, where=ask.path[:200])
        message = f"there is nothing at {ask.path[:200]!r}"
        raise NotFound(message)

    async def _watched(self, route: Route, ask: Ask, send: Send) -> None:
        """Take a costly request, and let go of it as soon as its caller hangs up."""
        await ask.body()
        work = asyncio.ensure_future(route.take(ask, self._house))
        gone = asyncio.ensure_future(ask.gone())
        try:
            await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            gone.cancel()
            if not work.done():
                work.cancel()
                await asyncio.wait({work})
        if not work.cancelled():
            await self._send(work.result(), ask, send)

    async def _send(self, answer: Answer, ask: Ask, send: Send) -> None:
        match answer:
            case Reply():
                await _send_reply(answer, send, ask.method)
            case EventStream():
                await _send_events(answer, ask, send)
            case FileReply():
                await _send_file(answer, send)


async def _send_reply(reply: Reply, send: Send, method: str) -> None:
    headers = [
        (b"content-type", reply.content_type.encode()),
        (b"content-length", str(len(reply.body)).encode()),
        *_ALWAYS,
        *((name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers),
    ]
    if not any(name == b"cache-control" for name, _ in headers):
        headers.append((b"cache-control", b"no-store"))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    body = b"" if method == "HEAD" else reply.body
    await send({"type": "http.response.body", "body": body})


async def _send_events(stream: EventStream, ask: Ask, send: Send) -> None:
    """Send events until they end or the caller hangs up, whichever is first."""
    headers = [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
        *_ALWAYS,
        *((name.lower().encode(), value.encode("latin-1")) for name, value in stream.headers),
    ]

    async def all_of_it() -> None:
        async with stream.open() as events:
            await send({"type": "http.response.start", "status": 200, "headers": headers})
            async for piece in beating(events):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    work = asyncio.ensure_future(all_of_it())
    gone = asyncio.ensure_future(ask.gone())
    try:
        await asyncio.wait({work, gone}, return_when=asyncio.FIRST_COMPLETED)
        if work.done():
            work.result()
    finally:
        gone.cancel()
        if not work.done():
            work.cancel()
            await asyncio.wait({work})


async def _send_file(reply: FileReply, send: Send) -> None:
    def size_of() -> int:
        return Path(reply.path).stat().st_size

    try:
        size = await asyncio.to_thread(size_of)
        file = await asyncio.to_thread(Path(reply.path).open, "rb")
    except OSError as error:
        message = f"the file is not there any more: {error.strerror}"
        raise NotFound(message, where=reply.name) from error
    safe = "".join(c if (c.isascii() and c.isalnum()) or c in "._- " else "_" for c in reply.name)
    headers = [
        (b"content-type", b"application/octet-stream"),
        (b"content-length", str(size).encode()),
        (b"content-disposition", f'attachment; filename="{safe}"'.encode()),
        (b"content-security-policy", b"sandbox; default-src 'none'"),
        (b"cache-control", b"no-store"),
        *_ALWAYS,
    ]
    try:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        left = size
        while left > 0:
            piece = await asyncio.to_thread(file.read, min(_PIECE, left))
            if not piece:
                raise DiskFull("the file became shorter while it was read")
            left -= len(piece)
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
    finally:
        file.close()
