"""Which model answers when none is named. Pure."""

from collections.abc import Sequence
from typing import Final

from freehold.core.units import Bytes
from freehold.runtime.calls import Model

READING_ROOM: Final = "freehold/reading-room"
"""The model that is always there: it quotes documents and needs no weights."""
_COMFORTABLE: Final = 6 * 10**9
"""Largest file that a processor alone reads often enough a second to be pleasant.

Each token reads all weights once: 6 GB at the 40 GB/s of two memory channels are 7 tokens a
second. A graphics card is not bound by this.
"""
_OF_MEMORY: Final = 0.75
"""Share of the machine's memory a model's file may take, with room for its context and others."""


def choose_default(models: Sequence[Model], *, memory: Bytes, has_gpu: bool, said: str) -> str:
    """Name of the model that answers when none is named.

    What was said wins if it is there. Else the most capable model that is pleasant here: the
    largest one below what a processor can do at a good pace, or below what fits when there is a
    graphics card. Then anything that chats, smallest first; the demonstration model; and the
    Reading room.

    Args:
        models: every model there is.
        memory: of the machine, in bytes; 0 when unknown.
        has_gpu: whether there is a graphics card that computes.
        said: name the owner chose; empty for none.
    """
    if any(model.name == said for model in models):
        return said
    chats = [model for model in models if model.kind == "chat" and model.name != READING_ROOM]
    real = [model for model in chats if not model.demo]
    most = int(memory * _OF_MEMORY) or _COMFORTABLE
    if not has_gpu:
        most = min(most, _COMFORTABLE)
    pleasant = [model for model in real if model.bytes <= most]
    if pleasant:
        # A server that runs already knows the card; our own children compute on the processor.
        return max(pleasant, key=lambda model: (has_gpu and bool(model.url), model.bytes)).name
    if real:
        return min(real, key=lambda model: model.bytes).name
    return chats[0].name if chats else READING_ROOM
