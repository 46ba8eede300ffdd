"""Chats and turns; an answer is followed as events, at any number, by anyone who may read it."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Final

import msgspec

from freehold.core.errors import BadRequest, NotFound
from freehold.core.ids import is_id, new_id
from freehold.core.units import MIB
from freehold.runtime.bus.events import TurnEvent
from freehold.runtime.chat.contract import Chat, Shelf, Turn
from freehold.runtime.chat.turns import EVENT_KINDS
from freehold.runtime.dialects.sse import EventWriter
from freehold.runtime.http.contract import Answer, Ask, EventStream, House, Route, as_json

QUESTION_LONGEST: Final = 200_000
_EVENTS: Final = EventWriter(EVENT_KINDS)
_Text = Annotated[str, msgspec.Meta(max_length=QUESTION_LONGEST)]
_Name = Annotated[str, msgspec.Meta(max_length=200)]


class _NewChat(msgspec.Struct):
    temporary: bool = False


class _ChangedChat(msgspec.Struct):
    title: _Name | None = None
    pinned: bool | None = None


class _NewTurn(msgspec.Struct):
    text: _Text
    client_id: Annotated[str, msgspec.Meta(min_length=1, max_length=100)]
    parent_id: _Name | None = None
    model: _Name = ""
    collections: tuple[_Name, ...] | None = None


class _Again(msgspec.Struct):
    model: _Name = ""
    client_id: _Name = ""


class _Whole(msgspec.Struct, frozen=True):
    chat: Chat
    turns: tuple[Turn, ...]


async def page(ask: Ask, house: House) -> Answer:
    """Chats, newest first, or those in which all words of `query` occur."""
    limit = max(1, ask.query_number("limit", 50, 200))
    query = ask.query("query").strip()
    if query:
        return as_json(await house.chats.search(ask.user.id, query, limit=limit))
    before = ask.query("before")
    return as_json(await house.chats.chats(ask.user.id, before=before, limit=limit))


async def make(ask: Ask, house: House) -> Answer:
    """A new chat; a temporary one never touches disk."""
    wanted = await ask.json(_NewChat)
    now = house.clock.wall()
    chat = Chat(
        id=new_id("tmp" if wanted.temporary else "chat", now),
        title="",
        created_at=now,
        updated_at=now,
        temporary=wanted.temporary,
    )
    await _shelf(house, chat.id).add_chat(ask.user.id, chat)
    return as_json(chat)


async def show(ask: Ask, house: House) -> Answer:
    """A chat with all its turns, each as it stands this moment."""
    chat, shelf = await _chat(ask, house)
    turns = await shelf.turns(chat.id)
    return as_json(_Whole(chat, tuple(house.turns.now(turn) for turn in turns)))


async def change(ask: Ask, house: House) -> Answer:
    """Rename or pin a chat."""
    wanted = await ask.json(_ChangedChat)
    chat, shelf = await _chat(ask, house)
    changed = msgspec.structs.replace(
        chat,
        title=chat.title if wanted.title is None else " ".join(wanted.title.split()),
        pinned=chat.pinned if wanted.pinned is None else wanted.pinned,
    )
    await shelf.change_chat(ask.user.id, changed)
    return as_json(changed)


async def remove(ask: Ask, house: House) -> Answer:
    """Forget a chat; an answer being written for it is stopped first."""
    chat, shelf = await _chat(ask, house)
    for turn in await shelf.turns(chat.id):
        await house.turns.stop(turn)
    await shelf.remove_chat(ask.user.id, chat.id)
    return as_json({})


async def ask_something(ask: Ask, house: House) -> Answer:
    """A new turn: acknowledged when its question is on disk, then answered."""
    wanted = await ask.json(_NewTurn)
    chat, shelf = await _chat(ask, house)
    if not wanted.text.strip():
        raise BadRequest("there is no question", where="text")
    known = {turn.id for turn in await shelf.turns(chat.id)}
    if wanted.parent_id is not None and wanted.parent_id not in known:
        message = f"the turn before it, {wanted.parent_id!r}, is not in this chat"
        raise BadRequest(message, where="parent_id")
    model = (await house.gateway.model(wanted.model)).name
    now = house.clock.wall()
    turn = Turn(
        id=new_id("turn", now),
        chat_id=chat.id,
        client_id=wanted.client_id,
        parent_id=wanted.parent_id,
        question=wanted.text,
        model=model,
        collections=wanted.collections,
        created_at=now,
    )
    return as_json(await house.turns.ask(turn, shelf), status=202)


async def again(ask: Ask, house: House) -> Answer:
    """Answer the same question once more, beside the first answer."""
    wanted = await ask.json(_Again)
    first, shelf = await _turn(ask, house)
    model = (await house.gateway.model(wanted.model or first.model)).name
    now = house.clock.wall()
    turn = Turn(
        id=new_id("turn", now),
        chat_id=first.chat_id,
        client_id=wanted.client_id or new_id("req", now),
        parent_id=first.parent_id,
        question=first.question,
        model=model,
        collections=first.collections,
        created_at=now,
    )
    return as_json(await house.turns.ask(turn, shelf), status=202)


async def stop(ask: Ask, house: House) -> Answer:
    """Stop an answer; what was written stays."""
    turn, _ = await _turn(ask, house)
    return as_json(await house.turns.stop(turn))


async def turn_now(ask: Ask, house: House) -> Answer:
    """A turn as it stands."""
    turn, _ = await _turn(ask, house)
    return as_json(house.turns.now(turn))


async def events(ask: Ask, house: House) -> Answer:
    """Events of a turn after a number: what was said, then what is being said."""
    turn, _ = await _turn(ask, house)
    last_seen = ask.headers.get("last-event-id", "")
    after = ask.query_number("after", int(last_seen) if last_seen.isdecimal() else 0, 10**8)

    @asynccontextmanager
    async def opened() -> AsyncGenerator[AsyncIterator[bytes]]:
        async with house.turns.follow(turn, after) as said:
            yield _written(said)

    return EventStream(open=opened)


async def _written(said: AsyncIterator[TurnEvent]) -> AsyncIterator[bytes]:
    async for event in said:
        yield _EVENTS.write(event.type, bytes(event.data), event.n)


async def _chat(ask: Ask, house: House) -> tuple[Chat, Shelf]:
    chat_id = ask.named("id")
    shelf = _shelf(house, chat_id)
    chat = await shelf.chat(ask.user.id, chat_id)
    if chat is None:
        message = f"there is no chat {chat_id[:60]!r}"
        raise NotFound(message)
    return chat, shelf


async def _turn(ask: Ask, house: House) -> tuple[Turn, Shelf]:
    turn_id = ask.named("id")
    for shelf in (house.temporary, house.chats):
        turn = await shelf.turn(ask.user.id, turn_id)
        if turn is not None:
            return turn, shelf
    message = f"there is no turn {turn_id[:60]!r}"
    raise NotFound(message)


def _shelf(house: House, chat_id: str) -> Shelf:
    return house.temporary if is_id(chat_id, "tmp") else house.chats


_AT: Final = "/freehold/v1"
ROUTES: Final = (
    Route(method="GET", path=f"{_AT}/chats", who="person", take=page, summary="Your chats."),
    Route(method="POST", path=f"{_AT}/chats", who="person", take=make, summary="A new chat."),
    Route(
        method="GET", path=_AT + "/chats/{id}", who="person", take=show, summary="A whole chat."
    ),
    Route(
        method="PATCH",
        path=_AT + "/chats/{id}",
        who="person",
        take=change,
        summary="Rename or pin a chat.",
    ),
    Route(
        method="DELETE",
        path=_AT + "/chats/{id}",
        who="person",
        take=remove,
        summary="Forget a chat.",
    ),
    Route(
        method="POST",
        path=_AT + "/chats/{id}/turns",
        who="person",
        take=ask_something,
        summary="Ask; acknowledged when the question is on disk.",
        body_limit=MIB,
    ),
    Route(
        method="POST",
        path=_AT + "/turns/{id}/again",
        who="person",
        take=again,
        summary="Answer the same question once more.",
    ),
    Route(
        method="POST",
        path=_AT + "/turns/{id}/stop",
        who="person",
        take=stop,
        summary="Stop an answer.",
    ),
    Route(
        method="GET",
        path=_AT + "/turns/{id}",
        who="person",
        take=turn_now,
        summary="A turn as it stands.",
    ),
    Route(
        method="GET",
        path=_AT + "/turns/{id}/events",
        who="person",
        take=events,
        summary="Follow an answer from any event on.",
    ),
)
