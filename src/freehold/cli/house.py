"""Talk to the running house over its own HTTP API, with the token it leaves for its owner.

asyncio and the HTTP client come in when something is said to the house, so that `--help` does not
wait for them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeVar
from urllib.parse import quote, urlencode

import msgspec

from freehold.cli.running import find_running
from freehold.cli.terminal import Terminal
from freehold.core.errors import (
    EngineCut,
    EngineUnreachable,
    ErrorCard,
    FreeholdError,
    HouseNotRunning,
    NotAllowed,
    NotSignedIn,
)

if TYPE_CHECKING:
    from freehold.runtime.outbound.client import Client
    from freehold.runtime.outbound.sse import ServerEvent

Answer = TypeVar("Answer")

_PREFIX: Final = "/freehold/v1"
_PATIENCE_S: Final = 600.0
_FOLLOW_S: Final = 7 * 86_400.0
_FIRST_ERROR: Final = 400
_REFUSALS: Final[dict[int, type[FreeholdError]]] = {401: NotSignedIn, 403: NotAllowed}


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error as the house answers it (problem+json, RFC 9457)."""

    code: str = ""
    title: str = ""
    where: str = ""
    fix: str = ""


class House:
    """The house that runs at this home."""

    def __init__(self, client: Client, terminal: Terminal) -> None:
        running = find_running(terminal)
        self.url: Final = running.url
        self._client = client
        self._terminal = terminal
        try:
            token = terminal.home.cli_token.read_text(encoding="ascii").strip()
        except OSError as error:
            message = f"the key of the command line cannot be read: {error.strerror}"
            fix = "run this as the user who started the house"
            raise NotAllowed(message, where=str(terminal.home.cli_token), fix=fix) from error
        self._key: Final = ("authorization", f"Bearer {token}")

    async def get(
        self, path: str, kind: type[Answer], query: dict[str, str] | None = None
    ) -> Answer:
        """Read something."""
        return await self._call("GET", _with_query(path, query), b"", kind)

    async def post(self, path: str, kind: type[Answer], body: object) -> Answer:
        """Make something, or set it going; `body` is sent as JSON."""
        return await self._call("POST", path, msgspec.json.encode(body), kind)

    async def delete(self, path: str) -> None:
        """Remove something."""
        await self._call("DELETE", path, b"", object)

    @asynccontextmanager
    async def events(self, path: str) -> AsyncGenerator[AsyncIterator[ServerEvent]]:
        """Follow a stream of events; leaving early hangs up."""
        url = f"{self.url}{_PREFIX}{path}"
        headers = (self._key, ("accept", "text/event-stream"))
        try:
            async with self._client.stream(
                "GET", url, headers=headers, timeout_s=_FOLLOW_S
            ) as answer:
                if answer.status >= _FIRST_ERROR:
                    raise read_problem(answer.status, await answer.read(1 << 20))
                yield answer.events()
        except (EngineUnreachable, EngineCut) as error:
            raise self._gone() from error

    async def _call(self, method: str, path: str, body: bytes, kind: type[Answer]) -> Answer:
        headers = [self._key, ("accept", "application/json")]
        if body:
            headers.append(("content-type", "application/json"))
        try:
            answer = await self._client.request(
                method,
                f"{self.url}{_PREFIX}{path}",
                headers=headers,
                body=body,
                timeout_s=_PATIENCE_S,
            )
        except (EngineUnreachable, EngineCut) as error:
            raise self._gone() from error
        if answer.status >= _FIRST_ERROR:
            raise read_problem(answer.status, answer.body)
        try:
            return msgspec.json.decode(answer.body or b"null", type=kind)
        except msgspec.MsgspecError as error:
            message = f"the house answered something this command does not understand: {error}"
            fix = "restart the house, so that it is of the same version"
            raise FreeholdError(message, where=f"{method} {path}", fix=fix) from error

    def _gone(self) -> HouseNotRunning:
        fix = self._terminal.command("status") + ", then " + self._terminal.command("logs")
        return HouseNotRunning("the house stopped answering", where=self.url, fix=fix)


def talk(terminal: Terminal, errand: Callable[[House], Awaitable[Answer]]) -> Answer:
    """Run one errand with the house.

    Raises:
        HouseNotRunning: no house runs at this home.
        FreeholdError: whatever the house answered.
    """
    import asyncio  # noqa: PLC0415 - see the top of this file

    from freehold.runtime.outbound.client import Client  # noqa: PLC0415
    from freehold.runtime.outbound.policy import Policy  # noqa: PLC0415

    async def go() -> Answer:
        async with Client(policy=Policy.LOOPBACK_ONLY) as client:
            return await errand(House(client, terminal))

    return asyncio.run(go())


def path_of(*parts: str) -> str:
    """A path whose parts are names: `path_of("models", "a/b")` is `/models/a%2Fb`."""
    return "".join(f"/{quote(part, safe='')}" for part in parts)


def read_problem(status: int, body: bytes) -> FreeholdError:
    """The error that the house answered, of the same class it had there."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        problem = Problem()
    like = _REFUSALS.get(status, FreeholdError)
    card = ErrorCard(
        code=problem.code or like.code,
        title=problem.title or f"the house answered {status}",
        where=problem.where,
        fix=problem.fix,
    )
    return relayed(card, like)


def relayed(card: ErrorCard, like: type[FreeholdError] = FreeholdError) -> FreeholdError:
    """An error of the house as an error here, with its code and what follows from it."""
    kind = _known_errors().get(card.code)
    if kind is None:
        kind = type("Relayed", (like,), {"code": card.code, "__doc__": like.__doc__})
    return kind(card.title, where=card.where, fix=card.fix)


def _known_errors() -> dict[str, type[FreeholdError]]:
    """Every error class by its code."""
    found: dict[str, type[FreeholdError]] = {}
    waiting: list[type[FreeholdError]] = [FreeholdError]
    while waiting:
        kind = waiting.pop()
        found.setdefault(kind.code, kind)
        waiting.extend(kind.__subclasses__())
    return found


def _with_query(path: str, query: dict[str, str] | None) -> str:
    return f"{path}?{urlencode(query)}" if query else path
