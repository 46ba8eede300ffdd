"""When the documents say enough to answer, and when to refuse."""

import pytest

from freehold.runtime.knowledge.coverage import answers, coverage, enough_coverage, weight


def test_rare_words_weigh_more_and_missing_ones_most() -> None:
    weights = [weight(1000, holding) for holding in (0, 1, 10, 500, 1000)]
    assert weights == sorted(weights, reverse=True)
    assert weights[-1] >= 0


def test_coverage_is_the_share_of_the_weight_that_is_there() -> None:
    assert coverage((3.0, 1.0), (True, False)) == pytest.approx(0.75)
    assert coverage((3.0, 1.0), (True, True)) == 1.0
    assert coverage((), ()) == 0.0
    assert coverage((0.0,), (True,)) == 0.0


@pytest.mark.parametrize(
    ("passages", "bar"), [(1, 0.50), (300, 0.50), (7000, 0.60), (1_000_000, 0.60)]
)
def test_among_many_passages_chance_finds_more_so_the_bar_is_higher(
    passages: int, bar: float
) -> None:
    assert enough_coverage(passages) == pytest.approx(bar)
    assert answers(bar + 0.01, None, passages)
    assert not answers(bar - 0.01, None, passages)


def test_with_meaning_either_measure_can_make_up_for_the_other() -> None:
    assert answers(1.0, 0.1, 100)
    assert answers(0.0, 0.75, 100)
    assert answers(0.4, 0.45, 100)
    assert not answers(0.3, 0.3, 100)
    assert not answers(0.0, 0.0, 100)
