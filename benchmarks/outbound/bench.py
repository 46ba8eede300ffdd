"""What the client costs, beside a floor that does nothing but move the bytes.

Run it with `scripts/bench outbound`; the README beside it says what is asked and how.
"""

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(Path(__file__).parent)]

import httpx2  # noqa: E402
import uvloop  # noqa: E402
from upstream import EVENTS, ONE, STREAM  # noqa: E402

from freehold.runtime.calls import ChatCall, Done, Message  # noqa: E402
from freehold.runtime.dialects.openai import ChunkWriter  # noqa: E402
from freehold.runtime.outbound.client import Client  # noqa: E402
from freehold.runtime.wire.openai import OpenAIWire  # noqa: E402

RESULTS = Path(__file__).parent / "results"
ROUNDS = 7
PATH = "/v1/chat/completions"
COUNTS = {"one": 2000, "stream": 600}
PLAIN = b'{"model":"mock","messages":[{"role":"user","content":"hello"}],"stream":false}'
ASKING = b'{"model":"mock","messages":[{"role":"user","content":"hello"}],"stream":true}'
HEADERS = (("content-type", "application/json"), ("authorization", "Bearer key"))
CALL = ChatCall(model="mock", messages=(Message(role="user", content="hello"),))

Once = Callable[[], Awaitable[None]]


class Floor(asyncio.Protocol):
    """Writes a prebuilt request and counts bytes until the known length has come."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._left = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    async def ask(self, request: bytes, length: int) -> None:
        self._left = length
        self._waiter = asyncio.get_running_loop().create_future()
        self._transport.write(request)  # type: ignore[attr-defined]
        await self._waiter

    def data_received(self, data: bytes) -> None:
        self._left -= len(data)
        if self._left <= 0 and self._waiter is not None:
            self._waiter.set_result(None)


def request(body: bytes) -> bytes:
    head = f"POST {PATH} HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in HEADERS)
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def load(once: Once, count: int, width: int) -> tuple[float, list[float]]:
    """CPU seconds of this process, and the wall milliseconds of each request."""
    took: list[float] = []
    left = iter(range(count))

    async def worker() -> None:
        for _ in left:
            before = time.perf_counter()
            await once()
            took.append((time.perf_counter() - before) * 1000)

    before = time.process_time()
    await asyncio.gather(*(worker() for _ in range(width)))
    return time.process_time() - before, took


def floor(url: str) -> dict[str, Once]:
    """Nothing but the bytes."""
    port = int(url.rsplit(":", 1)[1])
    idle: list[Floor] = []

    async def ask(body: bytes, length: int) -> None:
        if not idle:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_connection(Floor, "127.0.0.1", port)
            idle.append(made)
        connection = idle.pop()
        await connection.ask(request(body), length)
        idle.append(connection)

    return {"one": lambda: ask(PLAIN, len(ONE)), "stream": lambda: ask(ASKING, len(STREAM))}


def ours(url: str) -> dict[str, Once]:
    """The client, its events, and the wire with every event typed and written again."""
    client = Client()
    target = url + PATH
    wire = OpenAIWire(client, url, "key")

    async def one() -> None:
        await client.request("POST", target, headers=HEADERS, body=PLAIN)

    async def stream() -> None:
        async with client.stream("POST", target, headers=HEADERS, body=ASKING) as answer:
            async for _ in answer.events():
                pass

    async def relayed() -> None:
        writer = ChunkWriter(answer_id="i", model="mock", created=1, include_usage=False)
        async with wire.chat(CALL, "mock") as events:
            async for event in events:
                writer.last(event) if isinstance(event, Done) else writer.event(event)

    return {"one": one, "stream": stream, "relayed": relayed}


def theirs(url: str) -> dict[str, Once]:
    """A general client, as a measure of what such a one costs."""
    client = httpx2.AsyncClient()
    target = url + PATH

    async def one() -> None:
        await client.post(target, headers=dict(HEADERS), content=PLAIN)

    async def stream() -> None:
        async with client.stream("POST", target, headers=dict(HEADERS), content=ASKING) as answer:
            async for _ in answer.aiter_lines():
                pass

    return {"one": one, "stream": stream}


def variants(url: str) -> list[tuple[str, int, str, Once]]:
    """Kind of request, how many at once, name, and the request itself."""
    bare, own, other = floor(url), ours(url), theirs(url)
    named = [
        ("one", "floor", bare["one"]),
        ("one", "client", own["one"]),
        ("one", "httpx2", other["one"]),
        ("stream", "floor", bare["stream"]),
        ("stream", "client, events", own["stream"]),
        ("stream", "wire, typed and written again", own["relayed"]),
        ("stream", "httpx2, lines", other["stream"]),
    ]
    return [(kind, width, name, once) for width in (1, 16) for kind, name, once in named]


async def measure(url: str) -> list[dict[str, object]]:
    """Each variant in turn, several rounds, so that a busy moment meets them all alike."""
    found: dict[tuple[str, int, str], list[tuple[float, float, float]]] = {}
    for round_number in range(ROUNDS):
        for kind, width, name, once in variants(url):
            count = COUNTS[kind] // (5 if name.startswith("httpx2") else 1)
            await load(once, 50, width)
            cpu, took = await load(once, count, width)
            took.sort()
            row = (cpu / count * 1e6, took[len(took) // 2], took[len(took) * 99 // 100])
            if round_number:
                found.setdefault((kind, width, name), []).append(row)
    return [
        {
            "kind": kind,
            "at_once": width,
            "variant": name,
            "cpu_us": [round(row[0], 1) for row in rows],
            "p50_ms": [round(row[1], 4) for row in rows],
            "p99_ms": [round(row[2], 4) for row in rows],
        }
        for (kind, width, name), rows in found.items()
    ]


def show(rows: list[dict[str, object]]) -> None:
    print(f"{'':<10}{'at once':>8}  {'variant':<32}{'CPU us':>8}{'floor +':>9}{'p50 ms':>9}  bar")
    floors: dict[tuple[object, object], float] = {}
    for row in rows:
        cpu = statistics.median(row["cpu_us"])  # type: ignore[arg-type]
        p50 = statistics.median(row["p50_ms"])  # type: ignore[arg-type]
        key = (row["kind"], row["at_once"])
        floors.setdefault(key, cpu)
        bar = {"client": "<= floor + 40", "client, events": f"<= floor + {2 * EVENTS + 60}"}.get(
            str(row["variant"]), ""
        )
        print(
            f"{row['kind']!s:<10}{row['at_once']:>8}  {row['variant']!s:<32}"
            f"{cpu:>8.1f}{cpu - floors[key]:>9.1f}{p50:>9.3f}  {bar}"
        )


def main() -> None:
    if hasattr(os, "sched_setaffinity") and os.cpu_count() != 1:
        os.sched_setaffinity(0, {0})
    command = [sys.executable, str(Path(__file__).with_name("upstream.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as mock:
        assert mock.stdout is not None
        port = int(mock.stdout.readline())
        rows = uvloop.run(measure(f"http://127.0.0.1:{port}"))
        mock.kill()
    show(rows)
    RESULTS.mkdir(exist_ok=True)
    date = time.strftime("%Y-%m-%d")
    machine = platform.machine()
    record = {
        "date": date,
        "python": platform.python_version(),
        "machine": machine,
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "rows": rows,
    }
    path = RESULTS / f"{date}-{machine}-{os.cpu_count()}cores.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
