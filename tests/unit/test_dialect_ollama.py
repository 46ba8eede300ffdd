"""Ollama's and LM Studio's own words, read and written."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings, strategies as st

from freehold.core.errors import EngineCut, EngineRefused
from freehold.runtime.calls import (
    ChatCall,
    Done,
    Event,
    Message,
    ModelKind,
    Reasoning,
    Text,
    ToolCall,
)
from freehold.runtime.dialects import ollama_upstream as ollama
from freehold.runtime.dialects.kinds import kind_by_name
from freehold.runtime.dialects.lm_studio import read_list, read_old_list

HERE = "127.0.0.1:1"


def lines(*items: Any) -> list[Event]:
    reader = ollama.LineReader(HERE)
    return [event for item in items for event in reader.read(json.dumps(item).encode())]


def test_ollamas_lines_become_events() -> None:
    events = lines(
        {"message": {"role": "assistant", "content": "", "thinking": "hm"}, "done": False},
        {"message": {"content": "a"}, "done": False},
        {"message": {"content": ""}, "done": True, "done_reason": "length", "eval_count": 4},
    )
    assert events[:-1] == [Reasoning("hm"), Text("a")]
    assert isinstance(events[-1], Done)
    assert (events[-1].finish, events[-1].usage.completion_tokens) == ("length", 4)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.binary(max_size=60)
        | st.sampled_from([b'{"done":true}', b'{"error":"x"}', b'{"message":{"content":"a"}}'])
    )
)
def test_any_line_of_ollamas_gives_events_or_a_cut(given_lines: list[bytes]) -> None:
    reader = ollama.LineReader(HERE)
    with contextlib.suppress(EngineCut):
        for line in given_lines:
            for event in reader.read(line):
                assert isinstance(event, Event)


def test_ollama_is_told_to_refuse_what_does_not_fit() -> None:
    call = ChatCall(
        model="m",
        messages=(
            Message(role="assistant", tool_calls=(ToolCall(id="a", name="f", arguments="oops"),)),
            Message(role="tool", content="42", tool_call_id="a"),
        ),
        response_format=msgspec.Raw(
            b'{"type":"json_schema","json_schema":{"name":"n","schema":{"type":"object"}}}'
        ),
        tools=msgspec.Raw(b"[]"),
        tool_choice=msgspec.Raw(b'"none"'),
    )
    sent = json.loads(ollama.write_chat(call, "theirs", None))
    assert (sent["truncate"], sent["shift"]) == (False, False)
    assert sent["format"] == {"type": "object"}
    assert "tools" not in sent
    assert sent["messages"][0]["tool_calls"][0]["function"]["arguments"] == {"arguments": "oops"}
    assert sent["messages"][1]["tool_name"] == "f"
    assert sent["options"] == {}


def test_ollama_cannot_be_made_to_use_a_tool_and_says_so() -> None:
    call = ChatCall(model="m", messages=(), tool_choice=msgspec.Raw(b'"required"'))
    with pytest.raises(EngineRefused):
        ollama.write_chat(call, "m", None)


@pytest.mark.parametrize(
    ("shown", "kind", "context"),
    [
        (
            {"capabilities": ["completion"], "model_info": {"llama.context_length": 8192}},
            "chat",
            8192,
        ),
        (
            {"capabilities": ["embedding"], "model_info": {"bert.context_length": 512}},
            "embed",
            512,
        ),
        ({"model_info": {"x.context_length": "many"}}, "chat", 0),
        ({"model_info": None}, "chat", 0),
        ({"capabilities": 5}, "chat", 0),
    ],
)
def test_what_ollama_shows_is_read(shown: dict[str, Any], kind: ModelKind, context: int) -> None:
    found = ollama.read_show(json.dumps(shown).encode(), ollama.Tag(name="tiny"))
    assert (found.kind, found.context_tokens) == (kind, context)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("llama3.2:3b", "chat"),
        ("nomic-embed-text:latest", "embed"),
        ("BAAI/bge-m3", "embed"),
        ("BAAI/bge-reranker-v2-m3", "rerank"),
        ("all-minilm:l6-v2", "embed"),
        ("intfloat/multilingual-e5-large", "embed"),
        ("roberta-chat", "chat"),
        ("Qwen3-Embedding-0.6B", "embed"),
        ("gemma3:12b", "chat"),
    ],
)
def test_a_kind_is_guessed_from_a_name(name: str, kind: ModelKind) -> None:
    assert kind_by_name(name) == kind


def test_an_lm_studio_that_does_not_know_the_path_is_noticed() -> None:
    body = b'{"error":"Unexpected endpoint or method. (GET /api/v1/models)"}'
    assert read_list(body) is None
    assert read_old_list(body) is None
    assert read_list(b"<html>") is None
