"""Stop the house."""

import contextlib
import os
import select
import signal
from typing import Final

import click
import msgspec

from freehold.cli.commands.contract import Command
from freehold.cli.terminal import Terminal
from freehold.core.errors import NotAllowed, StillPending
from freehold.spec.lock import holder

_TICK_MS: Final = 200
_QUIET_S: Final = 2.0


class Down(msgspec.Struct, frozen=True, kw_only=True):
    """What was stopped."""

    stopped: bool
    """False when no house was running."""
    pid: int | None


@click.command()
@click.option("--timeout", default=30.0, show_default=True, help="Seconds to wait for its end.")
@click.pass_obj
def down(terminal: Terminal, timeout: float) -> None:
    """Stop the house in order, and wait until it is gone."""
    pid = holder(terminal.home)
    if pid is None:
        terminal.answer(Down(stopped=False, pid=None), "no house is running here")
        return
    if pid == 0:
        fix = "try again in a moment"
        raise StillPending("a house is just starting", where=str(terminal.home.root), fix=fix)
    _stop(terminal, pid, timeout)
    terminal.answer(Down(stopped=True, pid=pid), f"stopped (pid {pid})")


def _stop(terminal: Terminal, pid: int, timeout: float) -> None:
    """Ask the process to end, and wait; a number that meanwhile means another is left alone."""
    with contextlib.suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if holder(terminal.home) == pid:
                signal.pidfd_send_signal(handle, signal.SIGTERM)
                _wait(terminal, handle, pid, timeout)
        except PermissionError as error:
            message = f"the house belongs to another user (pid {pid})"
            raise NotAllowed(message, where=str(terminal.home.root)) from error
        finally:
            os.close(handle)


def _wait(terminal: Terminal, handle: int, pid: int, timeout: float) -> None:
    """Wait until the process is gone."""
    progress = terminal.progress("stopping")
    start = terminal.clock.now()
    gone = select.poll()
    gone.register(handle, select.POLLIN)
    try:
        while not gone.poll(_TICK_MS):
            waited = terminal.clock.now() - start
            if waited > timeout:
                message = f"the house is still stopping after {timeout:.0f} s"
                fix = f"wait, or end it at once: kill -9 {pid} (what was acknowledged is safe)"
                raise StillPending(message, where=f"pid {pid}", fix=fix)
            if waited > _QUIET_S:
                progress.show(f"{waited:.0f} s")
    finally:
        progress.close()


COMMAND: Final = Command(summary="Stop the house.", group="Start", command=down)
