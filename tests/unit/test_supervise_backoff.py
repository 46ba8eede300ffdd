"""The decision about a crashed child: how long to wait, and when to call it degraded."""

from hypothesis import given, strategies as st

from freehold.core.clock import ManualClock
from freehold.runtime.supervise.backoff import (
    LONGEST_WAIT_S,
    WINDOW_S,
    Crashes,
    Verdict,
    after_crash,
)


def crash_at_once(times: int, clock: ManualClock, up_s: float = 0.0) -> list[Verdict]:
    """A child that dies as soon as it is started, or as soon as it is ready."""
    made: list[Verdict] = []
    crashes = Crashes()
    for _ in range(times):
        made.append(after_crash(crashes, clock.now(), up_s))
        crashes = made[-1].crashes
        clock.advance(made[-1].wait_s)
    return made


def test_the_wait_doubles_from_half_a_second_until_the_child_is_degraded() -> None:
    verdicts = crash_at_once(4, ManualClock())
    assert [verdict.wait_s for verdict in verdicts] == [0.5, 1.0, 2.0, 4.0]
    assert not any(verdict.crashes.degraded for verdict in verdicts)


def test_the_fifth_crash_in_a_minute_makes_it_degraded_and_tried_every_thirty_seconds() -> None:
    verdicts = crash_at_once(8, ManualClock())
    assert [verdict.crashes.degraded for verdict in verdicts] == [False] * 4 + [True] * 4
    assert [verdict.wait_s for verdict in verdicts[4:]] == [LONGEST_WAIT_S] * 4


def test_a_child_that_gets_ready_and_is_killed_again_is_back_within_two_seconds() -> None:
    verdicts = crash_at_once(8, ManualClock(), up_s=0.1)
    assert [verdict.wait_s for verdict in verdicts] == [0.5, 1.0] + [2.0] * 6
    assert verdicts[-1].crashes.degraded


def test_a_child_that_served_for_a_minute_has_a_clean_slate() -> None:
    clock = ManualClock()
    crashes = crash_at_once(8, clock)[-1].crashes
    clock.advance(WINDOW_S)
    verdict = after_crash(crashes, clock.now(), up_s=WINDOW_S)
    assert verdict.wait_s == 0.5
    assert verdict.crashes == Crashes(recent=(clock.now(),), streak=1, degraded=False)


def test_a_child_that_serves_between_crashes_is_back_soon_even_when_it_is_degraded() -> None:
    clock = ManualClock()
    crashes = Crashes()
    for number in range(1, 20):
        clock.advance(6.0)
        verdict = after_crash(crashes, clock.now(), up_s=6.0)
        crashes = verdict.crashes
        assert verdict.wait_s == 0.5
        assert crashes.degraded == (number >= 5)


@given(st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200)), max_size=60))
def test_the_wait_stays_between_half_a_second_and_thirty(life: list[tuple[float, float]]) -> None:
    clock = ManualClock()
    crashes = Crashes()
    for pause, up_s in life:
        clock.advance(pause)
        verdict = after_crash(crashes, clock.now(), up_s)
        crashes = verdict.crashes
        assert 0.5 <= verdict.wait_s <= LONGEST_WAIT_S
        assert len(crashes.recent) < 5 or crashes.degraded
        assert all(clock.now() - at < WINDOW_S for at in crashes.recent)
