"""Whether the documents say anything about a question: the decision to answer or to refuse. Pure.

Two measures, each of which alone is enough to go on:

* coverage, how much of the question's information the words of the best passage carry. A word
  weighs what its rarity says: `notice` in a few passages weighs much, `house` in half of them
  little, and a word that stands nowhere weighs most of all.
* closeness, how near the nearest passage is in meaning, where meaning is searched.
"""

import math
from typing import Final

ENOUGH_COVERAGE: Final = 0.60
"""Coverage from which words alone are enough.

Source: measured in `benchmarks/search`; below 0.6 off-topic questions begin to be answered.
"""

ENOUGH_CLOSENESS: Final = 0.45
"""Cosine from which meaning alone is enough."""
TRADE: Final = 0.35
"""Closeness that full coverage is worth, where both are weighed together."""


def answers(coverage: float, closeness: float | None) -> bool:
    """Whether the best that was found is enough to answer from.

    Args:
        coverage: 0 to 1, of the best passage.
        closeness: cosine of the nearest passage; None where meaning is not searched.
    """
    if closeness is None:
        return coverage >= ENOUGH_COVERAGE
    return closeness + TRADE * coverage >= ENOUGH_CLOSENESS


def weight(total: int, holding: int) -> float:
    """Information of a word that `holding` of `total` passages contain; never negative."""
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def coverage(weights: tuple[float, ...], present: tuple[bool, ...]) -> float:
    """Share of the weights whose words are present, 0 to 1; 0 when nothing has weight."""
    whole = sum(weights)
    if whole <= 0:
        return 0.0
    return sum(w for w, there in zip(weights, present, strict=True) if there) / whole
