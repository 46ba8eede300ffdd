"""Chats that never touch disk: they live as long as the house, and are forgotten on request."""

from typing import Final

import msgspec

from freehold.core.errors import Busy
from freehold.runtime.chat.contract import Chat, Turn

MOST_CHATS: Final = 200
MOST_TURNS: Final = 500


class TemporaryChats:
    """Chats in memory, by owner."""

    def __init__(self) -> None:
        self._chats: dict[str, tuple[str, Chat]] = {}
        self._turns: dict[str, dict[str, Turn]] = {}

    async def add_chat(self, user_id: str, chat: Chat) -> None:
        """Keep a new chat; the oldest is forgotten when there are 200."""
        if len(self._chats) >= MOST_CHATS:
            oldest = min(self._chats)
            del self._chats[oldest], self._turns[oldest]
        self._chats[chat.id] = (user_id, chat)
        self._turns[chat.id] = {}

    async def chat(self, user_id: str, chat_id: str) -> Chat | None:
        """A chat of this person."""
        owner, chat = self._chats.get(chat_id, ("", None))
        if chat is None or owner != user_id:
            return None
        return msgspec.structs.replace(chat, turns=len(self._turns[chat_id]))

    async def change_chat(self, user_id: str, chat: Chat) -> None:
        """Write title, pin and time of change."""
        if await self.chat(user_id, chat.id):
            self._chats[chat.id] = (user_id, chat)

    async def remove_chat(self, user_id: str, chat_id: str) -> None:
        """Forget a chat and its turns."""
        if await self.chat(user_id, chat_id):
            del self._chats[chat_id], self._turns[chat_id]

    async def add_turn(self, turn: Turn) -> Turn:
        """Keep a new turn; returns the one already there for the same `client_id`.

        Raises:
            Busy: the chat holds as many turns as memory is willing to.
        """
        there = self._turns[turn.chat_id]
        for known in there.values():
            if known.client_id == turn.client_id:
                return known
        if len(there) >= MOST_TURNS:
            raise Busy("this temporary chat is full", fix="start a new chat")
        there[turn.id] = turn
        return turn

    async def turns(self, chat_id: str) -> tuple[Turn, ...]:
        """All turns of a chat, oldest first."""
        return tuple(self._turns.get(chat_id, {}).values())

    async def turn(self, user_id: str, turn_id: str) -> Turn | None:
        """A turn of this person."""
        for chat_id, turns in self._turns.items():
            if turn_id in turns and self._chats[chat_id][0] == user_id:
                return turns[turn_id]
        return None

    async def save_answer(self, turn: Turn) -> None:
        """Keep what is written so far."""
        if turn.id in self._turns.get(turn.chat_id, {}):
            self._turns[turn.chat_id][turn.id] = turn

    async def finish(self, turn: Turn) -> None:
        """Keep the end of a turn."""
        await self.save_answer(turn)
