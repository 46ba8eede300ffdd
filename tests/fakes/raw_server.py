"""A server that sends exactly the bytes it is told to, to try what no well-behaved server sends.

Written from RFC 9112: it reads requests as they are framed there, and answers with whatever the
script says. A script is a list of answers, one for each request in the order they come; what has
run out is answered with the last one again.
"""

import asyncio
import contextlib
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Self

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
CLOSE = b"\x00close"
"""Close the connection at this point, in an orderly way."""
RESET = b"\x00reset"
"""Reset the connection at this point."""
KEEP_STILL = b"\x00still"
"""Send nothing more, until the caller leaves."""

Answer = bytes | list[bytes] | Callable[["RawServer", asyncio.StreamWriter], Awaitable[None]]


@dataclass
class RawServer:
    """Plays a script on a free loopback port."""

    script: list[Answer] = field(default_factory=lambda: [OK])
    tls: ssl.SSLContext | None = None
    host: str = "127.0.0.1"
    port: int = 0
    connections: int = 0
    requests: list[bytes] = field(default_factory=list)
    """Head and body of each request."""
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    sent: int = 0

    @property
    def url(self) -> str:
        return f"http{'s' if self.tls else ''}://{self.host}:{self.port}"

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._serve, self.host, 0, ssl=self.tls)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                while await self._one(reader, writer):
                    pass
        except asyncio.CancelledError:
            pass  # the test is over
        finally:
            self._tasks.discard(task)
            self.hung_up.set()
            writer.close()
            with contextlib.suppress(OSError, asyncio.CancelledError):
                await writer.wait_closed()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = await reader.readuntil(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(x[15:]) for x in lines if x.startswith(b"content-length:")), 0)
        self.requests.append(head + await reader.readexactly(length))
        answer = self.script[min(len(self.requests), len(self.script)) - 1]
        if callable(answer):
            await answer(self, writer)
            return True
        for piece in [answer] if isinstance(answer, bytes) else answer:
            if piece == CLOSE:
                return False
            if piece == RESET:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                return False
            if piece == KEEP_STILL:
                await reader.read(1)
                return False
            writer.write(piece)
            await writer.drain()
            self.sent += len(piece)
            await asyncio.sleep(0)
        return True
