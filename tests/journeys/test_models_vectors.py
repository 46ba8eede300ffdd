"""The real llama.cpp with models that make vectors: written by us, loaded, asleep, awake."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import numpy as np
import pytest

from fakes.small_bert import WIDTH, write_bert
from freehold.core.clock import SystemClock
from freehold.core.errors import EngineRefused
from freehold.core.log import Log
from freehold.runtime.calls import ChatCall, EmbedCall, Message, Model
from freehold.runtime.engines.contract import Workshop
from freehold.runtime.engines.llama_server import Holding, LlamaServer
from freehold.runtime.models.gguf import read_card
from freehold.runtime.outbound.client import Client
from freehold.runtime.outbound.policy import Policy
from freehold.runtime.supervise.supervisor import Supervisor

TEXTS = ("the gate of the house", "water in the garden", "the gate of the house")


class Place:
    def __init__(self, engine: LlamaServer, supervisor: Supervisor, client: Client) -> None:
        self.engine, self.supervisor, self.client = engine, supervisor, client

    async def ask(self, model: Model, path: str, body: bytes = b"") -> bytes:
        """Ask the model's child itself."""
        held = self.engine._residents[model.name]
        assert held.wire is not None
        answer = await self.client.request(
            "POST" if body else "GET",
            held.address + path,
            headers=held.wire._headers,
            body=body,
        )
        assert answer.status == 200, answer.body
        return answer.body


@asynccontextmanager
async def place(folder: Path) -> AsyncIterator[Place]:
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
            yield Place(LlamaServer(workshop), supervisor, client)


def model_at(path: Path) -> Model:
    card = read_card(path)
    return Model(
        name="vectors", engine="llama-server", kind=card.kind, bytes=card.bytes, path=str(path)
    )


async def vectors(here: Place, model: Model) -> np.ndarray:
    made = await here.engine.embed(model, EmbedCall(model="vectors", texts=TEXTS))
    assert made.dimensions == WIDTH
    return np.stack([np.frombuffer(vector, "<f4") for vector in made.vectors])


@pytest.mark.parametrize("pooling", [1, 2, None])
async def test_a_model_we_wrote_makes_vectors_of_unit_length(
    tmp_path: Path, pooling: int | None
) -> None:
    model = model_at(write_bert(tmp_path / "m.gguf", pooling))
    assert model.kind == "embed"
    async with place(tmp_path) as here:
        made = await vectors(here, model)
        np.testing.assert_allclose(np.linalg.norm(made, axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(made[0], made[2], atol=1e-5)
        assert not np.allclose(made[0], made[1], atol=1e-3)


async def test_a_text_longer_than_the_model_reads_is_refused(tmp_path: Path) -> None:
    model = model_at(write_bert(tmp_path / "m.gguf"))
    async with place(tmp_path) as here:
        long = EmbedCall(model="vectors", texts=("gate " * 200,))
        with pytest.raises(EngineRefused):
            await here.engine.embed(model, long)
        assert len(await vectors(here, model)) == 3


async def test_a_model_that_makes_vectors_does_not_chat(tmp_path: Path) -> None:
    model = model_at(write_bert(tmp_path / "m.gguf"))
    call = ChatCall(model="vectors", messages=(Message(role="user", content="Hello"),))
    async with place(tmp_path) as here:
        with pytest.raises(EngineRefused, match="makes vectors; it is not a model that chats"):
            await here.engine.chat(model, call).__aenter__()


async def test_an_idle_child_sleeps_and_wakes_for_the_next_call(tmp_path: Path) -> None:
    model = model_at(write_bert(tmp_path / "m.gguf"))
    async with place(tmp_path) as here:
        here.engine.hold("vectors", Holding(slots=1, context_tokens=128, sleep_after_s=1))
        before = await vectors(here, model)
        async with asyncio.timeout(30):
            while b'"is_sleeping":true' not in await here.ask(model, "/props"):
                await asyncio.sleep(0.1)
        np.testing.assert_allclose(await vectors(here, model), before, atol=1e-5)
        assert here.supervisor.children()[0].restarts == 0


async def test_vectors_are_made_again_after_the_child_was_killed(tmp_path: Path) -> None:
    model = model_at(write_bert(tmp_path / "m.gguf"))
    async with place(tmp_path) as here:
        before = await vectors(here, model)
        os.kill(here.supervisor.children()[0].pid, signal.SIGKILL)
        np.testing.assert_allclose(await vectors(here, model), before, atol=1e-5)


async def test_a_model_that_ranks_is_held_as_one(tmp_path: Path) -> None:
    model = model_at(write_bert(tmp_path / "m.gguf", 4))
    assert model.kind == "rerank"
    async with place(tmp_path) as here:
        await here.engine.load(model)
        body = msgspec.json.encode({"query": "the gate", "documents": list(TEXTS)})
        ranked = msgspec.json.decode(await here.ask(model, "/v1/rerank", body))
        assert {result["index"] for result in ranked["results"]} == {0, 1, 2}
