"""THE journey of an answer: look in the documents, ask the model, check what it claims.

One story for the chat page, the API and the command line. With passages the model is shown them
under numbers, and every citation of what it writes is checked against the passage it names;
without a language model the Reading room quotes them; where the documents say nothing, that is
the answer, or, when nobody insisted on documents, the model answers from what it knows, uncited.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from freehold.core.errors import ContextTooLong
from freehold.runtime.calls import (
    ChatCall,
    Done,
    Model,
    Passage,
    Text,
    Usage,
)
from freehold.runtime.chat.contract import Source
from freehold.runtime.chat.steps import Finished, Loading, Retrieving, Sources, Step
from freehold.runtime.gateway.gateway import Gateway
from freehold.runtime.knowledge.cite import cite
from freehold.runtime.knowledge.contract import Found, Grounds
from freehold.runtime.knowledge.coverage import ENOUGH_CLOSENESS, ENOUGH_COVERAGE
from freehold.runtime.knowledge.library import PASSAGES_FOR_AN_ANSWER, Library
from freehold.runtime.knowledge.prompt import grounded
from freehold.runtime.models.shelf import READING_ROOM

DO_NOT_SAY: Final = "The documents do not say."
DEFAULT_ANSWER_TOKENS: Final = 1024
"""Room kept for the answer when a caller names no limit."""


class Answers:
    """Answers calls, from documents when there are any to answer from."""

    def __init__(self, gateway: Gateway, library: Library) -> None:
        self._gateway = gateway
        self._library = library

    @asynccontextmanager
    async def answer(
        self, call: ChatCall, collections: tuple[str, ...] | None
    ) -> AsyncGenerator[AsyncIterator[Step]]:
        """Answer the last user message of a call.

        Args:
            call: the conversation; its last message is the question.
            collections: `None` for every collection (and plain chat where they say nothing),
                empty for no documents, names to insist on those.

        Raises:
            As `Gateway.chat`; the error may also come from the iterator.
        """
        model = await self._gateway.model(call.model)
        own = msgspec.structs.replace(call, model=model.name)
        if model.demo and call.temperature is None:
            own = msgspec.structs.replace(own, temperature=0.0)
        yield self._steps(own, model, collections)

    async def _steps(
        self, call: ChatCall, model: Model, collections: tuple[str, ...] | None
    ) -> AsyncIterator[Step]:
        ready: ChatCall = call
        passages: tuple[Passage, ...] = ()
        if collections != () or model.name == READING_ROOM:
            yield Retrieving()
            found = await self._grounds(call, model, collections)
            if found is None:
                yield Text(DO_NOT_SAY)
                yield _refusal(model)
                return
            ready, passages = found
        yield Loading(model.name)
        async for step in self._shown(call, ready, model, passages):
            yield step

    async def _grounds(
        self, call: ChatCall, model: Model, collections: tuple[str, ...] | None
    ) -> tuple[ChatCall, tuple[Passage, ...]] | None:
        """The call as the model is to see it, with its passages; None where nothing is near."""
        question = _question(call)
        if model.name == READING_ROOM:
            grounds = await self._library.ask(question, collections or None)
            return _for_reading(call, grounds), grounds.passages
        found = await self._library.search(
            question, collections=collections, limit=PASSAGES_FOR_AN_ANSWER
        )
        if collections and not found.hits:
            return None
        return _grounded(call, model, found.hits) if collections or _likely(found) else (call, ())

    async def _shown(
        self, call: ChatCall, ready: ChatCall, model: Model, passages: tuple[Passage, ...]
    ) -> AsyncIterator[Step]:
        """The answer; where the passages are too long for the model after all, with fewer."""
        while True:
            if passages:
                yield Sources(tuple(_source(n, p) for n, p in enumerate(passages, start=1)))
            try:
                async for step in self._told(ready, model, passages):
                    yield step
            except ContextTooLong:
                if len(passages) < 2:  # noqa: PLR2004 - there is nothing to halve
                    raise
                ready, passages = _grounded(call, model, passages[: len(passages) // 2])
            else:
                return

    async def _told(
        self, call: ChatCall, model: Model, passages: tuple[Passage, ...]
    ) -> AsyncIterator[Step]:
        pieces: list[str] = []
        async with self._gateway.chat(call) as events:
            async for event in events:
                if isinstance(event, Done):
                    yield _finished("".join(pieces), model, event, passages)
                    return
                if isinstance(event, Text):
                    pieces.append(event.text)
                yield event


def _question(call: ChatCall) -> str:
    asked = [m.content for m in call.messages if m.role == "user"]
    return asked[-1] if asked else ""


def _likely(found: Found) -> bool:
    """Whether passages are worth showing a model to whom nobody said that it must use them.

    Less than it takes for the documents to answer by themselves: the model, unlike the Reading
    room, can still say that they do not.
    """
    half = ENOUGH_COVERAGE / 2
    return found.answers or found.coverage >= half or found.closeness >= ENOUGH_CLOSENESS


def _for_reading(call: ChatCall, grounds: Grounds) -> ChatCall:
    return msgspec.structs.replace(
        call, passages=grounds.passages, question=_question(call), nearest=grounds.nearest
    )


def _grounded(
    call: ChatCall, model: Model, hits: tuple[Passage, ...]
) -> tuple[ChatCall, tuple[Passage, ...]]:
    """The call with passages around its question, and those that found room."""
    messages, passages = grounded(
        call.messages,
        hits,
        context_tokens=model.context_tokens,
        answer_tokens=call.max_tokens or DEFAULT_ANSWER_TOKENS,
    )
    faithful = 0.0 if call.temperature is None else call.temperature
    own = msgspec.structs.replace(call, messages=messages, passages=passages, temperature=faithful)
    return own, passages


def _finished(answer: str, model: Model, done: Done, passages: tuple[Passage, ...]) -> Finished:
    cited = cite(answer, passages) if passages else None
    return Finished(
        answer=cited.answer if cited else answer,
        model=model.name,
        finish=done.finish,
        usage=done.usage,
        refused=done.refused or (bool(passages) and answer.strip() == DO_NOT_SAY),
        citations=cited.citations if cited else (),
    )


def _refusal(model: Model) -> Finished:
    """The end of an answer that was asked of documents which hold nothing near it."""
    return Finished(
        answer=DO_NOT_SAY,
        model=model.name,
        finish="stop",
        usage=Usage(),
        refused=True,
        citations=(),
    )


def _source(number: int, passage: Passage) -> Source:
    return Source(
        number=number,
        document_id=passage.document_id,
        collection=passage.collection,
        file=passage.file,
        text=passage.text,
        page=passage.page,
        line=passage.line,
        heading=passage.heading,
        score=round(passage.score, 4),
    )
