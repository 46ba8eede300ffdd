"""One question to the house: answered whole, or as the answer is written."""

from uuid import uuid4

import msgspec

from freehold.cli.house import House, path_of, relayed
from freehold.cli.terminal import Terminal
from freehold.core.errors import EngineCut, ErrorCard


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    question: str
    model: str = ""
    """Empty for the default one."""
    collections: tuple[str, ...] | None = None
    """`None` for every collection."""


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that an answer names."""

    number: int
    file: str
    page: int | None = None
    line: int | None = None
    quote: str = ""
    verified: bool = False


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """The answer, complete."""

    answer: str
    model: str
    refused: bool
    citations: tuple[Source, ...]


class _Chat(msgspec.Struct, frozen=True):
    id: str


class _Turn(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    state: str
    answer: str
    model: str
    refused: bool
    citations: tuple[Source, ...] = ()
    error: ErrorCard | None = None


class _Text(msgspec.Struct, frozen=True):
    t: str


class _Ended(msgspec.Struct, frozen=True):
    turn: _Turn


async def ask_at_once(house: House, asked: Question) -> Asked:
    """Ask, and come back with the whole answer."""
    return await house.post("/ask", Asked, asked)


async def ask_as_it_comes(house: House, terminal: Terminal, asked: Question) -> Asked:
    """Ask in a temporary chat, which never touches the disk; the answer shows as it is written."""
    chat = await house.post("/chats", _Chat, {"temporary": True})
    body = {
        "text": asked.question,
        "parent_id": None,
        "model": asked.model,
        "collections": asked.collections,
        "client_id": uuid4().hex,
    }
    try:
        turn = await house.post(path_of("chats", chat.id, "turns"), _Turn, body)
        ended = await _show(house, terminal, turn.id)
    finally:
        await house.delete(path_of("chats", chat.id))
    if ended.error is not None:
        raise relayed(ended.error)
    return Asked(
        answer=ended.answer,
        model=ended.model,
        refused=ended.refused,
        citations=ended.citations,
    )


async def _show(house: House, terminal: Terminal, turn_id: str) -> _Turn:
    """Write the answer as it comes; returns the turn as it ended."""
    progress = terminal.progress("thinking")
    begun = False
    path = f"{path_of('turns', turn_id)}/events?after=0"
    try:
        async with house.events(path) as events:
            async for event in events:
                match event.type:
                    case "text":
                        if not begun:
                            progress.close()
                            begun = True
                        terminal.stream(msgspec.json.decode(event.data, type=_Text).t)
                    case "loading" | "retrieving" | "queued":
                        progress.show(event.type)
                    case "done" | "stopped" | "failed":
                        return msgspec.json.decode(event.data, type=_Ended).turn
                    case _:
                        pass
    finally:
        progress.close()
        if begun:
            terminal.stream("\n\n")
    raise EngineCut("the answer broke off", where=turn_id, fix="ask again")
