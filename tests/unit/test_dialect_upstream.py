"""What engines send, turned into events, with the habits of each make."""

import base64
import json
import math
import struct
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from freehold.core.errors import (
    Busy,
    ContextTooLong,
    EngineCut,
    EngineRefused,
    EngineUnreachable,
    FreeholdError,
)
from freehold.runtime.calls import (
    ChatCall,
    Done,
    EmbedCall,
    Event,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolPart,
    Usage,
)
from freehold.runtime.dialects import openai_upstream as openai
from freehold.runtime.dialects.refusal import read_refusal

HERE = "127.0.0.1:1"


def read(*chunks: Any, end: bool = True) -> list[Event]:
    reader = openai.ChunkReader(HERE)
    events = [
        event
        for chunk in chunks
        for event in reader.read(chunk if isinstance(chunk, bytes) else json.dumps(chunk).encode())
    ]
    if end:
        events += reader.read(b"[DONE]")
    return [*events, reader.done()]


def delta(finish: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish}]}


def called(**fields: Any) -> dict[str, Any]:
    return delta(tool_calls=[fields])


def test_text_and_thought_are_told_apart() -> None:
    events = read(
        delta(role="assistant", content=None),
        delta(reasoning_content="hm"),
        delta(reasoning="m"),
        delta(content=""),
        delta(content="a"),
        delta("stop"),
        {"choices": [], "usage": {"prompt_tokens": 5, "completion_tokens": 3}},
    )
    assert events[:-1] == [Reasoning("hm"), Reasoning("m"), Text("a")]
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.usage.prompt_tokens, done.usage.completion_tokens) == (5, 3)


@pytest.mark.parametrize(
    ("finish", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("tool_calls", "tool_calls"),
        ("function_call", "tool_calls"),
        ("content_filter", "content_filter"),
        ("eos", "stop"),
        ("something new", "stop"),
        (None, "stop"),
    ],
)
def test_every_finish_reason_is_one_of_ours(finish: str | None, ours: str) -> None:
    done = read(delta(content="a"), delta(finish))[-1]
    assert isinstance(done, Done)
    assert done.finish == ours


def test_a_stream_without_done_ends_well_if_it_gave_a_reason() -> None:
    assert isinstance(read(delta(content="a"), delta("stop"), end=False)[-1], Done)
    with pytest.raises(EngineCut):
        read(delta(content="a"), end=False)
    with pytest.raises(EngineCut):
        read(end=False)


def test_usage_is_counted_where_the_server_counts_none() -> None:
    done = read(delta(content="a"), delta(content="b"), delta("stop"))[-1]
    assert isinstance(done, Done)
    assert done.usage.completion_tokens == 2


@pytest.mark.parametrize(
    "pieces",
    [
        [  # as the reference has it
            called(index=0, id="a", function={"name": "f", "arguments": ""}),
            called(index=0, function={"arguments": "{"}),
            called(index=1, id="b", function={"name": "g", "arguments": "[]"}),
            called(index=0, function={"arguments": "}"}),
        ],
        [  # without any index
            called(id="a", function={"name": "f", "arguments": "{"}),
            called(function={"arguments": "}"}),
            called(id="b", function={"name": "g", "arguments": "[]"}),
        ],
        [  # an index that begins elsewhere, and the id repeated
            called(index=3, id="a", function={"name": "f", "arguments": "{"}),
            called(index=3, id="a", function={"name": "f", "arguments": "}"}),
            called(index=7, id="b", function={"name": "g", "arguments": "[]"}),
        ],
        [  # by id alone
            called(id="a", function={"name": "f", "arguments": "{"}),
            called(id="b", function={"name": "g", "arguments": "[]"}),
            called(id="a", function={"arguments": "}"}),
        ],
    ],
    ids=["reference", "no index", "odd index", "by id"],
)
def test_tool_calls_are_numbered_from_nought(pieces: list[dict[str, Any]]) -> None:
    *parts, done = read(*pieces, delta("stop"))
    assert isinstance(done, Done)
    assert done.finish == "tool_calls"
    calls: dict[int, list[str]] = {}
    for part in parts:
        assert isinstance(part, ToolPart)
        call = calls.setdefault(part.index, ["", "", ""])
        for place, text in enumerate((part.id, part.name, part.arguments)):
            call[place] += text
    assert calls == {0: ["a", "f", "{}"], 1: ["b", "g", "[]"]}


def test_a_tool_call_without_an_id_is_given_one() -> None:
    part = read(called(function={"name": "f", "arguments": "{}"}))[0]
    assert part == ToolPart(index=0, id="call_0", name="f", arguments="{}")


def test_only_the_first_choice_is_read() -> None:
    two = {"choices": [{"index": n, "delta": {"content": str(n)}} for n in (0, 1)]}
    assert read(two)[:-1] == [Text("0")]


@pytest.mark.parametrize("chunk", [b"{", b"\xff", b'{"choices": 1}', b"null", b"[]", b"[" * 9999])
def test_garbage_in_a_stream_cuts_it(chunk: bytes) -> None:
    with pytest.raises(EngineCut):
        read(delta(content="a"), chunk)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        (rb"\ud83d", "�"),
        (rb"\ude00", "�"),
        (rb"a\ud83d\ude00b\ud83d", "a😀b�"),
        (rb"\\ud83d \udfff", "\\ud83d �"),
        (rb"\\\ud83d", "\\�"),
        (rb"\ud83d\ud83d\ude00", "�😀"),
        (rb"\ude00\ude00", "��"),
    ],
)
def test_half_a_character_costs_no_answer(written: bytes, text: str) -> None:
    chunk = b'{"choices":[{"index":0,"delta":{"content":"' + written + b'"}}]}'
    assert read(chunk)[0] == Text(text)


@pytest.mark.parametrize(
    "error",
    [
        {"error": {"message": "boom", "code": 500}},
        {"error": "boom"},
        {"object": "error", "message": "boom", "code": 400},
        {"error": {"message": "<b>boom</b>\x07\n", "type": "x", "param": None}},
    ],
)
def test_an_error_inside_a_stream_cuts_an_answer_that_began(error: dict[str, Any]) -> None:
    with pytest.raises(EngineCut, match="boom"):
        read(delta(content="a"), error)


def test_an_error_before_the_answer_is_told_by_its_code() -> None:
    long = {"error": {"message": "maximum context length is 5", "code": 400}}
    with pytest.raises(ContextTooLong):
        read(delta(role="assistant"), long)
    with pytest.raises(EngineUnreachable):
        read({"error": {"message": "loading", "code": 503}})
    with pytest.raises(EngineRefused):
        read({"error": "no such tool"})


@settings(max_examples=200, deadline=None)
@given(st.lists(st.binary(max_size=60) | st.sampled_from([b"[DONE]", b'{"choices":[{}]}'])))
def test_any_data_gives_events_or_an_engine_error(datas: list[bytes]) -> None:
    try:
        events = read(*datas, end=False)
    except FreeholdError:
        return
    assert isinstance(events[-1], Done)


def test_a_call_is_written_whole_and_carried_json_byte_for_byte() -> None:
    tools = b'[ {"type":"function", "function": {"name":"f","parameters":{"x":1.50}}} ]'
    call = ChatCall(
        model="ours",
        messages=(
            Message(role="assistant", tool_calls=(ToolCall(id="a", name="f", arguments="{}"),)),
            Message(role="tool", content="42", tool_call_id="a"),
            Message(role="user", content=""),
        ),
        tools=msgspec.Raw(tools),
        tool_choice=msgspec.Raw(b'"required"'),
        response_format=msgspec.Raw(b'{"type":"json_object"}'),
    )
    written = openai.write_chat(call, "theirs")
    assert tools in written
    sent = json.loads(written)
    assert sent["model"] == "theirs"
    assert sent["stream_options"] == {"include_usage": True}
    assert sent["messages"] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "a", "function": {"name": "f", "arguments": "{}"}, "type": "function"}
            ],
        },
        {"role": "tool", "content": "42", "tool_call_id": "a"},
        {"role": "user", "content": ""},
    ]
    assert (sent["tool_choice"], sent["response_format"]) == ("required", {"type": "json_object"})
    assert "temperature" not in sent


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{"error":{"message":"bad","type":"x","code":400}}', EngineRefused),
        (
            400,
            b'{"error":{"code":400,"message":"(9 tokens)","type":"exceed_context_size_error"}}',
            ContextTooLong,
        ),
        (400, b'{"error":{"message":"x","code":"context_length_exceeded"}}', ContextTooLong),
        (
            400,
            b'{"object":"error","message":"maximum context length is 5","type":"x"}',
            ContextTooLong,
        ),
        (400, b'{"error":"the input length exceeds the context length"}', ContextTooLong),
        (
            500,
            b'{"error":{"message":"input is larger than the max context size"}}',
            ContextTooLong,
        ),
        (401, b'{"error":"Bearer sk-secret is wrong"}', EngineRefused),
        (403, b"", EngineRefused),
        (404, b'{"error":"model \'x\' not found"}', EngineRefused),
        (404, b'{"detail":"Not Found"}', EngineRefused),
        (422, b'{"detail":[{"loc":["body"],"msg":"field required"}]}', EngineRefused),
        (429, b'{"error":"slow down"}', Busy),
        (500, b"<html>\n<body>oops</body></html>", EngineUnreachable),
        (501, b'{"error":{"message":"not supported"}}', EngineRefused),
        (
            503,
            b'{"error":{"message":"Loading model","type":"unavailable_error"}}',
            EngineUnreachable,
        ),
        (302, b"", EngineRefused),
        (418, b"\xff\xfe\x00" * 5000, EngineRefused),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_refusal_is_one_of_ours_in_clean_words(
    status: int, body: bytes, kind: type[FreeholdError]
) -> None:
    error = read_refusal(status, body, HERE)
    assert type(error) is kind
    words = str(error)
    assert HERE in words
    assert "secret" not in words
    assert len(words) < 450
    assert words.isprintable()
    assert "<" not in words


EMBED = EmbedCall(model="m", texts=("a", "b"))


def packed(*values: float) -> str:
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def vectors(*data: dict[str, Any]) -> bytes:
    return json.dumps({"data": data, "usage": {"prompt_tokens": 3}}).encode()


def test_vectors_are_put_in_order_and_made_unit() -> None:
    found = openai.read_embeddings(
        vectors({"index": 1, "embedding": [0.0, 5.0]}, {"index": 0, "embedding": packed(3, 4)}),
        EMBED,
        HERE,
    )
    assert [struct.unpack("<2f", v) for v in found.vectors] == [
        pytest.approx((0.6, 0.8)),
        (0.0, 1.0),
    ]
    assert (found.dimensions, found.usage.prompt_tokens) == (2, 3)


def test_a_vector_of_nought_stays_one() -> None:
    body = vectors({"embedding": [0, 0]}, {"embedding": [1, 0]})
    assert struct.unpack("<2f", openai.read_embeddings(body, EMBED, HERE).vectors[0]) == (0, 0)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b'{"data":[]}',
        vectors({"embedding": [1.0]}),
        vectors({"embedding": [1.0]}, {"embedding": [1.0, 2.0]}),
        vectors({"embedding": []}, {"embedding": []}),
        vectors({"embedding": "!!"}, {"embedding": "!!"}),
        vectors({"embedding": "AAA="}, {"embedding": "AAA="}),
        vectors({"embedding": packed(math.nan)}, {"embedding": [1.0]}),
        vectors({"embedding": packed(math.inf)}, {"embedding": [1.0]}),
        vectors({"embedding": [[1.0]]}, {"embedding": [[1.0]]}),
        vectors({"embedding": [1e308, 1e308]}, {"embedding": [1.0, 1.0]}),
    ],
    ids=lambda body: repr(body)[:50],
)
def test_vectors_that_are_none_are_cut(body: bytes) -> None:
    with pytest.raises(EngineCut):
        openai.read_embeddings(body, EMBED, HERE)


def test_an_answer_in_one_piece_is_read_as_a_stream_is() -> None:
    reader = openai.ChunkReader("here")
    body = {
        "object": "chat.completion",
        "choices": [
            {
                "index": 0,
                "finish_reason": "tool_calls",
                "message": {
                    "role": "assistant",
                    "content": "Let me look.",
                    "tool_calls": [
                        {"id": "a", "function": {"name": "look", "arguments": "{}"}},
                        {"id": "b", "function": {"name": "see", "arguments": '{"x": 1}'}},
                    ],
                },
            }
        ],
        "usage": {"prompt_tokens": 3, "completion_tokens": 9},
    }
    events = [*reader.read(json.dumps(body).encode()), reader.done()]
    assert events == [
        Text("Let me look."),
        ToolPart(index=0, id="a", name="look", arguments="{}"),
        ToolPart(index=1, id="b", name="see", arguments='{"x": 1}'),
        Done("tool_calls", Usage(prompt_tokens=3, completion_tokens=9)),
    ]


def test_a_call_that_nobody_watches_asks_for_one_piece() -> None:
    call = ChatCall(model="m", messages=(Message(role="user", content="x"),), whole=True)
    sent = json.loads(openai.write_chat(call, "theirs"))
    assert sent["stream"] is False
    assert "stream_options" not in sent
