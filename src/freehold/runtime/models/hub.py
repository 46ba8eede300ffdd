"""The model hub over HTTP: what a repository holds, and its files.

Source: the Hub's API documentation, huggingface.co/docs/hub/api (`/api/models/{repo}/tree`), and
what its own client reads from a `resolve` answer (github.com/huggingface/huggingface_hub,
`file_download.py`: `X-Error-Code`, redirects to a storage host, ranges).
"""

import re
from collections.abc import AsyncGenerator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final, Self
from urllib.parse import quote, urlsplit

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import (
    Busy,
    EngineRefused,
    EngineUnreachable,
    NotAllowed,
    NotFound,
    RefusedForSafety,
)
from freehold.core.units import MIB
from freehold.runtime.outbound.answer import StreamedResponse
from freehold.runtime.outbound.client import Client
from freehold.runtime.outbound.head import Headers
from freehold.runtime.outbound.policy import Policy

PUBLIC_HUB: Final = "https://huggingface.co"
BY_HAND: Final = (
    "connect this machine and try again, or bring the .gguf file here by other means and run "
    "`freehold models add PATH`"
)
_MOST_LISTING: Final = 32 * MIB
_MOST_PAGES: Final = 50
_LISTING_S: Final = 30.0
_DOWNLOAD_S: Final = 7 * 86_400.0
_SILENCE_S: Final = 60.0
_NEXT_PAGE: Final = re.compile(r'<([^>]+)>;\s*rel="next"')
_OK, _PARTIAL, _NOT_SATISFIABLE = 200, 206, 416
_RATE_LIMITED: Final = 429
_SERVER_TROUBLE: Final = 500
_TRIES: Final = 4
"""Times a request is made while the hub is busy or in trouble."""
_LONGEST_WAIT_S: Final = 60.0
"""A hub that asks for more patience than this is left to the person to try again."""


class HubFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file of a repository, as the hub lists it."""

    path: str
    bytes: int
    sha256: str = ""
    """Of the content; empty for the small files that are kept in git itself."""
    git_sha1: str = ""
    """Of git's blob, for those."""


class _Large(msgspec.Struct):
    oid: str
    size: int


class _Entry(msgspec.Struct):
    type: str
    path: str
    size: int = 0
    oid: str = ""
    lfs: _Large | None = None


class Hub:
    """A hub that speaks this API; its context keeps connections to it.

    Args:
        client: the house's client; its ledger notes what the hub is sent.
        clock: waits when the hub asks for patience.
        base: address of the hub, without a slash at the end.
        token: sent to that very origin and to nobody else; empty for none.
    """

    def __init__(
        self, client: Client, clock: Clock, *, base: str = PUBLIC_HUB, token: str = ""
    ) -> None:
        # A hub of the owner's own choice may stand on their network; the public one may not send
        # us there.
        policy = Policy.PUBLIC if base == PUBLIC_HUB else Policy.ANY
        self._client = client.for_errand("model download", policy=policy, redirects=3)
        self._clock = clock
        self.base = base.rstrip("/")
        self._headers = (("authorization", f"Bearer {token}"),) if token else ()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def files(self, repo: str, revision: str) -> tuple[HubFile, ...]:
        """Everything in a repository.

        Raises:
            EngineUnreachable: no answer; the fix says the way without a network.
            NotFound: no such repository or revision. NotAllowed: it is gated or private.
            Busy: it wants more patience than a minute. EngineRefused: it answered nonsense.
        """
        url = f"{self.base}/api/models/{repo}/tree/{quote(revision, safe='')}?recursive=true"
        found: list[_Entry] = []
        for _ in range(_MOST_PAGES):
            async with self._get(url, repo, self._headers, total_s=_LISTING_S) as answer:
                body = await answer.read(_MOST_LISTING)
            try:
                found += msgspec.json.decode(body, type=list[_Entry])
            except msgspec.DecodeError as error:
                message = "the hub's list of files could not be understood"
                raise EngineRefused(message, where=url) from error
            following = _NEXT_PAGE.search(answer.headers.get("link"))
            if following is None:
                break
            url = self._own(following[1])
        return tuple(_file(entry) for entry in found if entry.type == "file")

    @asynccontextmanager
    async def open(
        self, repo: str, revision: str, path: str, *, start: int = 0, tag: str = ""
    ) -> AsyncGenerator[StreamedResponse]:
        """Open a file for reading, from byte `start` on if the hub still has the `tag` version.

        The status is 206 when the answer begins at `start`, 200 when it begins at 0, and 416 when
        there is nothing at `start`. Raises as `files`, and `EngineCut` while the body is read.
        """
        url = f"{self.base}/{repo}/resolve/{quote(revision, safe='')}/{quote(path)}"
        headers = list(self._headers)
        if start:
            headers.append(("range", f"bytes={start}-"))
            # A weak tag may not stand here. Source: RFC 9110, section 13.1.5.
            if tag and not tag.startswith("W/"):
                headers.append(("if-range", tag))
        async with self._get(url, repo, headers, total_s=_DOWNLOAD_S) as answer:
            yield answer

    @asynccontextmanager
    async def _get(
        self, url: str, repo: str, headers: Iterable[tuple[str, str]], *, total_s: float
    ) -> AsyncGenerator[StreamedResponse]:
        """Ask until there is an answer to read, with the patience the hub asks for."""
        tried = 0
        while True:
            tried += 1
            async with AsyncExitStack() as stack:
                answer = await self._ask(stack, url, repo, headers, total_s)
                wait_s = _patience(answer, tried)
                if wait_s is None:
                    self._check(answer.status, answer.headers, repo)
                    yield answer
                    return
            await self._clock.sleep(wait_s)

    async def _ask(
        self,
        stack: AsyncExitStack,
        url: str,
        repo: str,
        headers: Iterable[tuple[str, str]],
        total_s: float,
    ) -> StreamedResponse:
        try:
            return await stack.enter_async_context(
                self._client.stream(
                    "GET", url, headers=headers, timeout_s=total_s, idle_timeout_s=_SILENCE_S
                )
            )
        except (EngineUnreachable, RefusedForSafety) as error:
            message = f"the model hub cannot be reached for {repo}: {error}"
            raise EngineUnreachable(message, where=self.base, fix=BY_HAND) from error

    def _own(self, url: str) -> str:
        """An address the hub gave for its next page; must be the hub's."""
        if urlsplit(url)[:2] != urlsplit(self.base)[:2]:
            raise EngineRefused("the hub's list goes on at another host", where=self.base)
        return url

    def _check(self, status: int, headers: Headers, repo: str) -> None:
        """Turn a refusal of the hub into an error that says what to do."""
        if status in {_OK, _PARTIAL, _NOT_SATISFIABLE}:
            return
        code = headers.get("x-error-code")
        where = f"{self.base}/{repo}"
        match status:
            case 401 | 403 if code == "GatedRepo":
                message = f"{repo} is gated: its owners ask you to accept their terms first"
                fix = f"accept them at {where}, then set HF_TOKEN to your access token"
                raise NotAllowed(message, where=where, fix=fix)
            case 401 | 403 | 404 if code in {"EntryNotFound", "RevisionNotFound"}:
                message = f"{repo} has no such {'file' if code == 'EntryNotFound' else 'revision'}"
                raise NotFound(message, where=where, fix=f"see what there is at {where}")
            case 401 | 403 | 404:
                message = f"the hub has no public repository {repo}"
                fix = "check the name; for a private one set HF_TOKEN to your access token"
                raise NotFound(message, where=where, fix=fix)
            case 429:
                wait_s = _asked_wait(headers)
                message = "the hub is asked too often from here"
                raise Busy(message, where=where, fix=f"try again in {wait_s:.0f} s")
            case _ if status >= _SERVER_TROUBLE:
                message = f"the hub is in trouble (status {status})"
                raise EngineUnreachable(message, where=where, fix="try again later")
            case _:
                message = f"the hub answered with status {status}"
                raise EngineRefused(message, where=where)


def _file(entry: _Entry) -> HubFile:
    if entry.lfs is not None:
        return HubFile(path=entry.path, bytes=entry.lfs.size, sha256=entry.lfs.oid)
    return HubFile(path=entry.path, bytes=entry.size, git_sha1=entry.oid)


def _patience(answer: StreamedResponse, tried: int) -> float | None:
    """Seconds to wait before asking again; None when the answer is to be taken as it is."""
    if tried >= _TRIES:
        return None
    if answer.status == _RATE_LIMITED:
        wait_s = _asked_wait(answer.headers)
        return wait_s if wait_s <= _LONGEST_WAIT_S else None
    return 2.0 ** (tried - 1) if answer.status >= _SERVER_TROUBLE else None


def _asked_wait(headers: Headers) -> float:
    asked = headers.get("retry-after")
    return float(asked) if asked.isdecimal() else 10.0
