"""What passes between the house and a model's child: an order in, one line of reply out."""

from typing import Final, Literal

import msgspec

from freehold.core.errors import ErrorCard
from freehold.runtime.calls import ModelKind

Pooling = Literal["model", "mean", "cls", "last", "rank"]

FEWEST_TOKENS: Final = 512
"""Below this a conversation is not worth having; a model trained for less keeps its own length."""
_STEP: Final = 256
"""llama.cpp rounds a context up to a multiple of this."""


class LoadOrder(msgspec.Struct, frozen=True, kw_only=True):
    """Which model to hold, and how."""

    path: str
    kind: ModelKind
    threads: int
    slots: int
    """Requests served at once; each has a context of its own."""
    context_tokens: int
    """Wanted for each slot; never more than the model was trained for."""
    sleep_after_s: int = 0
    """Let go of the memory after so long without a request, until the next one; 0: never."""
    pooling: Pooling = "model"
    """How token vectors become one: as the model's file says, unless said here."""
    room_bytes: int = 0
    """Memory the context may take beside the weights; 0 when that is not known."""


class LoadReply(msgspec.Struct, frozen=True, kw_only=True):
    """The first line the child prints. It carries a secret: read, never logged."""

    address: str = ""
    """Where it answers, `http://127.0.0.1:PORT`."""
    key: str = ""
    """Bearer key it asks for, made by the child for this run."""
    load_s: float = 0.0
    context_tokens: int = 0
    """Of each slot, as it turned out."""
    error: ErrorCard | None = None
    """Why there is no model; everything else is empty then."""


def fit_context(order: LoadOrder, *, trained_tokens: int, bytes_per_token: int) -> int:
    """Tokens of context for each slot that the memory allows.

    Args:
        order: what is wanted, and the memory there is.
        trained_tokens: longest text the model was trained for; 0 when unknown.
        bytes_per_token: context memory of one token in one slot; 0 when unknown.
    """
    wanted = min(order.context_tokens, trained_tokens or order.context_tokens)
    each = bytes_per_token * order.slots
    if not each or not order.room_bytes:
        return wanted
    affordable = order.room_bytes // each // _STEP * _STEP
    return max(min(wanted, affordable), min(wanted, FEWEST_TOKENS))
