"""Gives passages their meaning in the background, and queries theirs at once.

Queries and passages never share a child: the model's child for queries sleeps when nobody asks,
those for passages exist only while there are passages to read, and lie below everything else in
the scheduler's eyes. So a search while 500 documents are being embedded waits for none of them.
"""

import asyncio
import contextlib
import os
import re
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec
import numpy as np

from freehold.core.clock import Clock
from freehold.core.errors import EngineRefused, FreeholdError
from freehold.core.log import Log
from freehold.runtime.calls import EmbedCall, Embeddings, Model
from freehold.runtime.engines.llama_server import Holding
from freehold.runtime.knowledge import minilm
from freehold.runtime.knowledge.contract import Meaning, MeaningState
from freehold.runtime.knowledge.index.contract import Index, Vector, Vectors, Waiting

BATCH: Final = 16
"""Passages of one request: the more, the fewer commits; the fewer, the finer the progress."""
SLEEP_S: Final = 60
"""Seconds without a query after which the child lets go of the model's memory."""
RETRY_S: Final = 600.0
"""Seconds until weights that could not be fetched are asked for again."""
QUERY_S: Final = 3.0
"""Seconds a search waits for the meaning of its query; after that it finds by words."""
_LONGEST_QUERY: Final = 1000
"""Characters of a query that are embedded: about the 256 tokens the model was trained to read."""
_SHORTEST: Final = 40
"""Characters of a text that is never refused for its length."""
_NICENESS: Final = 10
"""Of the children that embed passages: anything else that wants the processor goes first."""
_BINDING: Final = re.compile(
    r"\b(?:the|an?|of|to|and|or|is|are|was|were|be|been|being|its?|this|that|these|those|for|by"
    r"|with|as|at|in|on|from|which|who|has|have|had|will|would)\b",
    re.IGNORECASE,
)
_ORNAMENT: Final = re.compile(r"[|*#`~]+|[-_=.]{3,}")


class Embeds(Protocol):
    """What is asked of the engine that holds the model."""

    def hold(self, name: str, holding: Holding) -> None:
        """Say how a model is to be held."""
        ...

    async def load(self, model: Model) -> None:
        """Have it in memory."""
        ...

    async def unload(self, model: Model) -> None:
        """Let go of it."""
        ...

    async def embed(self, model: Model, call: EmbedCall) -> Embeddings:
        """Vectors for texts."""
        ...


def passage_text(heading: str, text: str) -> str:
    """A passage as the model reads it: under its own heading, with its document's title after it.

    Measured: the text alone, with one of the two, or with every heading between, is found less
    often. Words that only hold a sentence together, and ornaments, are left out: a fifth fewer
    tokens in a fifth less time, and passages are found as often as before.
    """
    title, _, below = heading.partition(" > ")
    innermost = below.rpartition(" > ")[2]
    bare = " ".join(_ORNAMENT.sub(" ", _BINDING.sub("", text)).split())
    if not innermost:
        return f"{title}\n{bare}" if title else bare
    return f"{innermost}\n{bare} ({title})"


class Embedder:
    """Makes vectors. `run` does the passages, `query` a query; `meaning` says how far it is.

    Args:
        engine: holds the model in children.
        fetch: gives the model's file, fetching it when it is not there yet.
        clock: times the next attempt.
        log: told of failures.
        children: how many embed passages at once; 0 where meaning is off.
        slow_down: lowers the priority of a model's child, given the model's name.
    """

    def __init__(
        self,
        engine: Embeds,
        fetch: Callable[[], Awaitable[Path]],
        clock: Clock,
        log: Log,
        *,
        children: int = 1,
        slow_down: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._engine = engine
        self._fetch = fetch
        self._clock = clock
        self._log = log.named("meaning")
        self._children = children
        self._slow_down = slow_down
        self._state: MeaningState = "building"
        self._reason = ""
        self._done = self._total = 0
        self._fetched: Model | None = None
        self._woken = asyncio.Event()

    @classmethod
    def off(cls, reason: str, engine: Embeds, clock: Clock, log: Log) -> "Embedder":
        """One that makes nothing: search finds by words, and says so."""

        async def nothing() -> Path:
            raise AssertionError("an embedder that is off fetches nothing")

        made = cls(engine, nothing, clock, log, children=0)
        made._state, made._reason = "off", reason
        return made

    @property
    def meaning(self) -> Meaning:
        """How far it is."""
        return Meaning(state=self._state, done=self._done, total=self._total, reason=self._reason)

    def wake(self) -> None:
        """Passages came, or went."""
        self._woken.set()

    async def query(self, text: str) -> Vector | None:
        """The meaning of a query; None when it cannot be had, or not soon enough."""
        if self._fetched is None or not self._done or not text.strip():
            return None
        try:
            async with asyncio.timeout(QUERY_S):
                model = self._model(minilm.NAME)
                vectors = await self._vectors(model, (text[:_LONGEST_QUERY],))
        except (FreeholdError, TimeoutError) as error:
            self._log.warning("query was not embedded", why=str(error) or "too slow")
            return None
        first: Vector = vectors[0]
        return first

    async def run(self, index: Index) -> None:
        """Embed what waits, then whatever comes; until cancelled."""
        if self._state == "off":
            return
        while True:
            self._woken.clear()
            try:
                await self._prepare(index)
                await self._embed_waiting(index)
            except FreeholdError as error:
                self._say("unavailable", str(error))
                self._log.warning("meaning is unavailable", why=str(error), where=error.where)
                await self._wait(RETRY_S)
                continue
            if not self._woken.is_set():
                self._say("on")
            await self._woken.wait()

    async def _prepare(self, index: Index) -> None:
        self._done, self._total = (0, 0) if self._fetched is None else await index.counts()
        if self._fetched is None:
            path = await self._fetch()
            await index.expect_model(minilm.IDENTITY)
            self._engine.hold(minilm.NAME, _holding(SLEEP_S))
            self._fetched = minilm.model(path)
            self._done, self._total = 0, 0
        total, done = await index.counts()
        self._done, self._total = done, total

    async def _embed_waiting(self, index: Index) -> None:
        """Give every passage that has none its vector."""
        if not await index.waiting(0, 1):
            return
        self._say("building")
        work = _Work(index)
        names = [f"{minilm.NAME} passages {n + 1}" for n in range(self._children)]
        try:
            async with asyncio.TaskGroup() as group:
                for name in names:
                    group.create_task(self._embed_with(self._model(name), work, index))
        except* FreeholdError as errors:
            raise _first(errors) from errors
        finally:
            for name in names:
                with contextlib.suppress(FreeholdError):
                    await self._engine.unload(self._model(name))

    async def _embed_with(self, model: Model, work: "_Work", index: Index) -> None:
        self._engine.hold(model.name, _holding(0))
        loaded = False
        while batch := await work.next():
            if not loaded:
                await self._engine.load(model)
                self._slow_down(model.name)
                loaded = True
            texts = [passage_text(p.heading, p.text) for p in batch]
            vectors = await self._each_length(model, texts)
            await index.keep_vectors([passage.id for passage in batch], vectors)
            total, done = await index.counts()
            self._done, self._total = done, total

    async def _each_length(self, model: Model, texts: Sequence[str]) -> Vectors:
        """Vectors of texts, of which one may be longer than the model takes: it is cut."""
        try:
            return await self._vectors(model, texts)
        except EngineRefused:
            if len(texts) > 1:
                each = [await self._each_length(model, (text,)) for text in texts]
                return np.concatenate(each, dtype=np.float32)
            if len(texts[0]) <= _SHORTEST:
                raise
            return await self._each_length(model, (texts[0][: len(texts[0]) // 2],))

    async def _vectors(self, model: Model, texts: Sequence[str]) -> Vectors:
        made = await self._engine.embed(model, EmbedCall(model=model.name, texts=tuple(texts)))
        flat = np.frombuffer(b"".join(made.vectors), "<f4").reshape(len(texts), -1)
        return flat.astype(np.float32, copy=False)

    def _model(self, name: str) -> Model:
        assert self._fetched is not None, "fetched before anything is embedded"
        return msgspec.structs.replace(self._fetched, name=name)

    def _say(self, state: MeaningState, reason: str = "") -> None:
        self._state, self._reason = state, reason

    async def _wait(self, seconds: float) -> None:
        """Until the time has passed; what is woken meanwhile can wait as long."""
        await self._clock.sleep(seconds)


class _Work:
    """Hands out the passages that wait, each once, until there is none.

    Then it is over for all who take from it, also when more come meanwhile: otherwise the one who
    found the next would go on alone, while the others have left.
    """

    def __init__(self, index: Index) -> None:
        self._index = index
        self._after = 0
        self._over = False
        self._lock = asyncio.Lock()

    async def next(self) -> tuple[Waiting, ...]:
        async with self._lock:
            if self._over:
                return ()
            batch = await self._index.waiting(self._after, BATCH)
            if batch:
                self._after = batch[-1].id
            self._over = not batch
            return batch


def lower_priority(pid: int) -> None:
    """Let everything else on the machine go before a process of ours; no harm if it is gone."""
    with contextlib.suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, pid, _NICENESS)


def _holding(sleep_after_s: int) -> Holding:
    # Several children embed side by side: more than one spinning thread each would be too many.
    return Holding(
        slots=1, context_tokens=minilm.CONTEXT_TOKENS, sleep_after_s=sleep_after_s, threads=1
    )


def _first(errors: BaseExceptionGroup[FreeholdError]) -> FreeholdError:
    inner = errors.exceptions[0]
    return _first(inner) if isinstance(inner, BaseExceptionGroup) else inner
