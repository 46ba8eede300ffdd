"""One event per line, as JSON, secrets redacted; the only place that knows how a log is written.

`log.info("model loaded", model=name, took_s=0.8)`: the event is a fixed phrase in the past tense,
everything that varies is a field. Prompt text and keys never belong in a field; `redact` is the
net under that rule, not the rule.
"""

import re
import sys
from typing import Final, Literal, TextIO

import msgspec

from freehold.core.clock import Clock, SystemClock

Level = Literal["debug", "info", "warning", "error"]

_SECRET: Final = re.compile(
    r"fh-[A-Za-z0-9_-]{16,}|Bearer\s+[^\s\"']{8,}|(?i:(?:passphrase|password|token|secret)=)[^\s&\"']+"
)


def redact(text: str) -> str:
    """The text with anything shaped like a Freehold key, token or bearer header blanked."""
    return _SECRET.sub("[redacted]", text)


class Log:
    """A logger bound to a part of the house."""

    def __init__(self, part: str, out: TextIO | None = None, clock: Clock | None = None) -> None:
        self._part = part
        self._out = out
        self._clock = clock or SystemClock()

    def named(self, part: str) -> "Log":
        """The same log, speaking for another part."""
        return Log(part, self._out, self._clock)

    def info(self, event: str, **fields: object) -> None:
        """Something happened that an owner may want to know."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Something went wrong that the house mended or works around."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Something went wrong that a person must mend."""
        self._write("error", event, fields)

    def _write(self, level: Level, event: str, fields: dict[str, object]) -> None:
        line = {
            "t": round(self._clock.wall(), 3),
            "level": level,
            "part": self._part,
            "event": event,
        }
        text = msgspec.json.encode({**line, **fields}, enc_hook=str).decode()
        out = self._out or sys.stderr
        out.write(redact(text) + "\n")
        out.flush()
