"""The grounded prompt: numbered passages before the question, as many as the model has room for.

The layout is fixed word for word; the demonstration model is trained on it. Pure.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from freehold.runtime.calls import Message, Passage

SYSTEM: Final = (
    "You are Freehold, a private assistant. Answer only from the passages. After each fact put "
    "the number of its passage, like [1]. If the passages do not say, answer: "
    "The documents do not say."
)

BYTES_PER_TOKEN: Final = 2
"""Bytes of text to a token, taken low: English in a large vocabulary has four, a small one two."""
MOST_TOKENS: Final = 8192
"""Context that is used at most: longer prompts are slow, and the house holds models with this."""
_UNKNOWN_CONTEXT: Final = 4096
_OF_CONTEXT: Final = 4
"""One part in so many goes to the answer at most, and as much to the conversation before."""
_SHORTEST: Final = 200
"""Characters below which a cut passage is not worth showing."""
_PER_MESSAGE: Final = 8
"""Tokens that a message costs beside its text."""


def grounded(
    messages: Sequence[Message],
    passages: Sequence[Passage],
    *,
    context_tokens: int,
    answer_tokens: int,
) -> tuple[tuple[Message, ...], tuple[Passage, ...]]:
    """Put passages around the question of a conversation.

    Args:
        messages: the conversation; the last message of the user is the question.
        passages: best first.
        context_tokens: what the model can read and write together; 0 when not known.
        answer_tokens: wanted for the answer.

    Returns:
        The messages to send, and the passages in them, in the order of their numbers. The last
        of them may be cut; when nothing had room there is none.
    """
    room = _room(context_tokens, answer_tokens)
    asked = max((n for n, m in enumerate(messages) if m.role == "user"), default=-1)
    question = messages[asked].content if asked >= 0 else ""
    own = [m.content for m in messages if m.role == "system" and m.content]
    system = "\n\n".join((SYSTEM, *own))
    room -= _size(system) + _size(question) + _size("Passages:\n\n\nQuestion: ")
    before = [m for m in messages[: max(asked, 0)] if m.role in {"user", "assistant"}]
    history = _latest(before, room // _OF_CONTEXT)
    room -= sum(_size(m.content) for m in history)
    shown = _packed(passages, room)
    prompt = Message(role="user", content=_layout(shown, question))
    return (Message(role="system", content=system), *history, prompt), shown


def _room(context_tokens: int, answer_tokens: int) -> int:
    """Bytes the prompt may have."""
    context = min(context_tokens or _UNKNOWN_CONTEXT, MOST_TOKENS)
    return (context - min(answer_tokens, context // _OF_CONTEXT)) * BYTES_PER_TOKEN


def _size(text: str) -> int:
    return len(text.encode("utf-8", "replace")) + _PER_MESSAGE * BYTES_PER_TOKEN


def _latest(messages: Sequence[Message], room: int) -> tuple[Message, ...]:
    """The last messages that have room together, beginning with one of the user."""
    kept: list[Message] = []
    for message in reversed(messages):
        room -= _size(message.content)
        if room < 0:
            break
        kept.insert(0, message)
    while kept and kept[0].role != "user":
        kept.pop(0)
    return tuple(kept)


def _packed(passages: Sequence[Passage], room: int) -> tuple[Passage, ...]:
    shown: list[Passage] = []
    for number, passage in enumerate(passages, start=1):
        size = _size(_entry(number, passage)) + len("\n\n")
        if size > room:
            over = size - room
            kept = passage.text.encode("utf-8", "replace")[: -over or None]
            text = kept.decode("utf-8", "ignore").rpartition(" ")[0]
            if over < size and len(text) >= _SHORTEST:
                shown.append(msgspec.structs.replace(passage, text=text))
            break
        room -= size
        shown.append(passage)
    return tuple(shown)


def _layout(passages: Sequence[Passage], question: str) -> str:
    if not passages:
        return question
    entries = "\n\n".join(_entry(n, passage) for n, passage in enumerate(passages, start=1))
    return f"Passages:\n{entries}\n\nQuestion: {question}"


def _entry(number: int, passage: Passage) -> str:
    place = passage.place()
    head = f"{passage.file}, {place}" if place else passage.file
    return f"[{number}] {head}\n{passage.text}"
