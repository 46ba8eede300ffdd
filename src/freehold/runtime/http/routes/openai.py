"""The OpenAI dialect: chat completions, embeddings, models. The routes that every client calls."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import msgspec

from freehold.core.errors import FreeholdError
from freehold.core.ids import new_id
from freehold.core.units import MIB
from freehold.runtime.calls import Done, Reasoning, Text, ToolPart
from freehold.runtime.chat.steps import Finished, Step
from freehold.runtime.dialects import openai
from freehold.runtime.http.contract import Answer, Ask, EventStream, House, Reply, Route
from freehold.runtime.models.shelf import READING_ROOM

PROMPT_MOST: Final = 8 * MIB
"""The longest contexts there are take about this many bytes of JSON."""
PATIENCE_S: Final = 10.0
"""An error within this time is an HTTP status; later the stream has begun, and it is an event."""


async def chat(ask: Ask, house: House) -> Answer:
    """The next message of a conversation, whole or as a stream."""
    asked = openai.read_chat(await ask.body())
    headers = _ignored(asked.ignored)
    if asked.stream:
        return EventStream(open=lambda: _streamed(house, asked), headers=headers)
    answer, note = await _whole(house, asked)
    body = openai.write_completion(
        answer,
        answer_id=_answer_id(house),
        model=asked.call.model,
        created=int(house.clock.wall()),
        note=note,
    )
    return Reply(body=body, headers=headers)


async def _whole(
    house: House, asked: openai.OpenAIChat
) -> tuple[openai.Answer, openai.FreeholdNote | None]:
    """The whole answer; its text is the one whose citations were checked."""
    gathering = openai.Gathering()
    end: Finished | None = None
    call = msgspec.structs.replace(asked.call, whole=True)
    async with house.answers.answer(call, _collections(asked)) as steps:
        async for step in steps:
            if isinstance(step, Finished):
                end = step
                gathering.add(_done(step))
            elif isinstance(step, Text | Reasoning | ToolPart):
                gathering.add(step)
    answer = gathering.answer()
    assert end is not None, "without an end, gathering raised"
    return msgspec.structs.replace(answer, text=end.answer), _note(asked, end)


@asynccontextmanager
async def _streamed(
    house: House, asked: openai.OpenAIChat
) -> AsyncGenerator[AsyncIterator[bytes]]:
    """The stream, once its first event is there or patience for an early error has run out."""
    writer = openai.ChunkWriter(
        answer_id=_answer_id(house),
        model=asked.call.model,
        created=int(house.clock.wall()),
        include_usage=asked.include_usage,
    )
    async with house.answers.answer(asked.call, _collections(asked)) as steps:
        said = _said(steps)
        first = asyncio.ensure_future(anext(said))
        try:
            await asyncio.wait({first}, timeout=PATIENCE_S)
            if first.done():
                first.result()
            yield _chunks(first, said, writer, asked)
        finally:
            first.cancel()


async def _said(steps: AsyncIterator[Step]) -> AsyncIterator[Step]:
    """The steps that a client of this dialect is told of."""
    async for step in steps:
        if isinstance(step, Text | Reasoning | ToolPart | Finished):
            yield step


async def _chunks(
    first: asyncio.Future[Step],
    said: AsyncIterator[Step],
    writer: openai.ChunkWriter,
    asked: openai.OpenAIChat,
) -> AsyncIterator[bytes]:
    try:
        yield writer.first()
        step = await first
        while not isinstance(step, Finished):
            if isinstance(step, Text | Reasoning | ToolPart):
                yield writer.event(step)
            step = await anext(said)
        yield writer.last(_done(step), _note(asked, step))
    except FreeholdError as error:
        yield writer.failed(error.card(), error.status)


def _collections(asked: openai.OpenAIChat) -> tuple[str, ...] | None:
    """Collections to answer from: none unless named, all for the Reading room."""
    if asked.freehold.documents is None and asked.call.model == READING_ROOM:
        return None
    return asked.freehold.documents or ()


def _note(asked: openai.OpenAIChat, step: Finished) -> openai.FreeholdNote | None:
    """What documents had to do with it; nothing when nobody asked them."""
    if _collections(asked) == ():
        return None
    return openai.FreeholdNote(refused=step.refused, citations=step.citations)


def _done(step: Finished) -> Done:
    return Done(finish=step.finish, usage=step.usage, refused=step.refused)


def _answer_id(house: House) -> str:
    return "chatcmpl-" + new_id("req", house.clock.wall())[4:]


def _ignored(names: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    """Fields that were left out, told in a header that any client can show."""
    plain = [name for name in names if name.isascii() and name.isprintable()]
    return (("freehold-ignored", ", ".join(plain)),) if plain else ()


async def embeddings(ask: Ask, house: House) -> Answer:
    """Vectors for texts."""
    asked = openai.read_embeddings(await ask.body())
    made = await house.gateway.embed(asked.call)
    return Reply(body=openai.write_embeddings(made, asked), headers=_ignored(asked.ignored))


async def models(ask: Ask, house: House) -> Answer:
    """Every model this house serves."""
    del ask
    body = openai.write_models(await house.shelf.models(), int(house.clock.wall()))
    return Reply(body=body)


async def model(ask: Ask, house: House) -> Answer:
    """One model."""
    found = await house.gateway.model(ask.named("name"))
    return Reply(body=openai.write_model(found, int(house.clock.wall())))


ROUTES: Final = (
    Route(
        method="POST",
        path="/v1/chat/completions",
        who="person",
        take=chat,
        summary="The next message of a conversation.",
        body_limit=PROMPT_MOST,
        costs=True,
    ),
    Route(
        method="POST",
        path="/v1/embeddings",
        who="person",
        take=embeddings,
        summary="Vectors for texts.",
        body_limit=PROMPT_MOST,
        costs=True,
    ),
    Route(
        method="GET",
        path="/v1/models",
        who="person",
        take=models,
        summary="Every model there is.",
    ),
    Route(
        method="GET",
        path="/v1/models/{name:path}",
        who="person",
        take=model,
        summary="One model.",
    ),
)
