"""Start a house that goes on when the terminal is gone, and wait until it serves.

The house runs in a session of its own, with its log as standard error. It says that it is ready,
or why it will never be, through a pipe; a pipe that closes without a word means that it died.
"""

import os
import select
import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

import msgspec

from freehold.cli.terminal import Terminal
from freehold.core.errors import ChildFailed, ErrorCard, FreeholdError, StillPending, StoreFailed
from freehold.core.units import Seconds
from freehold.spec.home import Home
from freehold.spec.up import Ready

PATIENCE: Final = Seconds(120.0)
_TICK_S: Final = 0.5
_QUIET_S: Final = 2.0
_LAST_LINES: Final = 12
_INTERRUPT_GRACE_S: Final = 10.0


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """What a starting house says through the pipe, once."""

    ready: Ready | None = None
    error: ErrorCard | None = None
    findings: tuple[ErrorCard, ...] = ()
    exit_code: int = 0


class Reported(FreeholdError):
    """The house could not start, and said why itself."""

    def __init__(self, word: Word) -> None:
        card = word.error or ErrorCard(code=FreeholdError.code, title="the house did not start")
        super().__init__(card.title, where=card.where, fix=card.fix)
        self._card = card
        self.exit_code = word.exit_code  # type: ignore[misc]

    def card(self) -> ErrorCard:
        """The error as the house itself made it."""
        return self._card


def send(word: Word, pipe: int) -> None:
    """Say the one word and close the pipe. Nobody listening is no matter: the house runs on."""
    try:
        os.write(pipe, msgspec.json.encode(word))
    except BrokenPipeError:
        pass
    finally:
        os.close(pipe)


def start_detached(terminal: Terminal, words: list[str]) -> Ready:
    """Start `freehold WORDS --report-to PIPE` in a session of its own; return when it serves.

    Raises:
        FreeholdError: the error of the house, with its own code and exit code.
        ChildFailed: it died without a word.
        StillPending: it is not ready after `PATIENCE`; it goes on starting.
    """
    home = terminal.home
    listen, speak = os.pipe()
    log = _open_log(home)
    seen = log.stat().st_size
    command = [sys.executable, "-I", "-X", "utf8", "-m", "freehold"]
    with log.open("ab") as out:
        child = subprocess.Popen(
            [*command, *words, "--report-to", str(speak)],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            pass_fds=(speak,),
            start_new_session=True,
            cwd=home.root,
        )
    os.close(speak)
    try:
        said = _wait(terminal, listen, child)
    except KeyboardInterrupt:
        _stop(child)
        raise
    finally:
        os.close(listen)
    if not said:
        raise _died(child, log, seen)
    word = msgspec.json.decode(said, type=Word)
    if word.ready is None:
        raise Reported(word)
    return word.ready


def _wait(terminal: Terminal, listen: int, child: subprocess.Popen[bytes]) -> bytes:
    """What comes through the pipe until it closes."""
    progress = terminal.progress("starting")
    start = terminal.clock.now()
    said = b""
    try:
        while True:
            waited = terminal.clock.now() - start
            if waited > PATIENCE:
                fix = terminal.command("logs") + " shows what it is doing"
                message = f"the house is not ready after {PATIENCE:.0f} s; it goes on starting"
                raise StillPending(message, where=f"pid {child.pid}", fix=fix)
            if not select.select([listen], [], [], _TICK_S)[0]:
                if waited > _QUIET_S:
                    progress.show(f"{waited:.0f} s")
                continue
            piece = os.read(listen, 1 << 16)
            if not piece:
                return said
            said += piece
    finally:
        progress.close()


def _died(child: subprocess.Popen[bytes], log: Path, seen: int) -> ChildFailed:
    """The error for a house that ended without a word, with the last it wrote."""
    code = child.wait()
    with log.open("rb") as file:
        file.seek(seen if log.stat().st_size >= seen else 0)
        lines = file.read().decode("utf-8", "replace").splitlines()[-_LAST_LINES:]
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    message = "\n".join([f"the house ended before it was ready ({how})", *lines])
    return ChildFailed(message, where=str(log), fix="see the log for what came before")


def _stop(child: subprocess.Popen[bytes]) -> None:
    """Take a house back that was interrupted while it started."""
    child.send_signal(signal.SIGTERM)
    try:
        child.wait(_INTERRUPT_GRACE_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def _open_log(home: Home) -> Path:
    """The log file, there and closed to others."""
    try:
        os.close(os.open(home.house_log, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600))
    except OSError as error:
        message = f"the log cannot be written: {error.strerror}"
        raise StoreFailed(message, where=str(home.house_log)) from error
    return home.house_log
