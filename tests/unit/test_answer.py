"""The story of an answer, with a scripted gateway and library."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from freehold.core.errors import ContextTooLong
from freehold.runtime.calls import ChatCall, Done, Event, Message, Model, Passage, Text, Usage
from freehold.runtime.chat.answer import DO_NOT_SAY, Answers
from freehold.runtime.chat.steps import Finished, Sources, Step
from freehold.runtime.knowledge.contract import Found, Grounds
from freehold.runtime.models.shelf import READING_ROOM

MODEL = Model(name="m", engine="e", kind="chat", context_tokens=4096)


def passage(number: int, text: str) -> Passage:
    return Passage(
        id=number, document_id=f"doc_{number}", collection="c", file=f"f{number}.md", text=text,
        line=1,
    )  # fmt: skip


class Gateway:
    """Answers what it is told; refuses more passages than it has room for."""

    def __init__(self, said: str, room: int = 99) -> None:
        self.said, self.room = said, room
        self.calls: list[ChatCall] = []

    async def model(self, name: str) -> Model:
        return MODEL if name != READING_ROOM else Model(name=name, engine="r", kind="chat")

    @asynccontextmanager
    async def chat(self, call: ChatCall) -> AsyncGenerator[AsyncIterator[Event]]:
        self.calls.append(call)
        if len(call.passages) > self.room:
            raise ContextTooLong
        yield self._events()

    async def _events(self) -> AsyncIterator[Event]:
        yield Text(self.said)
        yield Done("stop", Usage(prompt_tokens=1, completion_tokens=2))


class Library:
    """Finds what it was given."""

    def __init__(self, *hits: Passage, answers: bool = True, coverage: float = 1.0) -> None:
        self.found = Found(
            hits=hits, meaning=False, nearest="", coverage=coverage, answers=answers
        )

    async def search(self, *_: Any, **__: Any) -> Found:
        return self.found

    async def ask(self, *_: Any) -> Grounds:
        hits = self.found.hits if self.found.answers else ()
        return Grounds(passages=hits, refused=not hits, nearest="Lease", meaning=False)


async def told(
    gateway: Gateway, library: Library, collections: tuple[str, ...] | None, model: str = "m"
) -> list[Step]:
    call = ChatCall(model=model, messages=(Message(role="user", content="What of the dog?"),))
    answers = Answers(gateway, library)  # type: ignore[arg-type]
    async with answers.answer(call, collections) as steps:
        return [step async for step in steps]


DOG = passage(1, "The dog sleeps in the kitchen.")
CAT = passage(2, "The cat sleeps on the roof.")


async def test_a_supported_answer_is_cited_and_ends_once() -> None:
    gateway = Gateway("The dog sleeps in the kitchen [1].")
    steps = await told(gateway, Library(DOG, CAT), ("c",))
    (end,) = [step for step in steps if isinstance(step, Finished)]
    assert end is steps[-1]
    (citation,) = end.citations
    assert (citation.file, citation.quote) == ("f1.md", "The dog sleeps in the kitchen.")
    assert "[1] f1.md, line 1" in gateway.calls[0].messages[-1].content


async def test_a_mark_that_does_not_hold_is_taken_away() -> None:
    steps = await told(Gateway("The dog eats 40 euros a day [2]."), Library(DOG, CAT), ("c",))
    end = steps[-1]
    assert isinstance(end, Finished)
    assert end.citations == ()
    assert "[" not in end.answer


async def test_without_documents_nothing_is_searched_or_cited() -> None:
    gateway = Gateway("Hello.")
    steps = await told(gateway, Library(DOG), ())
    assert not any(isinstance(step, Sources) for step in steps)
    assert gateway.calls[0].messages[-1].content == "What of the dog?"


async def test_where_documents_hold_nothing_near_a_named_collection_refuses() -> None:
    gateway = Gateway("I make things up.")
    end = (await told(gateway, Library(answers=False, coverage=0.0), ("c",)))[-1]
    assert isinstance(end, Finished)
    assert (end.answer, end.refused) == (DO_NOT_SAY, True)
    assert gateway.calls == []


async def test_where_nobody_insisted_an_unrelated_question_is_plain_chat() -> None:
    gateway = Gateway("Paris.")
    await told(gateway, Library(CAT, answers=False, coverage=0.1), None)
    assert gateway.calls[0].passages == ()


async def test_a_model_that_refuses_is_recorded_as_refusing() -> None:
    end = (await told(Gateway(DO_NOT_SAY), Library(DOG), ("c",)))[-1]
    assert isinstance(end, Finished)
    assert end.refused


async def test_passages_too_long_for_the_model_are_halved_until_they_fit() -> None:
    gateway = Gateway("The dog sleeps in the kitchen.", room=1)
    steps = await told(gateway, Library(DOG, CAT, passage(3, "x"), passage(4, "y")), ("c",))
    assert [len(call.passages) for call in gateway.calls] == [4, 2, 1]
    *_, last = [step for step in steps if isinstance(step, Sources)]
    assert [source.file for source in last.sources] == ["f1.md"]
    with pytest.raises(ContextTooLong):
        await told(Gateway("x", room=0), Library(DOG, CAT), ("c",))


async def test_the_reading_room_is_given_passages_and_no_prompt() -> None:
    gateway = Gateway("…")
    await told(gateway, Library(DOG), None, READING_ROOM)
    assert gateway.calls[0].passages == (DOG,)
    assert gateway.calls[0].question == "What of the dog?"
    await told(gateway, Library(DOG, answers=False), ("c",), READING_ROOM)
    assert gateway.calls[1].passages == ()
    assert gateway.calls[1].nearest == "Lease"
