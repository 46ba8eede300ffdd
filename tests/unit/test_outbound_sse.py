"""The reader of server-sent events gives the same events however the bytes are cut."""

import itertools

import pytest
from hypothesis import given, strategies as st

from freehold.core.errors import BadRequest, EngineCut
from freehold.runtime.dialects.sse import EventWriter, write_data
from freehold.runtime.outbound.sse import EventReader, ServerEvent

STREAM = (
    b"\xef\xbb\xbfdata: one\n\n: a comment\r\n\r\ndata: two\ndata: lines\r\n\r\n"
    b"event: named\rid: 7\rdata:bare\r\rretry: 10\n\ndata\n\nid: a\0b\ndata: \xf0\x9f\x98\x80\n\n"
    b"data:  kept space\n\nunknown: x\nevent: lost\n\ndata: [DONE]\n\n"
)
EVENTS = [
    ServerEvent("message", b"one"),
    ServerEvent("message", b"two\nlines"),
    ServerEvent("named", b"bare", "7"),
    ServerEvent("message", b"", "7"),
    ServerEvent("message", "😀".encode(), "7"),
    ServerEvent("message", b" kept space", "7"),
    ServerEvent("message", b"[DONE]", "7"),
]


def read(chunks: list[bytes], limit: int = 1000) -> list[ServerEvent]:
    reader = EventReader(limit)
    events = [event for chunk in chunks for event in reader.feed(chunk)]
    last = reader.close()
    return events if last is None else [*events, last]


def test_a_stream_in_one_piece_is_read() -> None:
    assert read([STREAM]) == EVENTS


@pytest.mark.parametrize("size", range(1, 12))
def test_the_cut_does_not_matter(size: int) -> None:
    assert read([STREAM[i : i + size] for i in range(0, len(STREAM), size)]) == EVENTS


@given(st.lists(st.integers(0, len(STREAM)), max_size=12))
def test_no_cut_matters(cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(STREAM)]
    assert read([STREAM[a:b] for a, b in itertools.pairwise(places)]) == EVENTS


@given(st.lists(st.binary(max_size=40), max_size=20))
def test_any_bytes_give_events_or_a_clear_error(chunks: list[bytes]) -> None:
    whole = read([b"".join(chunks)])
    assert read(chunks) == whole


def test_the_end_of_the_body_stands_in_for_a_blank_line() -> None:
    assert read([b"data: a\n\ndata: [DONE]"]) == [
        ServerEvent("message", b"a"),
        ServerEvent("message", b"[DONE]"),
    ]


@pytest.mark.parametrize(
    "chunks", [[b"data: " + b"x" * 2000], [b"x"] * 2000, [b"data: 123456789\n"] * 200]
)
def test_a_line_or_event_beyond_the_limit_is_cut(chunks: list[bytes]) -> None:
    with pytest.raises(EngineCut):
        read(chunks)


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_what_is_written_is_read_again_and_nothing_slips_in(datas: list[bytes]) -> None:
    writer = EventWriter(frozenset({"text"}))
    stream = b"".join(writer.write("text", data, n) for n, data in enumerate(datas))
    found = read([stream])
    flat = [data.replace(b"\r\n", b"\n").replace(b"\r", b"\n") for data in datas]
    assert [event.data for event in found] == flat
    assert {event.type for event in found} <= {"text"}
    assert [event.id for event in found] == [str(n) for n in range(len(datas))]


def test_an_event_of_an_unknown_kind_is_not_written() -> None:
    writer = EventWriter(frozenset({"text"}))
    with pytest.raises(BadRequest):
        writer.write("text\ndata: injected", b"")
    with pytest.raises(BadRequest):
        EventWriter(frozenset({"a\nb"}))


def test_data_without_a_name_is_written_as_it_is() -> None:
    assert write_data(b'{"a":1}') == b'data: {"a":1}\n\n'
