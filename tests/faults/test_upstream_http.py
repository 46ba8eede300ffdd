"""Hostile and broken servers: each request ends in time, in a clear error, and costs no memory."""

import asyncio
import contextlib
import resource
import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
import uvloop

from fakes.raw_server import CLOSE, KEEP_STILL, OK, RESET, Answer, RawServer
from freehold.core.errors import (
    EngineCut,
    EngineError,
    EngineRefused,
    EngineUnreachable,
    FreeholdError,
)
from freehold.core.units import MIB
from freehold.runtime.outbound.client import Client

Run = Callable[[Coroutine[Any, Any, Any]], Any]
HEAD = b"HTTP/1.1 200 OK\r\n"
CHUNKED = HEAD + b"transfer-encoding: chunked\r\n\r\n"


loops = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
"""The house runs on uvloop, the command line on asyncio; the client must not tell."""


async def fault_of(
    answer: Answer, *, timeout_s: float = 5, limit: int = MIB, method: str = "GET"
) -> FreeholdError:
    """The error an answer ends in; afterwards the client serves another request."""
    async with RawServer([answer, OK]) as server, Client() as client:
        with pytest.raises(FreeholdError) as raised:
            await client.request(method, server.url, timeout_s=timeout_s, limit=limit)
        assert (await client.request("GET", server.url)).body == b"ok"
    words = str(raised.value)
    assert len(words) < 300
    assert words.isprintable()
    return raised.value


@loops
@pytest.mark.parametrize(
    "answer",
    [
        CLOSE,
        RESET,
        b"garbage\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 20 OK\r\n\r\n",
        b"HTTP/1.1 99999 OK\r\n\r\n",
        [b"HTTP/1.1 200 O", CLOSE],
        [HEAD + b"content-length: 5\r\n", CLOSE],
        [HEAD, RESET],
        HEAD + b"content-length: -5\r\n\r\n",
        HEAD + b"content-length: +5\r\n\r\n12345",
        HEAD + b"content-length: 5, 6\r\n\r\n12345",
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n12345",
        HEAD + b"content-length: 99999999999999999999999\r\n\r\n",
        HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        HEAD + b"x\0y: z\r\ncontent-length: 0\r\n\r\n",
        HEAD + b" folded: z\r\ncontent-length: 0\r\n\r\n",
        HEAD + b"no colon\r\ncontent-length: 0\r\n\r\n",
        HEAD + b"x: " + b"y" * 200_000,
        HEAD + b"".join(b"x-%d: y\r\n" % n for n in range(20_000)),
        b"HTTP/1.1 200 " + b"x" * 200_000,
        b"HTTP/1.1 100 Continue\r\n\r\n" * 20_000,
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\nx",
        HEAD + b"content-encoding: gzip\r\ncontent-length: 2\r\n\r\n\x1f\x8b",
        HEAD + b"transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ],
    ids=lambda answer: repr(answer)[:60],
)
def test_an_answer_that_never_begins_well_is_an_error(answer: Answer, run: Run) -> None:
    assert isinstance(run(fault_of(answer)), EngineUnreachable | EngineRefused)


@loops
@pytest.mark.parametrize(
    "answer",
    [
        [HEAD + b"content-length: 5\r\n\r\n123", CLOSE],
        [HEAD + b"content-length: 5\r\n\r\n123", RESET],
        [HEAD + b"content-length: 5\r\n\r\n", CLOSE],
        [CHUNKED + b"3\r\nabc\r\n", CLOSE],
        [CHUNKED + b"3\r\nabc\r\n", RESET],
        [CHUNKED + b"5\r\nabc", CLOSE],
        [CHUNKED + b"3\r\nabc\r\n0\r\n", CLOSE],
        CHUNKED + b"zz\r\nabc\r\n",
        CHUNKED + b"-3\r\nabc\r\n",
        CHUNKED + b"3\r\nabcdef\r\n0\r\n\r\n",
        CHUNKED + b"FFFFFFFFFFFFFFFFF\r\n",
        CHUNKED + b"1;" + b"x" * 200_000,
        CHUNKED + b"1\r\na\r\n0\r\n" + b"t: " + b"x" * 200_000,
        CHUNKED + b"1\r\na\r\n0\r\n" + b"".join(b"t-%d: x\r\n" % n for n in range(20_000)),
        [HEAD + b"\r\nhalf an answer", RESET],
    ],
    ids=lambda answer: repr(answer)[:60],
)
def test_an_answer_that_breaks_off_is_cut(answer: Answer, run: Run) -> None:
    assert isinstance(run(fault_of(answer)), EngineCut)


@loops
@pytest.mark.parametrize(
    "answer",
    [
        HEAD + b"content-length: 2000000\r\n\r\n" + b"x" * 2_000_000,
        [CHUNKED, *[b"10000\r\n" + b"x" * 65536 + b"\r\n"] * 200],
        [HEAD + b"\r\n", *[b"x" * 65536] * 200],
    ],
    ids=["length", "chunked", "unframed"],
)
def test_an_answer_beyond_the_limit_is_not_read_on(answer: Answer, run: Run) -> None:
    assert isinstance(run(fault_of(answer)), EngineRefused)


async def test_an_endless_answer_costs_no_memory() -> None:
    async def endless(server: RawServer, writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED)
        piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
        for _ in range(100_000):
            writer.write(piece)
            await writer.drain()
            server.sent += len(piece)

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert isinstance(await fault_of(endless, limit=8 * MIB), EngineRefused)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 64 * 1024  # kibibytes


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ([KEEP_STILL], EngineUnreachable),
        ([b"HTTP/1.1 200", KEEP_STILL], EngineUnreachable),
        ([CHUNKED, KEEP_STILL], EngineCut),
        ([CHUNKED + b"3\r\na", KEEP_STILL], EngineCut),
        ([HEAD + b"content-length: 9\r\n\r\na", KEEP_STILL], EngineCut),
        ([b"HTTP/1.1 100 Continue\r\n\r\n", KEEP_STILL], EngineUnreachable),
    ],
    ids=repr,
)
async def test_a_server_that_falls_silent_is_given_up(
    answer: Answer, error: type[EngineError]
) -> None:
    assert isinstance(await fault_of(answer, timeout_s=0.2), error)


async def test_a_drip_does_not_outlive_the_deadline() -> None:
    async def drip(server: RawServer, writer: asyncio.StreamWriter) -> None:
        del server
        writer.write(CHUNKED)
        while not writer.is_closing():
            writer.write(b"1\r\nx\r\n")
            await writer.drain()
            await asyncio.sleep(0.01)

    assert isinstance(await fault_of(drip, timeout_s=0.3), EngineCut)


async def test_silence_is_bounded_apart_from_the_whole() -> None:
    async with RawServer([[CHUNKED + b"1\r\na\r\n", KEEP_STILL]]) as server, Client() as client:
        stream = client.stream("GET", server.url, timeout_s=60, idle_timeout_s=0.1)
        async with stream as answer:
            assert await answer.chunk() == b"a"
            with pytest.raises(EngineCut, match=r"sent nothing for 0\.1 s"):
                await answer.chunk()


async def test_a_reader_that_takes_its_time_is_no_silence_of_the_server() -> None:
    pieces: Answer = [CHUNKED + b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n"]
    async with RawServer([pieces]) as server, Client() as client:
        stream = client.stream("GET", server.url, timeout_s=60, idle_timeout_s=0.05)
        async with stream as answer:
            await asyncio.sleep(0.2)
            assert await answer.read(10) == b"ab"


async def test_a_server_that_never_takes_the_connection_is_given_up() -> None:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        del host, port
        await asyncio.Event().wait()
        return ()

    async with Client(resolve=resolve) as client:
        with pytest.raises(EngineUnreachable, match="in time"):
            await client.request("GET", "http://slow.test/", timeout_s=0.1)


@loops
@pytest.mark.parametrize("reset", [False, True], ids=["close", "reset"])
def test_a_server_that_hangs_up_at_once_is_unreachable(run: Run, reset: bool) -> None:
    async def scenario() -> None:
        def hang_up(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if reset:
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

        server = await asyncio.start_server(hang_up, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Client() as client:
            asked = (client.request("GET", f"http://127.0.0.1:{port}/") for _ in range(200))
            found = await asyncio.gather(*asked, return_exceptions=True)
        assert {type(error) for error in found} == {EngineUnreachable}

    run(scenario())


async def test_no_task_and_no_timer_is_left_behind() -> None:
    before = asyncio.all_tasks()
    for answer in (OK, [KEEP_STILL], [CHUNKED + b"1\r\na\r\n", CLOSE], b"garbage"):
        async with RawServer([answer]) as server, Client() as client:
            with contextlib.suppress(EngineError):
                await client.request("GET", server.url, timeout_s=0.1)
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """A certificate that nobody has signed, for `localhost`, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("needs openssl")
    key, made = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"]
    command += ["-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True)
    return made, key


async def loopback(host: str, port: int) -> tuple[str, ...]:
    del host, port
    return ("127.0.0.1",)


async def test_a_certificate_nobody_signed_is_not_trusted(certificate: tuple[Path, Path]) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    async with RawServer(tls=context) as server, Client(resolve=loopback) as client:
        with pytest.raises(EngineUnreachable, match="cannot be trusted") as raised:
            await client.request("GET", f"https://localhost:{server.port}/")
    assert "certificate" in raised.value.fix
    assert server.requests == []


async def test_a_trusted_certificate_must_also_bear_the_name(
    certificate: tuple[Path, Path],
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    trusting = ssl.create_default_context(cafile=certificate[0])
    async with RawServer(tls=context) as server, Client(resolve=loopback, tls=trusting) as client:
        for _ in range(2):
            answer = await client.request("GET", f"https://localhost:{server.port}/")
            assert answer.body == b"ok"
        assert server.connections == 1
        with pytest.raises(EngineUnreachable, match="cannot be trusted"):
            await client.request("GET", f"https://other.test:{server.port}/")


async def test_plain_http_at_a_port_that_wants_https_is_said_plainly(
    certificate: tuple[Path, Path],
) -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*certificate)
    async with RawServer(tls=context) as server, Client() as client:
        with pytest.raises(EngineUnreachable):
            await client.request("GET", f"http://127.0.0.1:{server.port}/")


async def test_https_at_a_port_of_plain_http_is_said_plainly() -> None:
    async with RawServer([b"HTTP/1.1 400 Bad Request\r\n\r\n"]) as server, Client() as client:
        with pytest.raises(EngineUnreachable):
            await client.request("GET", f"https://127.0.0.1:{server.port}/", timeout_s=0.3)
