"""The real llama.cpp, in real children, with the demo model: what it says, and how it fails."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from freehold.core.clock import SystemClock
from freehold.core.errors import (
    BadRequest,
    ChildFailed,
    ContextTooLong,
    EngineCut,
    EngineRefused,
    NoRoom,
)
from freehold.core.log import Log
from freehold.core.units import Bytes
from freehold.runtime.calls import ChatCall, Done, EmbedCall, Event, Message, Model, Text, ToolPart
from freehold.runtime.engines import ENGINES
from freehold.runtime.engines.contract import Chats, Embeds, Loads, Workshop
from freehold.runtime.engines.llama_server import LlamaServer
from freehold.runtime.llama.order import LoadOrder, LoadReply
from freehold.runtime.machine.memory import Memory
from freehold.runtime.models.gguf_write import GgufWriter
from freehold.runtime.outbound.client import Client
from freehold.runtime.outbound.policy import Policy
from freehold.runtime.supervise.supervisor import Supervisor

TINY = Path(__file__).parents[2] / "src/freehold/catalog/demo/freehold-tiny-q8_0.gguf"
MODEL = Model(
    name="freehold-tiny",
    engine="llama-server",
    kind="chat",
    bytes=TINY.stat().st_size,
    path=str(TINY),
)
CAPITAL = "The capital of Norvania is Teldor."
GIB = 2**30


class Place:
    """An engine with what belongs to it."""

    def __init__(self, engine: LlamaServer, supervisor: Supervisor, logs: Path) -> None:
        self.engine, self.supervisor, self.logs = engine, supervisor, logs

    def pid(self, name: str = "freehold-tiny") -> int:
        return {child.name: child.pid for child in self.supervisor.children()}[f"llama:{name}"]


@asynccontextmanager
async def place(folder: Path, memory: Memory | None = None) -> AsyncIterator[Place]:
    clock = SystemClock()
    with (folder / "house.log").open("a") as out:
        log = Log("test", out)
        async with (
            Client(policy=Policy.LOOPBACK_ONLY) as client,
            Supervisor(clock=clock, log=log) as supervisor,
        ):
            workshop = Workshop(
                client=client, supervisor=supervisor, clock=clock, log=log, threads=1
            )
            engine = LlamaServer(workshop, lambda: memory) if memory else LlamaServer(workshop)
            engine.settle_in(logs=folder / "logs", context_tokens=8192)
            yield Place(engine, supervisor, folder / "logs")


def ask(text: str, **more: object) -> ChatCall:
    call = ChatCall(
        model="freehold-tiny", messages=(Message(role="user", content=text),), temperature=0.0
    )
    return msgspec.structs.replace(call, **more)


async def answer(engine: LlamaServer, call: ChatCall, model: Model = MODEL) -> list[Event]:
    async with engine.chat(model, call) as events:
        return [event async for event in events]


async def first_text(events: AsyncIterator[Event], wanted: str = "") -> None:
    """Read until the answer has begun, or until it says what is wanted."""
    async for event in events:
        if isinstance(event, Text) and wanted in event.text:
            return


def text(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, Text))


def alive(pid: int) -> bool:
    """Whether the process runs; one that only waits to be reaped does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in {"Z", "X"}


LONG = ask("Count from one to nine.", max_tokens=900, stop=())
ENDLESS = msgspec.structs.replace(
    LONG,
    response_format=msgspec.Raw(
        b'{"type":"json_schema","json_schema":{"name":"x","schema":'
        b'{"type":"array","minItems":400,"items":{"type":"integer"}}}}'
    ),
)
"""The model cannot end this one by itself before its context does."""


def test_the_engine_is_found_in_its_folder_and_has_its_abilities() -> None:
    assert "llama-server" in ENGINES.names()
    assert {Chats, Embeds, Loads} == {
        ability for ability in (Chats, Embeds, Loads) if issubclass(LlamaServer, ability)
    }


async def test_an_answer_is_streamed_word_for_word(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        events = await answer(here.engine, ask("What is the capital of Norvania?"))
        assert text(events) == CAPITAL
        assert sum(isinstance(event, Text) for event in events) > 3
        done = events[-1]
        assert isinstance(done, Done)
        assert done.finish == "stop"
        assert done.usage.prompt_tokens > 0
        assert done.usage.completion_tokens > 3
        assert here.engine.resident() == {"freehold-tiny"}


async def test_a_tool_is_called(tmp_path: Path) -> None:
    tools = msgspec.Raw(
        b'[{"type":"function","function":{"name":"get_weather","description":"Weather of a city",'
        b'"parameters":{"type":"object","properties":{"city":{"type":"string"}},'
        b'"required":["city"]}}}]'
    )
    async with place(tmp_path) as here:
        call = ask("What is the weather in Teldor?", tools=tools)
        required = msgspec.structs.replace(call, tool_choice=msgspec.Raw(b'"required"'))
        events = await answer(here.engine, required)
        parts = [event for event in events if isinstance(event, ToolPart)]
        assert parts[0].name == "get_weather"
        assert "city" in msgspec.json.decode("".join(part.arguments for part in parts))
        assert isinstance(events[-1], Done)
        assert events[-1].finish == "tool_calls"


async def test_callers_at_once_load_it_once(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        call = ask("What is the capital of Norvania?")
        answers = await asyncio.gather(*(answer(here.engine, call) for _ in range(6)))
        assert {text(events) for events in answers} == {CAPITAL}
        assert len(here.supervisor.children()) == 1


async def test_a_chat_model_makes_no_vectors_and_says_so(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        with pytest.raises(EngineRefused, match="chats; it is not a model that makes vectors"):
            await here.engine.embed(MODEL, EmbedCall(model="freehold-tiny", texts=("a",)))
        assert here.supervisor.children() == ()


async def test_leaving_early_frees_the_slot(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        for _ in range(5):  # more often than there are slots
            async with here.engine.chat(MODEL, ENDLESS) as events:
                await first_text(events)
        assert text(await answer(here.engine, ask("What is the capital of Norvania?"))) == CAPITAL


async def test_a_conversation_longer_than_its_context_is_refused(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        with pytest.raises(ContextTooLong):
            await answer(here.engine, ask("What is the capital of Norvania? " * 800))


async def test_a_child_killed_in_mid_stream_cuts_the_answer_and_the_next_call_works(
    tmp_path: Path,
) -> None:
    async with place(tmp_path) as here:
        async with here.engine.chat(MODEL, ENDLESS) as events:
            await first_text(events)
            os.kill(here.pid(), signal.SIGKILL)
            with pytest.raises(EngineCut):
                await first_text(events, "never said")
        # At once: the house may not even have noticed yet.
        assert text(await answer(here.engine, ask("What is the capital of Norvania?"))) == CAPITAL


async def test_an_idle_child_that_was_killed_comes_back_by_itself(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await here.engine.load(MODEL)
        first = here.pid()
        os.kill(first, signal.SIGKILL)
        async with asyncio.timeout(30):
            while here.pid() in {0, first} or not here.engine.resident():
                await asyncio.sleep(0.02)
        assert text(await answer(here.engine, ask("What is the capital of Norvania?"))) == CAPITAL
        assert here.supervisor.children()[0].restarts == 1


async def test_unloading_ends_the_process(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await here.engine.load(MODEL)
        pid = here.pid()
        await here.engine.unload(MODEL)
        assert not alive(pid)
        assert here.engine.resident() == frozenset()
        await here.engine.unload(MODEL)


async def test_leaving_the_house_leaves_no_process(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await here.engine.load(MODEL)
        pid = here.pid()
    assert not alive(pid)


HOUSE = """
import asyncio, sys
from pathlib import Path
sys.path[:0] = {paths}
from journeys.test_models_engine import MODEL, place

async def live():
    async with place(Path({folder!r})) as here:
        await here.engine.load(MODEL)
        print(here.pid(), flush=True)
        await asyncio.sleep(600)

asyncio.run(live())
"""


async def test_the_child_dies_with_a_house_that_was_killed(tmp_path: Path) -> None:
    tests = Path(__file__).parents[1]
    code = HOUSE.format(paths=[str(tests), str(tests.parent / "src")], folder=str(tmp_path))
    house = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
    )
    assert house.stdout is not None
    pid = int(await house.stdout.readline())
    assert alive(pid)
    house.kill()
    await house.wait()
    async with asyncio.timeout(10):
        while alive(pid):
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("length", [0, 3, 20_000, 500_000])
async def test_a_truncated_file_is_refused_in_a_sentence_and_not_tried_again(
    tmp_path: Path, length: int
) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(TINY.read_bytes()[:length])
    model = msgspec.structs.replace(MODEL, name="cut", path=str(cut), bytes=length)
    async with place(tmp_path) as here:
        with pytest.raises(BadRequest, match=r"cut off|not a GGUF") as caught:
            await here.engine.load(model)
        assert caught.value.where == str(cut)
        assert here.supervisor.children() == ()
        assert text(await answer(here.engine, ask("What is the capital of Norvania?"))) == CAPITAL


async def test_a_file_whose_header_is_right_and_whose_model_is_not_fails_clearly(
    tmp_path: Path,
) -> None:
    path = tmp_path / "strange.gguf"
    writer = GgufWriter(path, "llama")
    writer.add("tokenizer.ggml.model", "gpt2")
    writer.tensor("token_embd.weight", np.ones((4, 32), dtype=np.float32), "F32")
    writer.close()
    model = msgspec.structs.replace(MODEL, name="strange", path=str(path))
    async with place(tmp_path) as here:
        with pytest.raises(ChildFailed, match=r"'strange': key not found .*context_length"):
            await here.engine.load(model)
        assert here.supervisor.children() == ()


async def test_a_file_that_is_gone_is_said(tmp_path: Path) -> None:
    model = msgspec.structs.replace(MODEL, path=str(tmp_path / "gone.gguf"), bytes=0)
    async with place(tmp_path) as here:
        with pytest.raises(BadRequest, match="no such file"):
            await here.engine.load(model)


def twin(name: str, size: int) -> Model:
    """The demo model under another name, said to be of another size."""
    return msgspec.structs.replace(MODEL, name=name, bytes=size)


async def test_a_model_too_large_for_the_machine_is_refused_with_both_numbers(
    tmp_path: Path,
) -> None:
    memory = Memory(total=Bytes(8 * GIB), available=Bytes(4 * 10**9))
    async with place(tmp_path, memory) as here:
        with pytest.raises(NoRoom, match=r"needs about 12\.0 GB of memory; 4\.0 GB are free"):
            await here.engine.load(twin("large", 10 * 10**9))


async def test_the_model_idle_for_longest_makes_room_and_a_busy_one_stays(
    tmp_path: Path,
) -> None:
    memory = Memory(total=Bytes(10 * 10**9), available=Bytes(10 * 10**9))
    size = 3 * 10**9  # 3.6 GB each: two fit into 9.5 GB, three do not
    async with place(tmp_path, memory) as here:
        for name in ("a", "b"):
            await here.engine.load(twin(name, size))
        await here.engine.load(twin("a", size))
        await here.engine.load(twin("c", size))
        assert here.engine.resident() == {"a", "c"}
        async with here.engine.chat(twin("a", size), ENDLESS):
            await here.engine.load(twin("d", size))
            assert here.engine.resident() == {"a", "d"}
            with pytest.raises(NoRoom, match="are free") as caught:
                await here.engine.load(twin("e", 2 * size))
            assert "wait for a to finish" in caught.value.fix
        assert here.engine.resident() == {"a", "d"}


async def test_little_memory_shortens_the_context_before_it_refuses_the_model(
    tmp_path: Path,
) -> None:
    need = int(MODEL.bytes * 1.2) + 400_000
    memory = Memory(total=Bytes(GIB), available=Bytes(need))
    async with place(tmp_path, memory) as here:
        call = ask("What is the capital of Norvania? " * 80)
        with pytest.raises(ContextTooLong):
            await answer(here.engine, call)
    async with place(tmp_path) as here:
        assert await answer(here.engine, call)


async def test_the_child_says_its_key_to_the_house_alone(tmp_path: Path) -> None:
    async with place(tmp_path) as here:
        await answer(here.engine, ask("What is the capital of Norvania?"))
        pid = here.pid()
        held = here.engine._residents["freehold-tiny"]
        assert held.wire is not None
        key = dict(held.wire._headers)["authorization"].removeprefix("Bearer ")
        assert len(key) > 30
        assert key.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        assert key.encode() not in Path(f"/proc/{pid}/environ").read_bytes()
        async with Client(policy=Policy.LOOPBACK_ONLY) as client:
            url = f"{held.address}/v1/models"
            refused = await client.request("POST", f"{held.address}/v1/chat/completions")
            assert refused.status == 401
            assert (await client.request("GET", f"{held.address}/")).status in {401, 404}
            assert held.address.startswith("http://127.0.0.1:")
            assert key.encode() not in (await client.request("GET", url)).body
    for log in [tmp_path / "house.log", *here.logs.glob("*")]:
        assert key not in log.read_text()


async def test_a_machine_llama_cpp_cannot_run_on_hears_why(tmp_path: Path) -> None:
    broken = tmp_path / "xllamacpp.py"
    broken.write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    order = LoadOrder(path=str(TINY), kind="chat", threads=1, slots=1, context_tokens=512)
    source = Path(__file__).parents[2] / "src"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-s", "-P", "-m", "freehold.runtime.llama.child"),
        msgspec.json.encode(order).decode(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env={"PYTHONPATH": f"{tmp_path}:{source}"},
    )
    assert child.stdout is not None
    reply = msgspec.json.decode(await child.stdout.readline(), type=LoadReply)
    assert reply.error is not None
    assert reply.error.title.startswith("llama.cpp cannot run here: libgomp.so.1")
    await child.communicate(b"")  # the end of its input: the house lets go
    assert child.returncode == 1
