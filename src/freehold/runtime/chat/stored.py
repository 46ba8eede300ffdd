"""Chats on disk."""

from typing import Final

import apsw
import msgspec

from freehold.core.errors import ErrorCard
from freehold.core.units import Seconds
from freehold.runtime.calls import Citation
from freehold.runtime.chat.contract import Chat, ChatPage, Source, State, Turn
from freehold.runtime.store.database import Database
from freehold.runtime.store.queries import queries
from freehold.runtime.store.rows import one, rows

TITLE_LONGEST: Final = 80
_SQL: Final = queries("freehold.runtime.chat", "queries.sql")
_json: Final = msgspec.json.Encoder()


class _ChatRow(msgspec.Struct):
    id: str
    title: str
    created_at: float
    updated_at: float
    pinned: int
    turns: int
    snippet: str = ""


class _TurnRow(msgspec.Struct):
    number: int
    id: str
    chat_id: str
    parent_id: str | None
    client_id: str
    question: str
    answer: str
    state: State
    model: str
    collections: str | None
    created_at: float
    finished_at: float | None
    refused: int
    sources: str
    citations: str
    prompt_tokens: int
    completion_tokens: int
    first_token_ms: float | None
    duration_ms: float | None
    error: str | None


class StoredChats:
    """Chats in the house's database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def cut_open_turns(self, now: Seconds) -> int:
        """Mark what was being answered when the house last stopped; returns how many."""

        def write(c: apsw.Connection) -> int:
            for row in rows(c.execute(_SQL["open_turns"]), _TurnRow):
                c.execute(_SQL["index_answer"], (row.answer, row.id))
            c.execute(_SQL["cut_open_turns"], (now,))
            return c.changes()

        return await self._database.write(write)

    async def ping(self) -> None:
        """Answer, or raise `StoreFailed`: whether the store can be read at all."""
        await self._database.read(lambda c: c.execute("SELECT 1").fetchone())

    async def add_chat(self, user_id: str, chat: Chat) -> None:
        """Keep a new chat."""
        values = (chat.id, user_id, chat.title, chat.pinned, chat.created_at, chat.updated_at)
        await self._run("add_chat", values)

    async def chat(self, user_id: str, chat_id: str) -> Chat | None:
        """A chat of this person."""
        row = await self._database.read(
            lambda c: one(c.execute(_SQL["chat"], (chat_id, user_id)), _ChatRow)
        )
        return _chat(row) if row else None

    async def chats(self, user_id: str, *, before: str, limit: int) -> ChatPage:
        """Chats, pinned first, then newest first."""
        pinned, updated, last = _cursor(before)
        values = {
            "user": user_id,
            "pinned": pinned,
            "updated": updated,
            "id": last,
            "limit": limit,
        }
        found = await self._database.read(
            lambda c: rows(c.execute(_SQL["chats"], values), _ChatRow)
        )
        full = len(found) == limit
        end = f"{found[-1].pinned}:{found[-1].updated_at!r}:{found[-1].id}" if full else None
        return ChatPage(chats=tuple(_chat(row) for row in found), next=end)

    async def search(self, user_id: str, query: str, *, limit: int) -> ChatPage:
        """Chats in which every word occurs, best first."""
        words = [word.replace('"', '""') for word in query.split()[:16]]
        if not words:
            return ChatPage(chats=())
        match = " ".join(f'"{word}"' for word in words[:-1]) + f' "{words[-1]}"*'
        values = {"user": user_id, "match": match.strip()}
        found = await self._database.read(
            lambda c: rows(c.execute(_SQL["search_chats"], values), _ChatRow)
        )
        best: dict[str, Chat] = {}
        for row in found:
            best.setdefault(row.id, _chat(row))
        return ChatPage(chats=tuple(best.values())[:limit])

    async def change_chat(self, user_id: str, chat: Chat) -> None:
        """Write title, pin and time of change."""
        values = (chat.title, chat.pinned, chat.updated_at, chat.id, user_id)
        await self._run("change_chat", values)

    async def remove_chat(self, user_id: str, chat_id: str) -> None:
        """Forget a chat and its turns."""
        await self._run("remove_chat", (chat_id, user_id))

    async def add_turn(self, turn: Turn) -> Turn:
        """Keep a new turn; returns the one already there for the same `client_id`."""
        collections = None if turn.collections is None else _text(turn.collections)
        place = (turn.id, turn.chat_id, turn.parent_id, turn.client_id, turn.question)
        rest = (turn.state, turn.model, collections, turn.created_at)
        title = " ".join(turn.question.split())[:TITLE_LONGEST]

        def write(c: apsw.Connection) -> Turn:
            c.execute(_SQL["add_turn"], place + rest)
            if c.changes():
                c.execute(_SQL["index_question"], (turn.id,))
                c.execute(_SQL["touch_chat"], (turn.created_at, title, turn.chat_id))
                return turn
            there = c.execute(_SQL["turn_by_client"], (turn.chat_id, turn.client_id))
            row = one(there, _TurnRow)
            assert row is not None, "the conflict was with a turn that exists"
            return _turn(row)

        return await self._database.write(write)

    async def turns(self, chat_id: str) -> tuple[Turn, ...]:
        """All turns of a chat, oldest first."""
        found = await self._database.read(
            lambda c: rows(c.execute(_SQL["turns"], (chat_id,)), _TurnRow)
        )
        return tuple(_turn(row) for row in found)

    async def turn(self, user_id: str, turn_id: str) -> Turn | None:
        """A turn of this person."""
        row = await self._database.read(
            lambda c: one(c.execute(_SQL["turn"], (turn_id, user_id)), _TurnRow)
        )
        return _turn(row) if row else None

    async def save_answer(self, turn: Turn) -> None:
        """Keep what is written so far."""
        await self._run(
            "save_answer", (turn.answer, turn.state, _text(turn.sources), turn.model, turn.id)
        )

    async def finish(self, turn: Turn) -> None:
        """Keep the end of a turn; on disk when this returns."""
        error = None if turn.error is None else _text(turn.error)
        content = (turn.answer, turn.state, _text(turn.sources), turn.model, _text(turn.citations))
        times = (turn.first_token_ms, turn.duration_ms, error, turn.id)
        tokens = (turn.refused, turn.finished_at, turn.prompt_tokens, turn.completion_tokens)

        def write(c: apsw.Connection) -> None:
            c.execute(_SQL["finish"], content + tokens + times)
            c.execute(_SQL["index_answer"], (turn.answer, turn.id))

        await self._database.write(write)

    async def _run(self, name: str, values: tuple[str | float | bool | None, ...]) -> None:
        def write(c: apsw.Connection) -> None:
            c.execute(_SQL[name], values)

        await self._database.write(write)


def _text(value: object) -> str:
    return _json.encode(value).decode()


def _cursor(before: str) -> tuple[int, float, str]:
    pinned, _, rest = before.partition(":")
    updated, _, last = rest.partition(":")
    try:
        return int(pinned), float(updated), last
    except ValueError:
        return 2, 0.0, ""


def _chat(row: _ChatRow) -> Chat:
    return Chat(
        id=row.id,
        title=row.title,
        created_at=row.created_at,
        updated_at=row.updated_at,
        pinned=bool(row.pinned),
        turns=row.turns,
        snippet=row.snippet,
    )


def _turn(row: _TurnRow) -> Turn:
    collections = row.collections
    return Turn(
        id=row.id,
        chat_id=row.chat_id,
        parent_id=row.parent_id,
        client_id=row.client_id,
        question=row.question,
        answer=row.answer,
        state=row.state,
        model=row.model,
        collections=msgspec.json.decode(collections, type=tuple[str, ...])
        if collections
        else None,
        created_at=row.created_at,
        finished_at=row.finished_at,
        refused=bool(row.refused),
        sources=msgspec.json.decode(row.sources, type=tuple[Source, ...]),
        citations=msgspec.json.decode(row.citations, type=tuple[Citation, ...]),
        prompt_tokens=row.prompt_tokens,
        completion_tokens=row.completion_tokens,
        first_token_ms=row.first_token_ms,
        duration_ms=row.duration_ms,
        tokens_per_s=pace(row.completion_tokens, row.first_token_ms, row.duration_ms),
        error=msgspec.json.decode(row.error, type=ErrorCard) if row.error else None,
    )


_TOO_SHORT_MS: Final = 50.0
"""An answer that came in one breath has no pace worth telling."""


def pace(tokens: int, first_ms: float | None, whole_ms: float | None) -> float | None:
    """Tokens a second after the first; nothing when there is too little to divide."""
    if first_ms is None or whole_ms is None or whole_ms - first_ms < _TOO_SHORT_MS:
        return None
    return round((tokens - 1) * 1000 / (whole_ms - first_ms), 1) if tokens > 1 else None
