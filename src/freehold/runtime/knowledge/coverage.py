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
"""Coverage from which words alone are enough, among many passages: by chance some passage holds
half of what any question says.

Source: measured over 6,942 passages, 35 questions and 16 off-topic ones: from 0.60 none of these
is answered and all of those are; at 0.50 three off-topic ones are answered.
"""
MANY: Final = 7000
"""Passages for which that holds."""
ENOUGH_AMONG_FEW: Final = 0.50
"""The same among few passages, where chance finds less.

Source: `benchmarks/search`, 296 passages: no off-topic question of the tuning half comes above
0.36, all but one of the natural ones come to 0.65 or more.
"""
FEW: Final = 300
"""Passages for which that holds; in between the bar rises with the logarithm."""
ENOUGH_CLOSENESS: Final = 0.45
"""Cosine from which a passage is worth showing to a model, which can still say no by itself."""
ENOUGH_TOGETHER: Final = 0.70
"""What closeness and weighed coverage must come to, where meaning is searched.

Source: tuned in `benchmarks/search` so that no off-topic question of the tuning half is answered.
"""
COVERAGE_WEIGHT: Final = 0.7
"""Closeness that full coverage is worth."""


def answers(coverage: float, closeness: float | None, passages: int) -> bool:
    """Whether the best that was found is enough to answer from.

    Args:
        coverage: 0 to 1, of the best passage.
        closeness: cosine of the nearest passage; None where meaning is not searched.
        passages: how many were searched.
    """
    if closeness is None:
        return coverage >= enough_coverage(passages)
    return closeness + COVERAGE_WEIGHT * coverage >= ENOUGH_TOGETHER


def enough_coverage(passages: int) -> float:
    """Coverage from which words alone are enough among so many passages."""
    share = math.log(max(passages, FEW) / FEW) / math.log(MANY / FEW)
    return ENOUGH_AMONG_FEW + (ENOUGH_COVERAGE - ENOUGH_AMONG_FEW) * min(1.0, share)


def weight(total: int, holding: int) -> float:
    """Information of a word that `holding` of `total` passages contain; never negative."""
    return math.log(1 + (total - holding + 0.5) / (holding + 0.5))


def coverage(weights: tuple[float, ...], present: tuple[bool, ...]) -> float:
    """Share of the weights whose words are present, 0 to 1; 0 when nothing has weight."""
    whole = sum(weights)
    if whole <= 0:
        return 0.0
    return sum(w for w, there in zip(weights, present, strict=True) if there) / whole
