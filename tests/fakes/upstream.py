"""What the fakes of model servers share: HTTP/1.1 on a socket, chunked streams, scripted faults.

Written from RFC 9112 (message framing). A fake speaks its server's true protocol; what goes wrong
is said by `Faults`, so that every fault can be played on every protocol.
"""

import argparse
import asyncio
import contextlib
import dataclasses
import json
import socket
import struct
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Faults:
    """What is to go wrong. Counts are pieces of a stream already sent when it happens."""

    slow_s: float = 0.0
    """Pause before each piece."""
    cut_after: int | None = None
    """The connection is closed in an orderly way, in the middle of the body."""
    reset_after: int | None = None
    """The connection is reset (RST)."""
    stall_after: int | None = None
    """Nothing more comes, and the connection stays."""
    garbage_after: int | None = None
    """A piece that is not of the protocol."""
    error_after: int | None = None
    """An error inside the stream, in the server's own words."""
    long_line: int = 0
    """A line of so many bytes comes instead of an answer."""
    status: int = 0
    """Every request is answered with this status and `error_body`."""
    error_body: str = "<html><head><title>500</title></head><body>Internal\x07 error</body></html>"
    garbage_head: bool = False
    """The answer is not HTTP at all."""
    stall_head: bool = False
    """The request is taken and never answered."""
    no_end: bool = False
    """The end that the dialect prescribes is left out; the body itself ends well."""
    split: int = 0
    """Pieces go out cut into chunks of so many bytes."""
    close_after_stream: bool = False
    """The connection is closed after a stream, although nothing was said of it."""
    unframed: bool = False
    """The end of the connection is the end of the body."""


@dataclass
class Seen:
    """A request that came."""

    method: str
    path: str
    headers: dict[str, str]
    body: Any


@dataclass
class Upstream:
    """A server on a free loopback port; a fake says what it answers."""

    faults: Faults = field(default_factory=Faults)
    port: int = 0
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when a caller leaves while its stream is being written."""
    pieces_sent: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def answer(self, request: Seen, out: "Out") -> None:
        """Answer a request; the fake's own part."""
        raise NotImplementedError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while (request := await _read(reader)) is not None:
                    self.seen.append(request)
                    out = Out(self, reader, writer)
                    if not await self._fault(out):
                        await self.answer(request, out)
                    if out.closing:
                        break
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._tasks.discard(task)
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _fault(self, out: "Out") -> bool:
        faults = self.faults
        if faults.stall_head:
            await out.until_hung_up()
        elif faults.garbage_head:
            out.raw(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
            out.closing = True
        elif faults.status:
            await out.body(faults.status, faults.error_body.encode(), "text/html")
        else:
            return False
        return True


class Out:
    """The answer to one request."""

    def __init__(
        self, upstream: Upstream, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._upstream = upstream
        self._faults = upstream.faults
        self._reader = reader
        self._writer = writer
        self._count = 0
        self.closing = False

    def raw(self, data: bytes) -> None:
        self._writer.write(data)

    async def body(self, status: int, content: bytes, kind: str = "application/json") -> None:
        self.raw(
            b"HTTP/1.1 %d X\r\ncontent-type: %s\r\ncontent-length: %d\r\n\r\n"
            % (status, kind.encode(), len(content))
            + content
        )
        await self._writer.drain()

    async def json(self, status: int, value: object) -> None:
        await self.body(status, json.dumps(value).encode())

    async def stream(
        self, pieces: list[bytes], kind: str, end: bytes, error: bytes, garbage: bytes
    ) -> None:
        """Send a stream piece by piece, with what is to go wrong."""
        framing = b"" if self._faults.unframed else b"transfer-encoding: chunked\r\n"
        self.raw(
            b"HTTP/1.1 200 OK\r\ncontent-type: " + kind.encode() + b"\r\n" + framing + b"\r\n"
        )
        if self._faults.long_line:
            await self._piece(b"data: " + b"x" * self._faults.long_line)
        for piece in [*pieces, *([] if self._faults.no_end else [end])]:
            if not piece:
                continue
            if await self._interrupted(error, garbage):
                return
            if self._faults.slow_s:
                await asyncio.sleep(self._faults.slow_s)
            if self._reader.at_eof() or self._writer.is_closing():
                self._upstream.hung_up.set()
                self.closing = True
                return
            await self._piece(piece)
        if not self._faults.unframed:
            self.raw(b"0\r\n\r\n")
        self.closing = self._faults.close_after_stream or self._faults.unframed

    async def _piece(self, piece: bytes) -> None:
        step = self._faults.split or len(piece)
        for start in range(0, len(piece), step):
            part = piece[start : start + step]
            self.raw(part if self._faults.unframed else b"%x\r\n%s\r\n" % (len(part), part))
            try:
                await self._writer.drain()
            except ConnectionError:
                self._upstream.hung_up.set()
                raise
        self._count += 1
        self._upstream.pieces_sent += 1

    async def _interrupted(self, error: bytes, garbage: bytes) -> bool:
        faults, count = self._faults, self._count
        if count == faults.cut_after:
            self.closing = True
        elif count == faults.reset_after:
            await self._reset()
        elif count == faults.stall_after:
            await self.until_hung_up()
        elif count == faults.error_after:
            await self._piece(error)
            self.raw(b"" if faults.unframed else b"0\r\n\r\n")
            self.closing = faults.unframed
        elif count == faults.garbage_after:
            await self._piece(garbage)
            return False
        else:
            return False
        return True

    async def _reset(self) -> None:
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()
        self.closing = True

    async def until_hung_up(self) -> None:
        """Keep still until the caller leaves."""
        with contextlib.suppress(ConnectionError):
            await self._reader.read(1)
        self._upstream.hung_up.set()
        self.closing = True


async def _read(reader: asyncio.StreamReader) -> Seen | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _ = first.split(" ")
    headers = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)
    }
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length) if length else b""
    with contextlib.suppress(ValueError):
        return Seen(method, path, headers, json.loads(body) if body else None)
    return Seen(method, path, headers, body)


def read_flags(description: str, port: int) -> tuple[argparse.Namespace, Faults]:
    """Faults as flags of a command line: `--cut-after 3 --slow-s 0.1`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--port", type=int, default=port)
    parser.add_argument("--flavour", default="")
    for item in dataclasses.fields(Faults):
        flag = f"--{item.name.replace('_', '-')}"
        if isinstance(item.default, bool):
            parser.add_argument(flag, action="store_true")
        else:
            kind = (
                str if isinstance(item.default, str) else float if item.name == "slow_s" else int
            )
            parser.add_argument(flag, type=kind, default=item.default)
    flags = parser.parse_args()
    named = {item.name: getattr(flags, item.name) for item in dataclasses.fields(Faults)}
    return flags, Faults(**named)


async def serve(upstream: Upstream) -> None:
    """Serve until interrupted."""
    async with upstream:
        print(json.dumps({"url": upstream.url}), flush=True)
        await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def nobody() -> AsyncIterator[str]:
    """An address where nothing listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
