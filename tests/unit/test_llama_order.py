"""How much context a model is given."""

import pytest

from freehold.runtime.llama.order import LoadOrder, fit_context


def order(*, slots: int = 2, context: int = 8192, room: int = 0) -> LoadOrder:
    return LoadOrder(
        path="m.gguf", kind="chat", threads=1, slots=slots, context_tokens=context, room_bytes=room
    )


@pytest.mark.parametrize(
    ("room", "trained", "tokens"),
    [
        (0, 32_768, 8192),  # memory not known
        (2**34, 32_768, 8192),  # as wanted
        (2**34, 1024, 1024),  # no more than it was trained for
        (2**34, 0, 8192),  # its training not known
        (2 * 5000 * 131_072, 32_768, 4864),  # as memory allows, in steps of 256
        (1, 32_768, 512),  # the least a conversation needs
        (1, 300, 300),  # or all it can
    ],
)
def test_context_is_the_least_of_wish_training_and_memory(
    room: int, trained: int, tokens: int
) -> None:
    found = fit_context(order(room=room), trained_tokens=trained, bytes_per_token=131_072)
    assert found == tokens


def test_a_model_that_does_not_say_what_context_costs_gets_what_is_wanted() -> None:
    assert fit_context(order(room=1), trained_tokens=0, bytes_per_token=0) == 8192
