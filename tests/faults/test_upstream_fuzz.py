"""Whatever bytes a server sends and however they are cut: an answer or one of our errors."""

import asyncio
import itertools
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st

from freehold.core.errors import EngineError
from freehold.runtime.outbound.connection import Connection

SEEDS = [
    b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
    (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
        b"5\r\nhello\r\n3;x=y\r\nabc\r\n0\r\nt: u\r\n\r\n"
    ),
    b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n",
    b"HTTP/1.0 200 OK\r\n\r\nuntil the end",
    b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n",
]
PIECES = [
    b"\r\n",
    b"\n",
    b"\r",
    b"\0",
    b":",
    b"content-length: 7\r\n",
    b"transfer-encoding: chunked\r\n",
    b"0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"ffffffffffffffff\r\n",
    b"HTTP/1.1 101 S\r\n\r\n",
    b"connection: upgrade\r\nupgrade: x\r\n",
]


class Wire(asyncio.Transport):
    """A transport that leads nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.aborted = False
        self.paused = False

    def write(self, data: Any) -> None:
        del data

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 1) if name == "peername" else default


def outcome(chunks: list[bytes], *, method_has_no_body: bool = False) -> tuple[object, ...]:
    """What a reader gets from these chunks followed by the end of the connection."""

    async def read() -> tuple[object, ...]:
        loop = asyncio.get_running_loop()
        connection = Connection(loop, "fuzz:1", secure=False)
        wire = Wire()
        connection.connection_made(wire)
        connection.start(b"GET / HTTP/1.1\r\n\r\n", b"", no_body=method_has_no_body)
        connection.arm(deadline=loop.time() + 5, total_s=5)
        for chunk in chunks:
            if not wire.aborted:
                connection.data_received(chunk)
        reusable = connection.reusable
        connection.connection_lost(None)
        connection.disarm()
        body = b""
        try:
            status, _ = await connection.head()
            while piece := await connection.chunk():
                body += piece
        except EngineError as error:
            return (type(error).__name__,)
        return (status, body, reusable)

    return asyncio.run(read())


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    data = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, len(data)))
        match draw(st.integers(0, 2)):
            case 0:
                data[place : place + draw(st.integers(0, 6))] = b""
            case 1:
                data[place:place] = draw(st.sampled_from(PIECES) | st.binary(max_size=6))
            case _ if place < len(data):
                data[place] = draw(st.integers(0, 255))
    return bytes(data)


def cut(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(place % (len(data) + 1) for place in cuts)})
    return [data[a:b] for a, b in itertools.pairwise(places)]


def check(data: bytes, cuts: list[int], head: bool) -> None:
    whole = outcome([data] if data else [], method_has_no_body=head)
    pieces = outcome(cut(data, cuts), method_has_no_body=head)
    assert whole[:2] == pieces[:2]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), st.lists(st.integers(0, 500), max_size=5), st.booleans())
def test_a_mutated_answer_ends_the_same_however_it_is_cut(
    data: bytes, cuts: list[int], head: bool
) -> None:
    check(data, cuts, head)


@pytest.mark.full
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(mutated(), st.lists(st.integers(0, 500), max_size=5), st.booleans())
def test_twenty_thousand_mutated_answers_end_the_same(
    data: bytes, cuts: list[int], head: bool
) -> None:
    check(data, cuts, head)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.binary(max_size=200), max_size=6))
def test_any_bytes_at_all_end_in_an_answer_or_an_error(chunks: list[bytes]) -> None:
    assert outcome(chunks)
