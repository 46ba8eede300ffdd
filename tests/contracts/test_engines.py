"""Every engine keeps the promises of `engines/contract.py`; a new file is held to them by itself.

Engines that adopt a server talk to a fake of it over a real socket.
"""

import asyncio
import contextlib
import io
import math
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import msgspec
import pytest

from fakes.ollama_server import OllamaServer
from fakes.openai_server import WORDS, OpenAIServer
from fakes.upstream import Faults, Upstream, nobody
from freehold.core.clock import SystemClock
from freehold.core.errors import (
    ContextTooLong,
    EngineCut,
    EngineError,
    EngineUnreachable,
    FreeholdError,
)
from freehold.core.log import Log
from freehold.runtime.calls import (
    ChatCall,
    Done,
    EmbedCall,
    Event,
    Message,
    Model,
    Text,
    ToolPart,
)
from freehold.runtime.engines import ENGINES
from freehold.runtime.engines.contract import Chats, Embeds, EngineCard, Finds, Loads, Workshop
from freehold.runtime.outbound.client import Client
from freehold.runtime.supervise.supervisor import Supervisor

ADOPTING: dict[str, Callable[[Faults], Upstream]] = {
    "ollama": lambda faults: OllamaServer(faults=faults),
    "vllm": lambda faults: OpenAIServer(faults=faults, flavour="vllm"),
    "lm-studio": lambda faults: OpenAIServer(faults=faults, flavour="lm-studio"),
    "llama-cpp": lambda faults: OpenAIServer(faults=faults, flavour="llama-server"),
}
TOOLS = msgspec.Raw(b'[{"type":"function","function":{"name":"weather","parameters":{}}}]')
adopting = pytest.mark.parametrize("name", sorted(ADOPTING))


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    log = Log("test", io.StringIO())
    supervisor = Supervisor(clock=SystemClock(), log=log)
    async with Client() as client, supervisor:
        yield Workshop(
            client=client, supervisor=supervisor, clock=SystemClock(), log=log, threads=1
        )


@contextlib.asynccontextmanager
async def stage(
    name: str, workshop: Workshop, faults: Faults | None = None
) -> AsyncIterator[tuple[Any, Model, Upstream]]:
    """An engine with the server it adopts."""
    async with ADOPTING[name](faults or Faults()) as upstream:
        model = Model(
            name=f"{name}/tiny",
            engine=name,
            kind="chat",
            url=upstream.url,
            upstream_name="tiny",
            context_tokens=32768,
        )
        yield ENGINES.get(name).build(workshop), model, upstream


def asking(text: str = "say it", **more: Any) -> ChatCall:
    return ChatCall(model="tiny", messages=(Message(role="user", content=text),), **more)


async def gather(stream: AbstractAsyncContextManager[AsyncIterator[Event]]) -> list[Event]:
    async with stream as events:
        return [event async for event in events]


@pytest.mark.parametrize(("name", "card"), ENGINES.all(), ids=ENGINES.names())
class TestEveryEngine:
    def test_its_card_says_what_it_is_and_where_it_was_written_from(
        self, name: str, card: EngineCard
    ) -> None:
        assert card.summary.endswith("."), name
        assert card.source, name

    async def test_it_has_at_least_one_ability(
        self, name: str, card: EngineCard, workshop: Workshop
    ) -> None:
        engine = card.build(workshop)
        assert isinstance(engine, Chats | Embeds | Loads | Finds), name


@adopting
class TestAnAdoptedServer:
    async def test_its_stream_is_the_answer_and_ends_with_one_done(
        self, name: str, workshop: Workshop
    ) -> None:
        async with stage(name, workshop) as (engine, model, _):
            *pieces, last = await gather(engine.chat(model, asking()))
        assert "".join(piece.text for piece in pieces) == "".join(WORDS)
        assert all(isinstance(piece, Text) for piece in pieces)
        assert isinstance(last, Done)
        assert last.finish == "stop"
        assert (last.usage.prompt_tokens, last.usage.completion_tokens) == (2, len(WORDS))

    @pytest.mark.parametrize("split", [1, 2, 3, 7])
    async def test_it_reads_a_stream_cut_anywhere(
        self, name: str, workshop: Workshop, split: int
    ) -> None:
        async with stage(name, workshop, Faults(split=split)) as (engine, model, _):
            events = await gather(engine.chat(model, asking()))
        assert "".join(event.text for event in events[:-1]) == "".join(WORDS)

    async def test_a_connection_serves_the_next_stream_too(
        self, name: str, workshop: Workshop
    ) -> None:
        async with stage(name, workshop) as (engine, model, upstream):
            for _ in range(5):
                async with engine.chat(model, asking()) as events:
                    while not isinstance(await anext(events), Done):
                        pass
                await asyncio.sleep(0.06)  # a chunked answer's connection rests 50 ms at first
            assert upstream.connections == 1

    async def test_a_server_that_closes_behind_a_stream_loses_no_call(
        self, name: str, workshop: Workshop
    ) -> None:
        async with stage(name, workshop, Faults(close_after_stream=True)) as (engine, model, _):
            for _ in range(20):
                assert isinstance((await gather(engine.chat(model, asking())))[-1], Done)

    async def test_it_says_what_it_was_asked_to(self, name: str, workshop: Workshop) -> None:
        call = asking(
            max_tokens=7, temperature=0.5, top_p=0.9, seed=-3, stop=("END",), tools=TOOLS
        )
        async with stage(name, workshop) as (engine, model, upstream):
            await gather(engine.chat(model, call))
            sent = upstream.seen[0].body
        options = sent.get("options", sent)
        assert sent["model"] == "tiny"
        assert sent["messages"] == [{"role": "user", "content": "say it"}]
        assert options.get("max_tokens", options.get("num_predict")) == 7
        assert (options["temperature"], options["top_p"]) == (0.5, 0.9)
        assert (options["seed"], options["stop"]) == (-3, ["END"])
        assert sent["tools"][0]["function"]["name"] == "weather"
        assert sent["stream"] is True

    async def test_parallel_tool_calls_keep_their_index(
        self, name: str, workshop: Workshop
    ) -> None:
        async with stage(name, workshop) as (engine, model, _):
            *pieces, last = await gather(engine.chat(model, asking("call it", tools=TOOLS)))
        assert isinstance(last, Done)
        assert last.finish == "tool_calls"
        calls: dict[int, list[ToolPart]] = {}
        for piece in pieces:
            assert isinstance(piece, ToolPart)
            calls.setdefault(piece.index, []).append(piece)
        assert sorted(calls) == [0, 1]
        for parts in calls.values():
            assert parts[0].name == "weather"
            assert parts[0].id
            assert not any(part.id or part.name for part in parts[1:])
        arguments = "".join(part.arguments for part in calls[0])
        assert msgspec.json.decode(arguments) == {"city": "Ulm"}

    async def test_leaving_the_stream_stops_the_server(
        self, name: str, workshop: Workshop
    ) -> None:
        async with stage(name, workshop, Faults(slow_s=0.01)) as (engine, model, upstream):
            async with engine.chat(model, asking()) as events:
                await anext(events)
            await upstream.hung_up.wait()
            assert upstream.pieces_sent < len(WORDS)

    async def test_vectors_come_in_order_and_of_unit_length(
        self, name: str, workshop: Workshop
    ) -> None:
        texts = ("a", "b", "c")
        async with stage(name, workshop) as (engine, model, _):
            found = await engine.embed(model, EmbedCall(model="tiny", texts=texts))
            alone = [await engine.embed(model, EmbedCall(model="m", texts=(t,))) for t in texts]
        assert found.dimensions == 4
        assert found.vectors == tuple(one.vectors[0] for one in alone)
        for vector in found.vectors:
            assert math.hypot(*struct.unpack("<4f", vector)) == pytest.approx(1, abs=1e-6)
        assert found.usage.prompt_tokens > 0

    async def test_a_conversation_too_long_is_told_apart(
        self, name: str, workshop: Workshop
    ) -> None:
        async with stage(name, workshop) as (engine, model, _):
            with pytest.raises(ContextTooLong) as raised:
                await gather(engine.chat(model, asking("word " * 40_000)))
        assert raised.value.fix
        assert raised.value.status == 400

    async def test_nobody_there_is_unreachable_with_the_place(
        self, name: str, workshop: Workshop
    ) -> None:
        async with nobody() as url:
            model = Model(name="m", engine=name, kind="chat", url=url, upstream_name="m")
            with pytest.raises(EngineUnreachable) as raised:
                await gather(ENGINES.get(name).build(workshop).chat(model, asking()))
        assert url.removeprefix("http://") in str(raised.value)
        assert raised.value.fix

    @pytest.mark.parametrize(
        "faults",
        [
            Faults(cut_after=0),
            Faults(cut_after=3),
            Faults(reset_after=3),
            Faults(garbage_after=3),
            Faults(error_after=3),
            Faults(long_line=3_000_000),
            Faults(no_end=True),
            Faults(no_end=True, unframed=True),
            Faults(cut_after=3, unframed=True),
        ],
        ids=repr,
    )
    async def test_a_broken_answer_is_never_taken_for_a_whole_one(
        self, name: str, workshop: Workshop, faults: Faults
    ) -> None:
        async with stage(name, workshop, faults) as (engine, model, _):
            with pytest.raises(EngineCut) as raised:
                await gather(engine.chat(model, asking()))
        assert "\n" not in str(raised.value)

    @pytest.mark.parametrize(
        "faults", [Faults(status=500), Faults(status=503), Faults(garbage_head=True)], ids=repr
    )
    async def test_a_failing_server_is_said_to_fail_in_clean_words(
        self, name: str, workshop: Workshop, faults: Faults
    ) -> None:
        async with stage(name, workshop, faults) as (engine, model, _):
            with pytest.raises(EngineError) as raised:
                await gather(engine.chat(model, asking()))
        words = str(raised.value)
        assert raised.value.retryable
        assert len(words) < 500
        assert not set("<>\x07") & set(words)

    async def test_calls_after_a_fault_are_served(self, name: str, workshop: Workshop) -> None:
        async with stage(name, workshop, Faults(cut_after=2)) as (engine, model, upstream):
            with pytest.raises(FreeholdError):
                await gather(engine.chat(model, asking()))
            upstream.faults = Faults()
            for _ in range(3):
                assert isinstance((await gather(engine.chat(model, asking())))[-1], Done)

    async def test_find_is_empty_when_nobody_answers(self, name: str, workshop: Workshop) -> None:
        async with nobody() as url:
            assert await type(ENGINES.get(name).build(workshop))(workshop, url).find() == ()

    @pytest.mark.parametrize(
        "faults",
        [Faults(status=404), Faults(garbage_head=True), Faults(stall_head=True)],
        ids=repr,
    )
    async def test_find_is_empty_when_something_else_listens(
        self, name: str, workshop: Workshop, faults: Faults
    ) -> None:
        async with stage(name, workshop, faults) as (engine, _, upstream):
            assert await type(engine)(workshop, upstream.url).find() == ()

    async def test_what_it_finds_can_be_asked(self, name: str, workshop: Workshop) -> None:
        async with stage(name, workshop) as (engine, _, upstream):
            here = type(engine)(workshop, upstream.url)
            found = await here.find()
            assert found
            assert len({model.name for model in found}) == len(found)
            for model in found:
                assert model.engine == name
                assert model.source
                assert model.url == upstream.url
            chat = next(model for model in found if model.kind == "chat")
            assert chat.context_tokens > 0
            assert isinstance((await gather(here.chat(chat, asking())))[-1], Done)


async def test_models_that_ollama_would_pass_on_are_not_found(workshop: Workshop) -> None:
    async with stage("ollama", workshop) as (engine, _, upstream):
        found = await type(engine)(workshop, upstream.url).find()
    kinds = {model.name: model.kind for model in found}
    assert kinds == {"ollama/tiny:latest": "chat", "ollama/nomic-embed-text:latest": "embed"}


async def test_ollama_gives_a_larger_context_to_a_conversation_that_needs_it(
    workshop: Workshop,
) -> None:
    async with stage("ollama", workshop) as (engine, model, upstream):
        for _ in range(2):
            events = await gather(engine.chat(model, asking("word " * 5000)))
            assert isinstance(events[-1], Done)
    contexts = [seen.body["options"].get("num_ctx") for seen in upstream.seen]
    assert contexts == [None, 16384, 16384]


async def test_an_lm_studio_of_before_is_found_by_its_older_list(workshop: Workshop) -> None:
    async with OpenAIServer(flavour="lm-studio", old_lists=True) as upstream:
        found = await type(ENGINES.get("lm-studio").build(workshop))(workshop, upstream.url).find()
    assert [(model.upstream_name, model.kind) for model in found] == [
        ("tiny-chat", "chat"),
        ("text-embedding-nomic", "embed"),
    ]


async def test_a_server_of_another_make_is_not_taken_for_vllm(workshop: Workshop) -> None:
    async with OpenAIServer(flavour="llama-server") as upstream:
        assert await type(ENGINES.get("vllm").build(workshop))(workshop, upstream.url).find() == ()
