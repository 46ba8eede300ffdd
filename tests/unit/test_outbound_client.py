"""The client against servers that behave, each in its own lawful way."""

import asyncio
import contextlib
import socket
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop

from fakes.raw_server import CLOSE, KEEP_STILL, OK, Answer, RawServer
from freehold.core.errors import (
    BadRequest,
    EngineRefused,
    EngineUnreachable,
    RefusedForSafety,
)
from freehold.runtime.outbound.client import Client
from freehold.runtime.outbound.policy import Policy

Run = Callable[[Coroutine[Any, Any, Any]], Any]
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


loops = pytest.mark.parametrize("run", [asyncio.run, uvloop.run], ids=["asyncio", "uvloop"])
"""The house runs on uvloop, the command line on asyncio; the client must not tell."""


async def body_of(answer: Answer, method: str = "GET", then: Answer = OK) -> tuple[bytes, int]:
    """The body of an answer, and how many connections it and a second request needed."""
    async with RawServer([answer, then]) as server, Client() as client:
        first = await client.request(method, server.url + "/x")
        second = await client.request("GET", server.url + "/y")
        assert second.body == b"ok"
        return first.body, server.connections


async def test_a_request_is_written_as_http_asks() -> None:
    async with RawServer() as server, Client() as client:
        answer = await client.request(
            "POST",
            f"{server.url}/a%20b?c=d",
            headers=[("Content-Type", "application/json"), ("x-thing", "a\tb")],
            body=b"{}",
        )
        assert (answer.status, answer.body) == (200, b"ok")
        head, body = server.requests[0].split(b"\r\n\r\n")
        first, *lines = head.split(b"\r\n")
    assert first == b"POST /a%20b?c=d HTTP/1.1"
    assert body == b"{}"
    assert dict(line.split(b": ", 1) for line in lines) == {
        b"host": f"127.0.0.1:{server.port}".encode(),
        b"user-agent": b"freehold",
        b"accept-encoding": b"identity",
        b"content-type": b"application/json",
        b"x-thing": b"a\tb",
        b"content-length": b"2",
    }


async def test_a_get_has_no_length_and_an_empty_post_has_one() -> None:
    async with RawServer() as server, Client() as client:
        await client.request("GET", server.url)
        await client.request("POST", server.url)
        assert b"content-length" not in server.requests[0]
        assert b"content-length: 0\r\n" in server.requests[1]


@loops
@pytest.mark.parametrize(
    ("answer", "body", "connections"),
    [
        (OK, b"ok", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b"", 1),
        ([b"HTTP/1.1 200 OK\r\ncontent-", b"length: 4\r\n\r", b"\n", b"a", b"bcd"], b"abcd", 1),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", 1),
        (b"HTTP/1.1 304 Not Modified\r\ncontent-length: 99\r\n\r\n", b"", 1),
        (b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na", b"a", 2),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\na", b"a", 2),
        ([b"HTTP/1.1 200 OK\r\n\r\nuntil the", b" end", CLOSE], b"until the end", 2),
        ([b"HTTP/1.0 200 OK\r\n\r\nuntil the end", CLOSE], b"until the end", 2),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + OK, b"ok", 1),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 102 P\r\n\r\n" + OK, b"ok", 1),
        (OK + b"and more that nobody asked for", b"ok", 2),
        (OK + OK, b"ok", 2),
    ],
    ids=repr,
)
def test_a_framed_body_is_read_and_the_connection_kept_if_it_may_be(
    run: Run, answer: Answer, body: bytes, connections: int
) -> None:
    assert run(body_of(answer)) == (body, connections)


@loops
@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (CHUNKED + b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (CHUNKED + b"3;name=value\r\nabc\r\n0\r\n\r\n", b"abc"),
        (CHUNKED + b"0003\r\nabc\r\n0\r\nx-trailer: 1\r\n\r\n", b"abc"),
        (CHUNKED + b"0\r\n\r\n", b""),
        ([CHUNKED, *(b"1\r\n%c\r\n" % c for c in b"abcdefgh"), b"0\r\n\r\n"], b"abcdefgh"),
    ],
    ids=repr,
)
def test_a_chunked_body_is_read(run: Run, answer: Answer, body: bytes) -> None:
    found, _ = run(body_of(answer))
    assert found == body


async def test_a_head_answer_has_no_body_whatever_its_headers_say() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 5000\r\netag: x\r\n\r\n"
    assert await body_of(head, "HEAD") == (b"", 1)
    assert await body_of(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", "HEAD") == (
        b"",
        1,
    )


async def test_headers_are_read_without_regard_to_case() -> None:
    answer = b"HTTP/1.1 200 OK\r\nETag: \xe9\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"
    async with RawServer([answer]) as server, Client() as client:
        headers = (await client.request("GET", server.url)).headers
    assert headers.get("etag") == "é"
    assert headers.get("X-a") == "1, 2"
    assert headers.get("missing", "none") == "none"
    assert "ETAG" in headers
    assert len(headers) == 4
    assert ("x-a", "2") in list(headers)


async def test_a_hundred_at_once_each_get_their_own_answer() -> None:
    async def echo(server: RawServer, writer: asyncio.StreamWriter) -> None:
        path = server.requests[-1].split(b" ")[1]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(path), path))

    async with RawServer([echo]) as server, Client() as client:
        paths = [f"/{n}" for n in range(100)]
        for _ in range(3):
            answers = await asyncio.gather(
                *(client.request("GET", server.url + path) for path in paths)
            )
            assert [answer.body.decode() for answer in answers] == paths
        assert server.connections <= 172  # 64 are kept


async def test_a_kept_connection_that_was_closed_is_not_used_again() -> None:
    async with RawServer([[OK, CLOSE]]) as server, Client() as client:
        for _ in range(3):
            await client.request("POST", server.url, body=b"x")
            while not server.hung_up.is_set():
                await asyncio.sleep(0)
            server.hung_up.clear()
            await asyncio.sleep(0.01)
        assert server.connections == 3


async def test_bytes_out_of_turn_spoil_a_kept_connection() -> None:
    async def late(server: RawServer, writer: asyncio.StreamWriter) -> None:
        del server
        writer.write(OK)
        await asyncio.sleep(0.01)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\npoison!")

    async with RawServer([late, OK]) as server, Client() as client:
        await client.request("GET", server.url)
        await asyncio.sleep(0.05)
        assert (await client.request("GET", server.url)).body == b"ok"
        assert server.connections == 2


async def test_a_request_lost_to_a_closing_server_is_sent_again_only_if_it_may_be() -> None:
    async with RawServer([OK, CLOSE, OK]) as server, Client() as client:
        await client.request("GET", server.url)
        assert (await client.request("GET", server.url)).body == b"ok"
        assert len(server.requests) == 3
    async with RawServer([OK, CLOSE, OK]) as server, Client() as client:
        await client.request("GET", server.url)
        with pytest.raises(EngineUnreachable):
            await client.request("POST", server.url, body=b"once")
        assert len(server.requests) == 2


async def test_a_stream_is_read_as_it_comes() -> None:
    go_on = asyncio.Event()

    async with RawServer([_two_events(go_on)]) as server, Client() as client:  # noqa: SIM117 - order
        async with client.stream("GET", server.url, timeout_s=5) as answer:
            events = answer.events()
            assert (await anext(events)).data == b"first"
            go_on.set()
            assert [event.data async for event in events] == [b"second"]


def _two_events(go_on: asyncio.Event) -> Answer:
    async def play(server: RawServer, writer: asyncio.StreamWriter) -> None:
        del server
        for data in (b"data: first\n\n", b"data: second\n\n"):
            prefix = CHUNKED if b"first" in data else b""
            writer.write(prefix + b"%x\r\n%s\r\n" % (len(data), data))
            await writer.drain()
            await go_on.wait()
        writer.write(b"0\r\n\r\n")

    return play


async def test_lines_are_read_wherever_they_are_cut() -> None:
    text = b'{"a":1}\n\n{"b":\n2}\r\nlast'
    pieces = [CHUNKED, *(b"1\r\n%c\r\n" % c for c in text), b"0\r\n\r\n"]
    async with RawServer([pieces]) as server, Client() as client:  # noqa: SIM117 - order matters
        async with client.stream("GET", server.url, timeout_s=5) as answer:
            assert [x async for x in answer.lines()] == [b'{"a":1}', b'{"b":', b"2}\r", b"last"]


async def test_leaving_a_stream_hangs_up() -> None:
    async with RawServer([[CHUNKED, b"1\r\na\r\n", KEEP_STILL]]) as server, Client() as client:
        async with client.stream("GET", server.url, timeout_s=5) as answer:
            assert await answer.chunk() == b"a"
        await asyncio.wait_for(server.hung_up.wait(), 5)


@pytest.mark.parametrize("when", [0.0, 0.02])
async def test_cancelling_hangs_up(when: float) -> None:
    async with RawServer([[KEEP_STILL]]) as server, Client() as client:
        task = asyncio.ensure_future(client.request("GET", server.url))
        await asyncio.sleep(when)
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        if server.connections:
            await asyncio.wait_for(server.hung_up.wait(), 5)


async def test_a_slow_reader_holds_the_server_back() -> None:
    piece = b"10000\r\n" + b"x" * 65536 + b"\r\n"
    total = 400
    async with (
        RawServer([[CHUNKED, *[piece] * total, b"0\r\n\r\n"]]) as server,
        Client() as client,
        client.stream("GET", server.url, timeout_s=30) as answer,
    ):
        got = len(await answer.chunk())
        before = -1
        while before != server.sent:
            before = server.sent
            await asyncio.sleep(0.05)
        assert server.sent < total * len(piece) / 2
        async for chunk in answer.body():
            got += len(chunk)
    assert got == total * 65536


@pytest.mark.parametrize(
    "headers",
    [
        [("x-a", "b\r\nx-c: d")],
        [("x-a", "b\nc")],
        [("x-a", "b\rc")],
        [("x-a", "b\0c")],
        [("x-a", "\x7f")],
        [("x-a", "é")],
        [("x-a", "x" * 20000)],
        [("x-a\r\nx-b", "c")],
        [("x a", "b")],
        [("x-a:", "b")],
        [("", "b")],
        [("x-é", "b")],
        [("host", "other")],
        [("Content-Length", "5")],
        [("Transfer-Encoding", "chunked")],
        [("connection", "upgrade")],
        [("expect", "100-continue")],
        [("te", "trailers")],
        [("proxy-authorization", "x")],
    ],
    ids=repr,
)
async def test_nothing_can_be_slipped_in_through_a_header(headers: list[tuple[str, str]]) -> None:
    async with RawServer() as server, Client() as client:
        with pytest.raises(BadRequest) as raised:
            await client.request("GET", server.url, headers=headers)
        assert server.connections == 0
        assert "\r" not in str(raised.value)


@pytest.mark.parametrize(
    "method", ["get", "GET /x HTTP/1.1\r\nx: y\r\n\r\nGET", "CONNECT", "", "TRACE"]
)
async def test_a_method_the_house_does_not_use_is_refused(method: str) -> None:
    async with Client() as client:
        with pytest.raises(BadRequest):
            await client.request(method, "http://127.0.0.1:9/")


def moved(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} X\r\nlocation: {to}\r\ncontent-length: 3\r\n\r\nold".encode()


async def test_a_redirect_is_an_answer_unless_the_errand_follows_it() -> None:
    async with RawServer([moved("/b"), OK]) as server, Client() as client:
        answer = await client.request("GET", server.url + "/a")
        assert (answer.status, answer.headers.get("location")) == (302, "/b")


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_followed_and_keeps_credentials_at_home(status: int) -> None:
    secret = [("authorization", "Bearer s"), ("x-api-key", "s"), ("accept", "a/b")]
    async with RawServer() as away, RawServer() as home, Client(redirects=2) as client:
        home.script = [moved("/next?x=1", status), moved(away.url + "/far", status), OK]
        answer = await client.request("GET", home.url + "/a", headers=secret)
        assert answer.body == b"ok"
        assert home.requests[1].startswith(b"GET /next?x=1 ")
        assert b"Bearer s" in home.requests[1]
        assert away.requests[0].startswith(b"GET /far ")
        assert b"Bearer" not in away.requests[0]
        assert b"x-api-key" not in away.requests[0]
        assert b"accept: a/b" in away.requests[0]


@pytest.mark.parametrize(
    ("to", "error"),
    [
        ("http://10.0.0.1/", RefusedForSafety),
        ("http://0.0.0.0/", RefusedForSafety),
        ("http://[::ffff:10.0.0.1]/", RefusedForSafety),
        ("file:///etc/passwd", BadRequest),
        ("gopher://127.0.0.1/", BadRequest),
        ("//user@127.0.0.1/", BadRequest),
        ("", EngineRefused),
        ("/a", EngineRefused),
    ],
)
async def test_each_hop_is_checked_again(to: str, error: type[Exception]) -> None:
    async with RawServer([moved(to)]) as server:
        async with Client(policy=Policy.LOOPBACK_ONLY, redirects=3) as client:
            with pytest.raises(error):
                await client.request("GET", server.url + "/a")
        assert len(server.requests) <= 4


async def test_a_post_does_not_follow_a_redirect() -> None:
    async with RawServer([moved("/b", 307), OK]) as server, Client(redirects=3) as client:
        assert (await client.request("POST", server.url, body=b"x")).status == 307
        assert len(server.requests) == 1


async def test_an_errand_has_its_own_rules_and_the_same_ledger() -> None:
    async with RawServer() as server, Client() as client:
        errand = client.for_errand("model pull", policy=Policy.PUBLIC)
        with pytest.raises(RefusedForSafety):
            await errand.request("GET", server.url)
        await client.request("GET", server.url)
        await errand.close()
        assert client.egress() == ()


async def test_an_unknown_name_is_unreachable_with_a_way_out() -> None:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        del port
        raise OSError(-2, f"unknown {host}")

    async with Client(resolve=resolve) as client:
        with pytest.raises(EngineUnreachable) as raised:
            await client.request("GET", "http://nowhere.test/")
    assert "nowhere.test" in str(raised.value)
    assert raised.value.fix


async def test_the_next_address_is_tried_when_one_refuses() -> None:
    async def resolve(host: str, port: int) -> tuple[str, ...]:
        del host, port
        return ("::1", "127.0.0.1")

    async with RawServer() as server, Client(resolve=resolve) as client:
        assert (await client.request("GET", f"http://both.test:{server.port}/")).body == b"ok"
        assert f"host: both.test:{server.port}\r\n".encode() in server.requests[0]


async def test_what_leaves_this_machine_is_counted() -> None:
    here = own_address()
    if here is None:
        pytest.skip("this machine has no address but loopback")
    async with RawServer(host=here) as server, Client(reason="chat") as client:
        errand = client.for_errand("model pull", policy=Policy.ANY)
        for _ in range(3):
            await client.request("POST", server.url, body=b"x" * 1000)
        await errand.request("GET", server.url)
        await errand.close()
        counted = {item.reason: item.bytes for item in client.egress()}
        assert {item.host for item in client.egress()} == {here}
        assert counted["chat"] == sum(map(len, server.requests[:3]))
        assert counted["model pull"] == len(server.requests[3])


def own_address() -> str | None:
    """An address of this machine that is not loopback; nothing is sent to learn it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return None
        found = str(probe.getsockname()[0])
    return None if found.startswith(("127.", "0.")) else found


async def test_a_closed_server_leaves_nothing_in_the_pool() -> None:
    async with Client() as client:
        async with RawServer() as server:
            await asyncio.gather(*(client.request("GET", server.url) for _ in range(5)))
            assert len(client._kept) == 1
        async with asyncio.timeout(5):
            while client._kept:
                await asyncio.sleep(0.01)
