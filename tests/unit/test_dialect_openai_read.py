"""Requests in the OpenAI dialect: understood, or refused with the name of the field."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from freehold.core.errors import BadRequest
from freehold.runtime.calls import Message, ToolCall
from freehold.runtime.dialects.openai import OpenAIChat, read_chat, read_embeddings
from freehold.runtime.dialects.strict_json import Int64, decode

PLAIN = {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def body(**fields: Any) -> bytes:
    return json.dumps({**PLAIN, **fields}).encode()


def raw(text: str) -> bytes:
    """A plain request with a field written by hand."""
    return json.dumps(PLAIN)[:-1].encode() + b", " + text.encode("utf-8", "surrogatepass") + b"}"


def refused(data: bytes) -> BadRequest:
    with pytest.raises(BadRequest) as raised:
        read_chat(data)
    assert str(raised.value).isprintable()
    assert len(str(raised.value)) < 400
    return raised.value


def test_a_plain_request_is_read() -> None:
    asked = read_chat(body())
    assert asked.call.model == "m"
    assert asked.call.messages == (Message(role="user", content="hi"),)
    assert (asked.stream, asked.include_usage, asked.ignored) == (False, False, ())
    assert asked.freehold.documents is None


def test_everything_the_house_serves_is_read() -> None:
    tools = [{"type": "function", "function": {"name": "f", "parameters": {"a": 1}}}]
    asked = read_chat(
        body(
            messages=[
                {"role": "developer", "content": "be kind"},
                {"role": "system", "content": [{"type": "text", "text": "a"}]},
                {"role": "user", "content": [{"type": "text", "text": t} for t in "xy"]},
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "f", "arguments": "{}"},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "42"},
            ],
            max_tokens=3,
            max_completion_tokens=5,
            temperature=0,
            top_p=1,
            seed=-(2**63),
            stop=["a", "b"],
            tools=tools,
            tool_choice={"type": "function", "function": {"name": "f"}},
            response_format={"type": "json_object"},
            stream=True,
            stream_options={"include_usage": True},
            n=1,
            logprobs=False,
            freehold={"documents": ["notes"]},
        )
    )
    call = asked.call
    assert [message.role for message in call.messages] == [
        "system", "system", "user", "assistant", "tool",
    ]  # fmt: skip
    assert [message.content for message in call.messages] == ["be kind", "a", "x\ny", "", "42"]
    assert call.messages[3].tool_calls == (ToolCall(id="c1", name="f", arguments="{}"),)
    assert call.messages[4].tool_call_id == "c1"
    assert (call.max_tokens, call.temperature, call.top_p) == (5, 0, 1)
    assert (call.seed, call.stop) == (-(2**63), ("a", "b"))
    assert call.tools is not None
    assert json.loads(bytes(call.tools)) == tools
    assert call.tool_choice is not None
    assert call.response_format is not None
    assert (asked.stream, asked.include_usage, asked.ignored) == (True, True, ())
    assert asked.freehold.documents == ("notes",)


def test_null_means_absent() -> None:
    names = (
        "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "tools",
        "tool_choice", "response_format", "stream", "stream_options", "n", "logprobs",
        "top_logprobs", "functions", "function_call", "audio", "modalities", "freehold",
    )  # fmt: skip
    assert read_chat(body(**dict.fromkeys(names))) == read_chat(body())


def test_what_clients_send_out_of_habit_is_harmless() -> None:
    asked = read_chat(
        body(tools=[], tool_choice="auto", stop=[], max_tokens=-1, modalities=["text"], top_k=4)
    )
    assert asked.call == read_chat(body()).call
    assert asked.ignored == ("top_k",)
    assert read_chat(body(response_format={"type": "text"})).call.response_format is None


def test_unknown_fields_are_named_and_bounded() -> None:
    assert read_chat(body(user="u", top_k=1, chat_template_kwargs={})).ignored == (
        "user", "top_k", "chat_template_kwargs",
    )  # fmt: skip
    many = read_chat(body(**{f"x{n}{'y' * 100}": 1 for n in range(100)})).ignored
    assert len(many) == 32
    assert max(map(len, many)) == 64


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"model": ""}, "model"),
        ({"model": 1}, "model"),
        ({"model": None}, "model"),
        ({"model": "x" * 1000}, "model"),
        ({"messages": []}, "messages"),
        ({"messages": {}}, "messages"),
        ({"messages": "hi"}, "messages"),
        ({"messages": None}, "messages"),
        ({"messages": [1]}, "messages[0]"),
        ({"messages": [{}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "USER", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
            "messages[0].content[0].text",
        ),
        ({"messages": [{"role": "user", "content": [{}]}]}, "messages[0].content[0].type"),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": "x",
                        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": ""}}],
                    }
                ]
            },
            "messages[0].tool_calls",
        ),
        (
            {
                "messages": [
                    {
                        "role": "assistant",
                        "tool_calls": [{"id": "a", "function": {"name": "f", "arguments": {}}}],
                    }
                ]
            },
            "messages[0].tool_calls[0].function.arguments",
        ),
        (
            {"messages": [{"role": "assistant", "function_call": {"name": "f", "arguments": ""}}]},
            "messages[0].function_call",
        ),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": -2}, "max_tokens"),
        ({"max_tokens": 1.0}, "max_tokens"),
        ({"max_tokens": True}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"max_tokens": 2**63}, "max_tokens"),
        ({"max_completion_tokens": 2**64}, "max_completion_tokens"),
        ({"max_tokens": 10**400}, "max_tokens"),
        ({"seed": -(2**63) - 1}, "seed"),
        ({"seed": 0.5}, "seed"),
        ({"temperature": -0.1}, "temperature"),
        ({"temperature": 2.1}, "temperature"),
        ({"temperature": "hot"}, "temperature"),
        ({"top_p": 1.01}, "top_p"),
        ({"stop": ""}, "stop"),
        ({"stop": [""]}, "stop"),
        ({"stop": ["a"] * 17}, "stop"),
        ({"stop": [1]}, "stop[0]"),
        ({"n": 0}, "n"),
        ({"n": 2}, "n"),
        ({"n": 2**63}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"functions": [{}]}, "functions"),
        ({"function_call": "auto"}, "function_call"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"modalities": ["text", "audio"]}, "modalities"),
        ({"tools": {}}, "tools"),
        ({"tools": "f"}, "tools"),
        ({"tools": [1]}, "tools"),
        ({"tools": [{"name": "f"}]}, "tools"),
        ({"tools": [{"type": "function"}], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [{"type": "function"}], "tool_choice": 5}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"stream": "true"}, "stream"),
        ({"stream": 1}, "stream"),
        ({"stream_options": []}, "stream_options"),
        ({"freehold": {"document": []}}, "freehold"),
        ({"freehold": {"documents": "notes"}}, "freehold.documents"),
        ({"freehold": {"documents": [1]}}, "freehold.documents[0]"),
        ({"freehold": []}, "freehold"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], where: str) -> None:
    error = refused(body(**fields))
    assert error.where == where
    assert where in str(error)


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('"temperature": NaN', "temperature"),
        ('"temperature": Infinity', "temperature"),
        ('"temperature": -Infinity', "temperature"),
        ('"temperature": 1e400', "temperature"),
        ('"max_tokens": 1e400', "max_tokens"),
        ('"model": "\\ud800"', "model"),
        ('"model": "\\udc00\\ud800"', "model"),
        ('"model": "a\\u0000b"', "model"),
        ('"messages": [{"role": "user", "content": "\\ud83d"}]', "messages[0].content"),
        ('"messages": [{"role": "user", "content": "a\\u0000"}]', "messages[0].content"),
        (
            '"tools": [{"type": "function", "function": {"name": "\\udfff"}}]',
            "tools[0].function.name",
        ),
        ('"tools": [{"type": "function", "x": 1e999}]', "tools"),
        ('"tools": [{"type": "function", "x": "\\u0000"}]', "tools[0].x"),
        ('"freehold": {"documents": ["\\ud800"]}', "freehold.documents[0]"),
        ('"unknown": {"deep": [NaN]}', "unknown.deep[0]"),
        ('"unknown": "\\ud800"', "unknown"),
        ('"unknown": "\\u0000"', "unknown"),
        ('"\\ud800": 1', "the body"),
        ('"tools": ' + "[" * 300 + "]" * 300, "tools"),
        ('"unknown": ' + '{"a":' * 300 + "1" + "}" * 300, "unknown"),
        ('"unknown": ' + "[" * 100_000 + "]" * 100_000, ""),
        ('"messages": ' + "[" * 100_000 + "]" * 100_000, ""),
        ('"stop": ' + "[" * 300 + "]" * 300, "stop"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_what_breaks_lenient_readers_is_refused_by_name(text: str, where: str) -> None:
    error = refused(raw(text))
    if where:
        assert error.where == where


@pytest.mark.parametrize(
    "data",
    [
        b"", b" ", b"{", b"}", b"[]", b"null", b"1", b'"x"', b"{}{}", b'{"model":}', b"\xff\xfe{}",
        b"\xef\xbb\xbf{}", b'{"model": "\xff"}', b'{"model": "\xed\xa0\x80"}', b"\0", b"{'a': 1}",
        b"[" * 1_000_000, b"9" * 5000, b"\x1f\x8b", b'{"a":' * 100_000, b'{"m": [}',
        b'{"model": "m",}', b"model=m&messages=x", b'{"a": "\x01"}',
    ],
    ids=lambda data: repr(data)[:40],
)  # fmt: skip
def test_what_is_no_request_at_all_is_refused(data: bytes) -> None:
    refused(data)


def test_a_backslash_before_u0000_is_only_text() -> None:
    assert read_chat(raw('"user": "\\\\u0000"')).ignored == ("user",)


def test_text_of_the_whole_world_is_welcome() -> None:
    text = "ünïcode 😀 \u2028 \t\n\u202e \ufeff \x7f"
    asked = read_chat(body(messages=[{"role": "user", "content": text}]))
    assert asked.call.messages[0].content == text


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
FIELDS = st.sampled_from(
    ["model", "messages", "max_tokens", "temperature", "top_p", "seed", "stop", "tools",
     "tool_choice", "response_format", "stream", "stream_options", "n", "freehold", "x"]
)  # fmt: skip


def whole(read: Any, data: bytes) -> None:
    """Anything but an answer or a `BadRequest` fails the test."""
    with contextlib.suppress(BadRequest):
        found = read(data)
        if isinstance(found, OpenAIChat):
            msgspec.json.encode(found.call)


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(FIELDS, JSON, max_size=4))
def test_any_json_in_any_field_is_read_or_refused(fields: dict[str, Any]) -> None:
    data = json.dumps({**PLAIN, **fields}).encode()
    whole(read_chat, data)
    whole(read_embeddings, json.dumps({"model": "m", "input": "a", **fields}).encode())


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 200), st.integers(0, 20))
def test_any_bytes_anywhere_are_read_or_refused(noise: bytes, place: int, length: int) -> None:
    data = json.dumps(
        {**PLAIN, "tools": [{"type": "function", "x": [1, "é\ud83d\ude00"]}]}
    ).encode()
    for read in (read_chat, read_embeddings):
        whole(read, data[:place] + noise + data[place + length :])
        whole(read, noise)


class Small(msgspec.Struct):
    count: Int64
    note: str = ""


def test_any_route_can_read_its_body_as_strictly() -> None:
    assert decode(b'{"count": 5, "other": 1}', Small) == Small(5)
    for data, where in (
        (b"{}", "count"),
        (b'{"count": 9223372036854775808}', "count"),
        (b'{"count": 1, "note": "\\u0000"}', "note"),
        (b'{"count": 1, "note": "\\ud800"}', "note"),
        (b'{"count": 1, "x": ' + b"[" * 70 + b"]" * 70 + b"}", "the body"),
    ):
        with pytest.raises(BadRequest) as raised:
            decode(data, Small)
        assert raised.value.where == where


@pytest.mark.parametrize(
    ("fields", "where"),
    [
        ({"input": [1, 2]}, "input"),
        ({"input": [[1], [2]]}, "input"),
        ({"input": ["a", 1]}, "input"),
        ({"input": []}, "input"),
        ({"input": ""}, "input"),
        ({"input": ["a", ""]}, "input"),
        ({"input": None}, "input"),
        ({"input": {"a": 1}}, "input"),
        ({"input": [1.5]}, "input[0]"),
        ({"input": [2**63]}, "input[0]"),
        ({"input": ["a"] * 2049}, "input"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": 2**63}, "dimensions"),
        ({"model": ""}, "model"),
    ],
    ids=lambda value: str(value)[:50],
)
def test_a_wrong_request_for_vectors_is_refused_by_name(
    fields: dict[str, Any], where: str
) -> None:
    with pytest.raises(BadRequest) as raised:
        read_embeddings(json.dumps({"model": "m", "input": "a", **fields}).encode())
    assert raised.value.where == where


def test_a_request_for_vectors_is_read() -> None:
    asked = read_embeddings(
        b'{"model":"m","input":["a","b"],"encoding_format":"base64","user":"u"}'
    )
    assert (asked.call.texts, asked.encoding, asked.dimensions) == (("a", "b"), "base64", None)
    assert asked.ignored == ("user",)
    assert read_embeddings(b'{"model":"m","input":"a"}').encoding == "float"
