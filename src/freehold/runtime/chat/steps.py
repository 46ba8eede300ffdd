"""The steps of an answer, as they become known."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from typing import Protocol

import msgspec

from freehold.runtime.calls import (
    ChatCall,
    Citation,
    Finish,
    Message,
    Reasoning,
    Text,
    ToolPart,
    Usage,
)
from freehold.runtime.chat.contract import Source


class Retrieving(msgspec.Struct, frozen=True, tag="retrieving"):
    """The documents are being searched."""


class Loading(msgspec.Struct, frozen=True, tag="loading"):
    """The model is being made ready, or is waiting for its turn."""

    model: str


class Sources(msgspec.Struct, frozen=True, tag="sources"):
    """The passages put before the model."""

    sources: tuple[Source, ...]


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The end: the answer as it may be shown, with the citations that hold."""

    answer: str
    model: str
    finish: Finish
    usage: Usage
    refused: bool
    citations: tuple[Citation, ...]


Step = Retrieving | Loading | Sources | Text | Reasoning | ToolPart | Finished


class Answering(Protocol):
    """Answers calls; see `freehold.runtime.chat.answer` for the one there is."""

    def answer(
        self, call: ChatCall, collections: tuple[str, ...] | None
    ) -> AbstractAsyncContextManager[AsyncIterator[Step]]:
        """The steps of an answer; the last one is `Finished`."""
        ...


def history(turns: tuple[tuple[str, str], ...], question: str) -> tuple[Message, ...]:
    """The conversation so far (question and answer pairs, oldest first) and the new question."""
    said: list[Message] = []
    for asked, answered in turns:
        said.append(Message(role="user", content=asked))
        said.append(Message(role="assistant", content=answered))
    return (*said, Message(role="user", content=question))
