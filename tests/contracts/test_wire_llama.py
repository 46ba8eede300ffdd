"""The wire against a real llama-server: what the fakes are held to must be true of it.

Asserts what any chat model does, so that it holds whatever the demo model was last trained on.
"""

import asyncio
import json
import math
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import freehold.catalog
from freehold.core.errors import ContextTooLong, EngineRefused
from freehold.runtime.calls import ChatCall, Done, EmbedCall, Event, Message, Text, ToolPart
from freehold.runtime.outbound.client import Client
from freehold.runtime.wire.openai import OpenAIWire

pytestmark = pytest.mark.slow

MODEL = Path(freehold.catalog.__file__).parent / "demo" / "freehold-tiny-q8_0.gguf"
KEY = "a-key-for-the-test"
PROGRAM = """
import json, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.n_parallel = sys.argv[1], 2048, 2
params.cpuparams.n_threads = 1
params.hostnames, params.port, params.api_keys = ["127.0.0.1"], 0, [sys.argv[2]]
params.embedding = sys.argv[3] == "embed"
if params.embedding:
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
server = xllamacpp.Server(params)
print(json.dumps(server.listening_address), flush=True)
sys.stdin.read()
"""


def serving(kind: str) -> Iterator[str]:
    """A llama-server that leaves when its standard input ends."""
    command = [sys.executable, "-c", PROGRAM, str(MODEL), KEY, kind]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as child:
        assert child.stdout is not None
        yield json.loads(child.stdout.readline())
        child.kill()


@pytest.fixture(scope="module")
def chat_url() -> Iterator[str]:
    yield from serving("chat")


@pytest.fixture(scope="module")
def embed_url() -> Iterator[str]:
    yield from serving("embed")


@pytest.fixture
async def client() -> AsyncIterator[Client]:
    async with Client() as made:
        yield made


def asking(text: str, **more: Any) -> ChatCall:
    asked = Message(role="user", content=text)
    return ChatCall(model="m", messages=(asked,), temperature=0, **more)


async def gather(wire: OpenAIWire, call: ChatCall) -> list[Event]:
    async with wire.chat(call, "m") as events:
        return [event async for event in events]


async def test_it_streams_and_counts(chat_url: str, client: Client) -> None:
    wire = OpenAIWire(client, chat_url, KEY)
    *pieces, done = await gather(wire, asking("Hello", max_tokens=8))
    assert all(isinstance(piece, Text) and piece.text for piece in pieces)
    assert isinstance(done, Done)
    assert 0 < len(pieces) <= done.usage.completion_tokens <= 8
    assert done.usage.prompt_tokens > 0


async def test_the_length_is_kept_and_said(chat_url: str, client: Client) -> None:
    call = asking("Repeat: one two three four five", max_tokens=2)
    done = (await gather(OpenAIWire(client, chat_url + "/v1/", KEY), call))[-1]
    assert isinstance(done, Done)
    assert (done.finish, done.usage.completion_tokens) == ("length", 2)


async def test_a_hundred_streams_one_after_the_other_lose_nothing(
    chat_url: str, client: Client
) -> None:
    wire = OpenAIWire(client, chat_url, KEY)
    for _ in range(100):
        assert isinstance((await gather(wire, asking("Hello", max_tokens=2)))[-1], Done)


async def test_a_tool_is_called(chat_url: str, client: Client) -> None:
    tool = {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string", "enum": ["Ulm"]}},
                "required": ["city"],
            },
        },
    }
    call = asking(
        "What is the weather in Ulm?",
        max_tokens=200,
        tools=msgspec.Raw(json.dumps([tool]).encode()),
        tool_choice=msgspec.Raw(b'"required"'),
    )
    *pieces, done = await gather(OpenAIWire(client, chat_url, KEY), call)
    parts = [piece for piece in pieces if isinstance(piece, ToolPart) and piece.index == 0]
    assert isinstance(done, Done)
    assert done.finish == "tool_calls"
    assert (parts[0].name, bool(parts[0].id)) == ("weather", True)
    assert json.loads("".join(part.arguments for part in parts)) == {"city": "Ulm"}


async def test_an_answer_keeps_to_a_schema(chat_url: str, client: Client) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}
    wanted = {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}}
    call = asking("Hello", max_tokens=60, response_format=msgspec.Raw(json.dumps(wanted).encode()))
    events = await gather(OpenAIWire(client, chat_url, KEY), call)
    text = "".join(event.text for event in events if isinstance(event, Text))
    assert set(json.loads(text)) == {"a"}


async def test_leaving_frees_the_slot(chat_url: str, client: Client) -> None:
    wire = OpenAIWire(client, chat_url, KEY)
    async with wire.chat(asking("Count from one to ninety.", max_tokens=900), "m") as events:
        await anext(events)

    async def busy() -> bool:
        headers = [("authorization", f"Bearer {KEY}")]
        answer = await client.request("GET", chat_url + "/slots", headers=headers)
        return any(slot["is_processing"] for slot in json.loads(answer.body))

    async with asyncio.timeout(5):
        while await busy():
            await asyncio.sleep(0.02)


async def test_refusals_are_told_apart(chat_url: str, client: Client) -> None:
    with pytest.raises(EngineRefused, match="key"):
        await gather(OpenAIWire(client, chat_url, "wrong"), asking("Hello"))
    with pytest.raises(ContextTooLong):
        await gather(OpenAIWire(client, chat_url, KEY), asking("word " * 5000))
    with pytest.raises(EngineRefused):
        await OpenAIWire(client, chat_url, KEY).embed(EmbedCall(model="m", texts=("a",)), "m")


async def test_it_lists_what_it_serves(chat_url: str, client: Client) -> None:
    [model] = await OpenAIWire(client, chat_url, KEY).models()
    assert model.owned_by == "llamacpp"
    assert model.meta is not None
    assert model.meta.size
    assert model.meta.n_ctx_train


async def test_vectors_are_of_unit_length(embed_url: str, client: Client) -> None:
    wire = OpenAIWire(client, embed_url, KEY)
    found = await wire.embed(EmbedCall(model="m", texts=("a", "something else", "a")), "m")
    vectors = [struct.unpack(f"<{found.dimensions}f", vector) for vector in found.vectors]
    assert math.hypot(*vectors[1]) == pytest.approx(1, abs=1e-5)
    assert vectors[0] == pytest.approx(vectors[2], abs=1e-5)
    assert found.usage.prompt_tokens > 0
