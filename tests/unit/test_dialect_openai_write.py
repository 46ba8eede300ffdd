"""Answers in the OpenAI dialect, as its own client reads them."""

import base64
import json
import struct
from typing import Any

import pytest
from openai.types import CreateEmbeddingResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from freehold.core.errors import BadRequest, Busy, EngineCut, ErrorCard, ModelUnknown, NotSignedIn
from freehold.runtime.calls import (
    Citation,
    Done,
    Embeddings,
    Event,
    Model,
    Reasoning,
    Text,
    ToolPart,
    Usage,
)
from freehold.runtime.dialects.openai import (
    ChunkWriter,
    FreeholdNote,
    Gathering,
    read_embeddings,
    write_completion,
    write_embeddings,
    write_error,
    write_model,
    write_models,
)
from freehold.runtime.outbound.sse import EventReader

DONE = Done("stop", Usage(prompt_tokens=3, completion_tokens=2))
CALLS: list[Event] = [
    ToolPart(0, id="c1", name="f"),
    ToolPart(0, arguments='{"a":'),
    ToolPart(1, id="c2", name="g", arguments="{}"),
    ToolPart(0, arguments="1}"),
    Done("tool_calls", Usage()),
]
NOTE = FreeholdNote(
    refused=False,
    citations=(
        Citation(number=1, document_id="doc_1", file="a.md", quote="x\ny", verified=True, line=3),
    ),
)
TRICKY = 'a "quote" \\ \n\r\n data: x\n\n 😀 \u2028 </script>'


def gathered(events: list[Event]) -> Any:
    gathering = Gathering()
    for event in events:
        gathering.add(event)
    return gathering.answer()


def completion(events: list[Event], note: FreeholdNote | None = None) -> ChatCompletion:
    written = write_completion(
        gathered(events), answer_id="chatcmpl_1", model="m", created=5, note=note
    )
    return ChatCompletion.model_validate_json(written, strict=True)


def stream(
    events: list[Event], *, include_usage: bool, note: FreeholdNote | None = None
) -> tuple[list[dict[str, Any]], bytes]:
    """The chunks of a stream, and what ended it."""
    writer = ChunkWriter(
        answer_id="chatcmpl_1", model='m"', created=5, include_usage=include_usage
    )
    sent = writer.first()
    for event in events:
        sent += writer.last(event, note) if isinstance(event, Done) else writer.event(event)
    *datas, last = [event.data for event in EventReader().feed(sent)]
    chunks = [json.loads(data) for data in datas]
    for chunk in chunks:
        ChatCompletionChunk.model_validate(chunk, strict=True)
    return chunks, last


def test_a_whole_answer_is_one_to_the_official_client() -> None:
    answer = completion([Reasoning("hm"), Text("a"), Text(TRICKY), DONE])
    choice = answer.choices[0]
    assert (answer.id, answer.model, answer.created) == ("chatcmpl_1", "m", 5)
    assert (choice.message.content, choice.finish_reason) == ("a" + TRICKY, "stop")
    assert choice.message.tool_calls is None
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.total_tokens) == (3, 5)
    assert choice.message.model_extra == {"reasoning_content": "hm"}


def test_tool_calls_in_pieces_come_together() -> None:
    choice = completion(CALLS).choices[0]
    assert (choice.message.content, choice.finish_reason) == (None, "tool_calls")
    calls = [
        (c.id, c.function.name, c.function.arguments) for c in choice.message.tool_calls or ()
    ]  # type: ignore[union-attr]
    assert calls == [("c1", "f", '{"a":1}'), ("c2", "g", "{}")]


def test_an_empty_answer_is_an_empty_text() -> None:
    assert completion([DONE]).choices[0].message.content == ""


def test_an_answer_without_an_end_is_no_answer() -> None:
    with pytest.raises(EngineCut):
        gathered([Text("half")])


def test_a_note_rides_along() -> None:
    extra = completion([Text("a"), DONE], NOTE).model_extra
    assert extra is not None
    assert extra["freehold"]["citations"][0]["quote"] == "x\ny"
    assert extra["freehold"]["refused"] is False


def test_a_stream_is_one_to_the_official_client() -> None:
    chunks, last = stream([Reasoning("hm"), Text("a"), Text(TRICKY), DONE], include_usage=False)
    assert last == b"[DONE]"
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert "".join(delta.get("content", "") for delta in deltas) == "a" + TRICKY
    assert deltas[1] == {"reasoning_content": "hm"}
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks] == [None] * 4 + ["stop"]
    assert not any("usage" in chunk for chunk in chunks)
    assert {chunk["id"] for chunk in chunks} == {"chatcmpl_1"}
    assert {chunk["model"] for chunk in chunks} == {'m"'}


def test_usage_comes_last_and_only_if_it_was_asked_for() -> None:
    chunks, last = stream([Text("a"), DONE], include_usage=True)
    assert last == b"[DONE]"
    assert [chunk["usage"] for chunk in chunks[:-1]] == [None] * 3
    assert chunks[-1]["choices"] == []
    assert chunks[-1]["usage"] == {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def test_tool_calls_are_streamed_with_their_index() -> None:
    chunks, _ = stream(CALLS, include_usage=False)
    calls = [call for c in chunks for call in c["choices"][0]["delta"].get("tool_calls", ())]
    assert calls == [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": "f", "arguments": ""}},
        {"index": 0, "function": {"arguments": '{"a":'}},
        {"index": 1, "id": "c2", "type": "function", "function": {"name": "g", "arguments": "{}"}},
        {"index": 0, "function": {"arguments": "1}"}},
    ]


def test_a_streamed_note_needs_no_chunk_without_choices() -> None:
    chunks, _ = stream([Text("a"), DONE], include_usage=False, note=NOTE)
    assert all(chunk["choices"] for chunk in chunks)
    assert chunks[-1]["freehold"]["citations"][0]["file"] == "a.md"


def test_a_stream_that_failed_does_not_say_done() -> None:
    writer = ChunkWriter(answer_id="i", model="m", created=5, include_usage=True)
    card = EngineCut("it broke\noff", fix="ask again").card()
    sent = writer.failed(card, 502)
    assert b"[DONE]" not in sent
    [event] = EventReader().feed(sent)
    error = json.loads(event.data)["error"]
    assert (error["type"], error["code"]) == ("server_error", "FH-ENGINE-004")
    assert error["message"] == "it broke\noff; ask again"


@pytest.mark.parametrize(
    ("card", "status", "kind"),
    [
        (ModelUnknown(where="model").card(), 404, "invalid_request_error"),
        (NotSignedIn().card(), 401, "authentication_error"),
        (Busy().card(), 429, "rate_limit_error"),
        (ErrorCard(code="x", title="y"), 503, "server_error"),
    ],
)
def test_an_error_has_the_type_its_clients_know(card: ErrorCard, status: int, kind: str) -> None:
    error = json.loads(write_error(card, status))["error"]
    assert error["type"] == kind
    assert error["code"] == card.code
    assert error["param"] == (card.where or None)


def test_a_server_is_no_field_of_the_request() -> None:
    card = EngineCut(where="127.0.0.1:8000").card()
    assert json.loads(write_error(card, 502))["error"]["param"] is None


VECTORS = Embeddings(
    vectors=(struct.pack("<2f", 0.6, 0.8), struct.pack("<2f", 1.0, 0.0)),
    dimensions=2,
    usage=Usage(prompt_tokens=4),
)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_vectors_are_written_as_asked(encoding: str) -> None:
    asked = read_embeddings(
        json.dumps({"model": "m", "input": ["a", "b"], "encoding_format": encoding}).encode()
    )
    written = write_embeddings(VECTORS, asked)
    if encoding == "float":
        answer = CreateEmbeddingResponse.model_validate_json(written)
        vectors = [item.embedding for item in answer.data]
        assert answer.usage.total_tokens == 4
    else:
        data = json.loads(written)["data"]
        vectors = [[*struct.unpack("<2f", base64.b64decode(item["embedding"]))] for item in data]
    assert vectors[0] == pytest.approx([0.6, 0.8])
    assert vectors[1] == [1.0, 0.0]


def test_a_length_the_model_does_not_have_is_refused() -> None:
    asked = read_embeddings(b'{"model":"m","input":["a","b"],"dimensions":3}')
    with pytest.raises(BadRequest) as raised:
        write_embeddings(VECTORS, asked)
    assert raised.value.where == "dimensions"
    assert write_embeddings(VECTORS, read_embeddings(b'{"model":"m","input":"a","dimensions":2}'))


def test_the_list_of_models_serves_several_dialects() -> None:
    models = [Model(name=name, engine="ollama", kind="chat", demo=name == "b") for name in "ab"]
    found = json.loads(write_models(models, 5))
    assert [item["id"] for item in found["data"]] == ["a", "b"]
    assert found["data"][0] == json.loads(write_model(models[0], 5))
    assert (found["first_id"], found["last_id"], found["has_more"]) == ("a", "b", False)
    assert found["data"][1]["display_name"] == "b (demonstration)"
    assert len(found["models"]) == 2
    assert json.loads(write_models([], 5))["first_id"] is None
