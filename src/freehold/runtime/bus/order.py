"""Puts the events of a turn in order: each once, none missing, whatever order they come in.

Pure. After the server was killed a turn's events are published a second time, mixed with new ones;
that is when events come twice or too early.
"""

from collections.abc import Iterable

from freehold.runtime.bus.events import TurnEvent


class Order:
    """What one reader of a turn has been given, and what is held back until its turn comes."""

    def __init__(self, after: int) -> None:
        self._last = after
        self._early: dict[int, TurnEvent] = {}

    @property
    def last(self) -> int:
        """Number of the last event given out."""
        return self._last

    @property
    def waits(self) -> bool:
        """Whether an event is held back because one before it is missing."""
        return bool(self._early)

    def take(self, events: Iterable[TurnEvent]) -> list[TurnEvent]:
        """Take what came in; return what can be given out now."""
        for event in events:
            if event.n > self._last:
                self._early[event.n] = event
        ready: list[TurnEvent] = []
        while (event_or_none := self._early.pop(self._last + 1, None)) is not None:
            self._last += 1
            ready.append(event_or_none)
        return ready
