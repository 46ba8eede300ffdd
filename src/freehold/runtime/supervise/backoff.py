"""How long to wait before a crashed child is started again, and when to call it degraded.

Pure: what happened so far goes in, the decision comes out.
"""

from typing import Final

import msgspec

from freehold.core.units import Seconds

FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
WINDOW_S: Final = 60.0
"""Crashes are counted over this long; a child that stayed up longer starts with a clean slate."""
TOO_MANY: Final = 5
"""This many crashes within the window make a child degraded."""
LONGEST_WAIT_SERVED_S: Final = 2.0
"""A child that did get ready is worth having back: it never waits longer than this."""
STEADY_S: Final = 5.0
"""A child that served this long before it crashed does not wait longer than the time before."""


class Crashes(msgspec.Struct, frozen=True, kw_only=True):
    """What is remembered of a child's crashes."""

    recent: tuple[Seconds, ...] = ()
    """When it crashed within the window, on the monotonic clock."""
    streak: int = 0
    """Crashes in a row without a steady run between them."""
    degraded: bool = False


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What to do about a crash."""

    crashes: Crashes
    """To be passed back at the next crash."""
    wait_s: float


def after_crash(before: Crashes, now: Seconds, up_s: float) -> Verdict:
    """Decide on a child that crashed at `now`.

    The wait doubles from 0.5 s as long as the child does not get steady: to 30 s for one that does
    not even get ready, to 2 s for one that does (it was killed, or a request was too much for it).
    Five crashes within a minute make it degraded: it is called so until it has served for a whole
    minute, and is tried every 30 s if it does not get ready.

    Args:
        before: what the last verdict said to remember.
        now: on the monotonic clock.
        up_s: how long it was ready; 0 when it never was.
    """
    calm = up_s >= WINDOW_S
    recent = (*(at for at in before.recent if now - at < WINDOW_S), now)
    degraded = len(recent) >= TOO_MANY or (before.degraded and not calm)
    streak = 1 if up_s >= STEADY_S else before.streak + 1
    longest = LONGEST_WAIT_SERVED_S if up_s > 0 else LONGEST_WAIT_S
    wait = min(longest, FIRST_WAIT_S * 2.0 ** min(streak - 1, 10))
    if degraded and not up_s:
        wait = LONGEST_WAIT_S
    return Verdict(crashes=Crashes(recent=recent, streak=streak, degraded=degraded), wait_s=wait)
