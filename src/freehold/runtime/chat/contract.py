"""The words of this room: a chat, a turn, what a turn may become."""

from typing import Literal, Protocol

import msgspec

from freehold.core.errors import ErrorCard
from freehold.runtime.calls import Citation

State = Literal["queued", "writing", "done", "stopped", "failed", "cut"]


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was put before the model, under the number it was given."""

    number: int
    document_id: str
    collection: str
    file: str
    text: str
    page: int | None = None
    line: int | None = None
    heading: str = ""
    score: float = 0.0


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """A question and what became of it. Turns form a tree: `parent_id` is the turn before."""

    id: str
    chat_id: str
    client_id: str
    """Chosen by the asker; the same one again is the same turn, never a second answer."""
    question: str
    model: str
    created_at: float
    parent_id: str | None = None
    collections: tuple[str, ...] | None = None
    """`None`: every collection; empty: no documents."""
    answer: str = ""
    state: State = "queued"
    finished_at: float | None = None
    refused: bool = False
    sources: tuple[Source, ...] = ()
    citations: tuple[Citation, ...] = ()
    prompt_tokens: int = 0
    completion_tokens: int = 0
    first_token_ms: float | None = None
    duration_ms: float | None = None
    tokens_per_s: float | None = None
    error: ErrorCard | None = None
    last_event: int = 0
    """Number of the last event published; a reader that follows starts after it."""


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """A conversation."""

    id: str
    title: str
    created_at: float
    updated_at: float
    pinned: bool = False
    turns: int = 0
    snippet: str = ""
    """Where a search matched, with `‹…›` around the words."""
    temporary: bool = False


class ChatPage(msgspec.Struct, frozen=True, kw_only=True):
    """Some chats, newest first."""

    chats: tuple[Chat, ...]
    next: str | None = None
    """Hand back as `before` for the ones that follow."""


class Shelf(Protocol):
    """Where chats are kept: on disk, or in memory for those that must leave no trace."""

    async def add_chat(self, user_id: str, chat: Chat) -> None:
        """Keep a new chat."""
        ...

    async def chat(self, user_id: str, chat_id: str) -> Chat | None:
        """A chat of this person."""
        ...

    async def change_chat(self, user_id: str, chat: Chat) -> None:
        """Write title, pin and time of change."""
        ...

    async def remove_chat(self, user_id: str, chat_id: str) -> None:
        """Forget a chat and its turns."""
        ...

    async def add_turn(self, turn: Turn) -> Turn:
        """Keep a new turn; returns the one already there for the same `client_id`."""
        ...

    async def turns(self, chat_id: str) -> tuple[Turn, ...]:
        """All turns of a chat, oldest first."""
        ...

    async def turn(self, user_id: str, turn_id: str) -> Turn | None:
        """A turn of this person."""
        ...

    async def save_answer(self, turn: Turn) -> None:
        """Keep what is written so far."""
        ...

    async def finish(self, turn: Turn) -> None:
        """Keep the end of a turn; on disk when this returns."""
        ...
