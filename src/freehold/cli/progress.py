"""Progress on standard error: one line that changes on a terminal, a line every 5 s elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TextIO

from freehold.core.units import Seconds

if TYPE_CHECKING:
    from freehold.core.clock import Clock

_EVERY: Final = Seconds(5.0)
_EVERY_ON_A_TERMINAL: Final = Seconds(0.1)
_BAR: Final = 12
_WIDEST: Final = 100


class Progress:
    """Says how far something is, not more often than a reader can use."""

    def __init__(self, label: str, out: TextIO, clock: Clock, columns: int | None = None) -> None:
        self._label = label
        self._out = out
        self._clock = clock
        self._terminal = out.isatty()
        self._columns = columns or _WIDEST
        self._last: Seconds | None = None

    def show(self, text: str) -> None:
        """Say `text` after the label, unless something was said a moment ago."""
        now = self._clock.now()
        every = _EVERY_ON_A_TERMINAL if self._terminal else _EVERY
        if self._last is not None and now - self._last < every:
            return
        self._last = now
        line = f"{self._label}  {text}".rstrip()
        if self._terminal:
            self._out.write(f"\r\x1b[K{line[: self._columns - 1]}")
        else:
            self._out.write(f"{line}\n")
        self._out.flush()

    def part(self, done: int, total: int, text: str) -> None:
        """Say how much of a known whole is done."""
        if not total:
            self.show(text)
            return
        filled = min(_BAR, _BAR * done // total)
        bar = f"▕{'█' * filled}{'░' * (_BAR - filled)}▏ " if self._terminal else ""
        self.show(f"{bar}{text}")

    def close(self) -> None:
        """Leave an empty line for what comes next."""
        if self._terminal and self._last is not None:
            self._out.write("\r\x1b[K")
            self._out.flush()
            self._last = None
