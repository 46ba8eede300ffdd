"""Events come out in order, each once, however they come in."""

import itertools
import random

import msgspec
import pytest
from hypothesis import given, strategies as st

from freehold.core.errors import BusFailed
from freehold.runtime.bus import wire
from freehold.runtime.bus.events import TurnEvent, batches, pack, unpack
from freehold.runtime.bus.order import Order


def event(n: int, turn_id: str = "turn_a", data: bytes = b'{"t":"x"}') -> TurnEvent:
    return TurnEvent(turn_id=turn_id, n=n, type="text", data=msgspec.Raw(data))


@given(st.integers(0, 40), st.lists(st.integers(1, 40), max_size=200), st.randoms())
def test_order_gives_each_event_once_and_gapless(
    after: int, more: list[int], chance: random.Random
) -> None:
    numbers = [*range(1, 41), *more]
    chance.shuffle(numbers)
    order = Order(after)
    given_out = [item.n for number in numbers for item in order.take([event(number)])]
    assert given_out == list(range(after + 1, 41))
    assert not order.waits


def test_an_event_that_is_missing_is_waited_for() -> None:
    order = Order(0)
    assert [item.n for item in order.take([event(1), event(3)])] == [1]
    assert order.waits
    assert order.last == 1
    assert [item.n for item in order.take([event(2)])] == [2, 3]
    assert not order.waits


def test_what_is_packed_comes_back_the_same() -> None:
    events = [event(1), event(2, data='{"t":"é\\u0000"}'.encode())]
    assert unpack("turn_a", pack(events)) == events


def test_a_batch_holds_one_turn_and_not_too_much() -> None:
    events = [event(n) for n in range(1, 101)] + [event(n, "turn_b") for n in range(1, 4)]
    made = batches(events, largest=300)
    assert [item for batch in made for item in batch] == events
    assert all(len({item.turn_id for item in batch}) == 1 for batch in made)
    assert max(len(pack(batch)) for batch in made) <= 300 + 64
    assert batches([], largest=300) == []


CONVERSATION = (
    b'INFO {"server_id":"x"}\r\nPONG\r\n'
    b"MSG a.b 7 5\r\nhello\r\n"
    b"MSG a.b 7 back 2\r\n\r\n\r\n"
    b"HMSG a.b 8 30 32\r\nNATS/1.0\r\nNats-Msg-Id: 123\r\n\r\nok\r\n"
    b"HMSG _INBOX.1 1 16 16\r\nNATS/1.0 503\r\n\r\n\r\n"
    b"-ERR 'Authorization Violation'\r\nPING\r\n"
)


@given(st.lists(st.integers(0, len(CONVERSATION)), max_size=30))
def test_what_the_server_says_is_read_however_it_is_cut(places: list[int]) -> None:
    cuts = sorted({0, len(CONVERSATION), *places})
    reader = wire.Reader(1000)
    found = [
        item
        for start, end in itertools.pairwise(cuts)
        for item in reader.feed(CONVERSATION[start:end])
    ]
    messages = [item for item in found if isinstance(item, wire.Message)]
    assert [item.payload for item in messages] == [b"hello", b"\r\n", b"ok", b""]
    assert [item.subscription for item in messages] == [7, 7, 8, 1]
    assert [item.status for item in messages] == [0, 0, 0, 503]
    said = [item.verb for item in found if isinstance(item, wire.Said)]
    assert said == ["INFO", "PONG", "-ERR", "PING"]


@pytest.mark.parametrize(
    "nonsense",
    [
        b"MSG a b c\r\n",
        b"MSG a\r\n",
        b"MSG a 1 -5\r\n",
        b"MSG a 1 2000\r\n",
        b"HMSG a 1 20 10\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_nats_protocol_is_said_to_be_none(nonsense: bytes) -> None:
    with pytest.raises(BusFailed):
        wire.Reader(1000).feed(nonsense)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(noise: bytes) -> None:
    reader = wire.Reader(100)
    try:
        reader.feed(noise)
        reader.feed(noise)
    except BusFailed:
        pass
