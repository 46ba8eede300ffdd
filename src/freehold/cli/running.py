"""Which house runs at a home, found without asking it."""

import msgspec

from freehold.cli.terminal import Terminal
from freehold.core.errors import HouseNotRunning, StillPending
from freehold.spec.lock import holder
from freehold.spec.up import Running


def find_running(terminal: Terminal) -> Running:
    """The house that runs at this home.

    Raises:
        HouseNotRunning: none does.
        StillPending: one is just starting.
    """
    home = terminal.home
    pid = holder(home)
    if pid is None:
        fix = terminal.command("up --detach")
        raise HouseNotRunning("no house is running here", where=str(home.root), fix=fix)
    try:
        running = msgspec.json.decode(home.running.read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        running = None
    if running is None or (pid and running.pid != pid):
        fix = f"try again in a moment, or see {terminal.command('logs')}"
        raise StillPending("the house is still starting", where=str(home.root), fix=fix)
    return running
