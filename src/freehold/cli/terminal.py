"""Where a command speaks: answers on standard output, everything else on standard error."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from freehold.cli.envelope import Envelope
from freehold.cli.progress import Progress
from freehold.core.errors import ErrorCard, FreeholdError
from freehold.spec.environment import Environment, read_environment
from freehold.spec.home import Home

if TYPE_CHECKING:
    from freehold.core.clock import Clock

_RED: Final = "\x1b[31;1m"
_PLAIN: Final = "\x1b[0m"


class Terminal:
    """What every command is handed: what was asked of all commands, and how to answer."""

    def __init__(self, *, as_json: bool = False) -> None:
        self.as_json = as_json
        """`--json`: answer with an envelope."""
        self.asked_home: Path | None = None
        """`--home`, if it was said."""
        self.schema = "freehold/freehold@1"
        """Name of the answer, from the command that runs."""
        self._warnings: list[str] = []

    @functools.cached_property
    def clock(self) -> Clock:
        """The clock of the machine, which brings asyncio: `--help` does not wait for it."""
        from freehold.core.clock import SystemClock  # noqa: PLC0415

        return SystemClock()

    @functools.cached_property
    def environment(self) -> Environment:
        """The environment, read once, with `--home` already in it."""
        return read_environment(home=self.asked_home)

    @property
    def home(self) -> Home:
        """The home that this command is about."""
        return self.environment.home

    @property
    def watched(self) -> bool:
        """Whether a person sees the answer as it comes."""
        return not self.as_json and sys.stdout.isatty()

    def command(self, words: str) -> str:
        """How to type another command for this same home, for a fix."""
        asked = f"--home {self.asked_home} " if self.asked_home else ""
        return f"freehold {asked}{words}"

    def answer(self, data: msgspec.Struct, text: str) -> None:
        """Answer: `data` in an envelope with `--json`, else `text`."""
        if self.as_json:
            envelope = Envelope(
                schema=self.schema, ok=True, data=data, warnings=tuple(self._warnings)
            )
            self._print_envelope(envelope)
        elif text:
            sys.stdout.write(f"{text}\n")
            sys.stdout.flush()

    def stream(self, text: str) -> None:
        """Write a piece of an answer that is still coming."""
        sys.stdout.write(text)
        sys.stdout.flush()

    def note(self, text: str) -> None:
        """Say something beside the answer."""
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    def warn(self, text: str) -> None:
        """Say something that may matter; `--json` carries it in `warnings`."""
        self._warnings.append(text)
        if not self.as_json:
            self.note(f"warning  {text}")

    def progress(self, label: str) -> Progress:
        """Show how far long work is."""
        return Progress(label, sys.stderr, self.clock, self.environment.terminal_columns)

    def fail(self, error: FreeholdError) -> int:
        """Say what went wrong; returns the exit code."""
        found = getattr(error, "findings", ())
        if self.as_json:
            data = {"findings": found} if found else None
            envelope = Envelope(
                schema=self.schema,
                ok=False,
                data=data,
                error=error.card(),
                warnings=tuple(self._warnings),
            )
            self._print_envelope(envelope)
            return error.exit_code
        for finding in found:
            card = ErrorCard(
                code=finding.code, title=finding.message, where=finding.where, fix=finding.fix
            )
            self._print_card(card)
        if not found:
            self._print_card(error.card())
        return error.exit_code

    def _print_card(self, card: ErrorCard) -> None:
        colour = sys.stderr.isatty() and self.environment.colour
        word = f"{_RED}error{_PLAIN}" if colour else "error"
        lines = [f"{word} {card.code}  {card.where}".rstrip()]
        lines += [f"  {line}" for line in card.title.splitlines()]
        lines += [f"  fix   {card.fix}"] if card.fix else []
        self.note("\n".join(lines))

    def _print_envelope(self, envelope: Envelope) -> None:
        sys.stdout.buffer.write(msgspec.json.encode(envelope) + b"\n")
        sys.stdout.flush()
