"""A model hub: speaks the Hugging Face Hub's HTTP API, with scripted faults.

Written from huggingface.co/docs/hub/api (tree listing) and from what `huggingface_hub`
(`file_download.py`, `utils/_http.py`) reads: `resolve` answers 302 to a storage host with
`X-Repo-Commit`, `X-Linked-Size` and `X-Linked-ETag` (the SHA-256 of the content); refusals carry
`X-Error-Code`. The storage host is a second origin, as the real one is, and honours `Range` with
`If-Range` as RFC 9110 asks.

`python -m fakes.hub FOLDER` serves FOLDER/org/repo/… by hand.
"""

import asyncio
import contextlib
import hashlib
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CHUNK = 16384


@dataclass
class Faults:
    """What is to go wrong, in which order."""

    cut_after: list[int] = field(default_factory=list)
    """The next downloads break off after so many bytes of body each."""
    busy: list[str] = field(default_factory=list)
    """The next requests to the hub are answered 429 with these Retry-After values."""
    broken: int = 0
    """So many requests to the hub are answered 503 first."""
    wrong_byte: bool = False
    """The storage sends one byte that is not the file's."""
    ignore_range: bool = False
    """The storage sends whole files whatever is asked."""
    too_much: bool = False
    """The storage sends more than the file has."""


@dataclass
class Seen:
    """A request that came."""

    origin: str
    method: str
    path: str
    headers: dict[str, str]


class FakeHub:
    """Serves repositories out of memory: `repos["org/repo"]["file.gguf"] = bytes`."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}
        self.gated: set[str] = set()
        self.in_git: set[str] = set()
        """Files that are kept in git itself: listed without a SHA-256."""
        self.token = "hf_good"
        self.faults = Faults()
        self.seen: list[Seen] = []
        self.etag = ""
        """Set to change the storage's ETag of everything."""
        self.page = 1000
        self.url = ""
        self.storage_url = ""
        self._writers: list[asyncio.StreamWriter] = []

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["FakeHub"]:
        hub = await asyncio.start_server(self._serve_hub, "127.0.0.1", 0)
        storage = await asyncio.start_server(self._serve_storage, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{hub.sockets[0].getsockname()[1]}"
        self.storage_url = f"http://127.0.0.1:{storage.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            for server in (hub, storage):
                server.close()
            for writer in self._writers:
                writer.close()
                with contextlib.suppress(ConnectionError):
                    await writer.wait_closed()

    def downloads(self) -> list[Seen]:
        """Requests the storage got."""
        return [seen for seen in self.seen if seen.origin == "storage"]

    async def _serve_hub(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._serve(reader, writer, "hub")

    async def _serve_storage(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        await self._serve(reader, writer, "storage")

    async def _serve(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, origin: str
    ) -> None:
        self._writers.append(writer)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                line, *rest = head.split("\r\n")
                method, path, _ = line.split(" ")
                headers = {
                    name.lower(): value.strip()
                    for name, _, value in (item.partition(":") for item in rest if item)
                }
                seen = Seen(origin, method, path, headers)
                self.seen.append(seen)
                answer = self._hub if origin == "hub" else self._storage
                if not await answer(seen, writer):
                    break
        writer.close()

    async def _hub(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        if self.faults.busy:
            return await say(writer, 429, {"Retry-After": self.faults.busy.pop(0)})
        if self.faults.broken:
            self.faults.broken -= 1
            return await say(writer, 503, {})
        url = urlsplit(seen.path)
        parts = unquote(url.path).strip("/").split("/")
        if parts[:2] == ["api", "models"]:
            return await self._tree("/".join(parts[2:4]), url.query, parts[5], seen, writer)
        if len(parts) > 4 and parts[2] == "resolve":
            repo, revision, path = "/".join(parts[:2]), parts[3], "/".join(parts[4:])
            return await self._resolve(repo, revision, path, seen, writer)
        return await say(writer, 404, {})

    async def _refused(self, repo: str, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        """Whether the repository is not for this caller; the answer is given then."""
        known = seen.headers.get("authorization") == f"Bearer {self.token}"
        if repo not in self.repos:
            status = 404 if known else 401
            return not await say(writer, status, {"X-Error-Code": "RepoNotFound"}, b"", end=True)
        if repo in self.gated and not known:
            code = {"X-Error-Code": "GatedRepo"}
            return not await say(writer, 401, code, b"", end=True)
        return False

    async def _tree(
        self, repo: str, query: str, revision: str, seen: Seen, writer: asyncio.StreamWriter
    ) -> bool:
        if await self._refused(repo, seen, writer):
            return False
        if revision not in {"main", COMMIT}:
            return await say(writer, 404, {"X-Error-Code": "RevisionNotFound"})
        entries = [self._entry(path, data) for path, data in sorted(self.repos[repo].items())]
        start = int(query.partition("cursor=")[2] or 0)
        extra = {"Content-Type": "application/json; charset=utf-8"}
        if start + self.page < len(entries):
            here = f"{self.url}/api/models/{repo}/tree/{revision}"
            after = f"{here}?recursive=true&cursor={start + self.page}"
            extra["Link"] = f'<{after}>; rel="next"'
        body = json.dumps(entries[start : start + self.page]).encode()
        return await say(writer, 200, extra, body)

    def _entry(self, path: str, data: bytes) -> dict[str, object]:
        git = hashlib.sha1(f"blob {len(data)}\0".encode() + data).hexdigest()
        entry: dict[str, object] = {
            "type": "file",
            "oid": git,
            "size": len(data),
            "path": path,
        }
        if path not in self.in_git:
            sha = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"oid": sha, "size": len(data), "pointerSize": 134}
        return entry

    async def _resolve(
        self, repo: str, revision: str, path: str, seen: Seen, writer: asyncio.StreamWriter
    ) -> bool:
        if await self._refused(repo, seen, writer):
            return False
        data = self.repos[repo].get(path)
        if data is None or revision not in {"main", COMMIT}:
            return await say(writer, 404, {"X-Error-Code": "EntryNotFound"})
        sha = hashlib.sha256(data).hexdigest()
        extra = {
            "Location": f"{self.storage_url}/blobs/{repo}/{path}?X-Signature=abc",
            "X-Repo-Commit": COMMIT,
            "X-Linked-Size": str(len(data)),
            "X-Linked-ETag": f'"{sha}"',
            "ETag": f'"{sha[:32]}"',
            "Accept-Ranges": "bytes",
        }
        return await say(writer, 302, extra)

    async def _storage(self, seen: Seen, writer: asyncio.StreamWriter) -> bool:
        parts = unquote(urlsplit(seen.path).path).strip("/").split("/")
        data = self.repos["/".join(parts[1:3])]["/".join(parts[3:])]
        etag = self.etag or f'"{hashlib.sha256(data).hexdigest()}"'
        wanted = seen.headers.get("range", "")
        same = seen.headers.get("if-range", etag) == etag
        start = int(wanted[6:-1]) if wanted and same and not self.faults.ignore_range else 0
        if start and start >= len(data):
            return await say(writer, 416, {"Content-Range": f"bytes */{len(data)}"})
        body = bytearray(data[start:])
        if self.faults.wrong_byte:
            body[len(body) // 2] ^= 0xFF
        if self.faults.too_much:
            body += b"more"
        extra = {"ETag": etag, "Accept-Ranges": "bytes"}
        if start:
            extra["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cut = self.faults.cut_after.pop(0) if self.faults.cut_after else None
        head(writer, 206 if start else 200, {**extra, "Content-Length": str(len(body))})
        for at in range(0, len(body) if cut is None else min(cut, len(body)), CHUNK):
            until = at + CHUNK if cut is None else min(at + CHUNK, cut)
            writer.write(bytes(body[at:until]))
            await writer.drain()
        return cut is None


def head(writer: asyncio.StreamWriter, status: int, extra: dict[str, str]) -> None:
    lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in extra.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())


async def say(
    writer: asyncio.StreamWriter,
    status: int,
    extra: dict[str, str],
    body: bytes = b"",
    *,
    end: bool = False,
) -> bool:
    """Answer; whether the connection goes on."""
    head(writer, status, {**extra, "Content-Length": str(len(body))})
    writer.write(body)
    await writer.drain()
    return not end


async def main(folder: Path) -> None:
    hub = FakeHub()
    for path in folder.glob("*/*/**/*"):
        if path.is_file():
            organisation, repo, *rest = path.relative_to(folder).parts
            hub.repos.setdefault(f"{organisation}/{repo}", {})["/".join(rest)] = path.read_bytes()
    async with hub.running():
        print(hub.url, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
