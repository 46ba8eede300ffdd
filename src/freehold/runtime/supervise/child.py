"""What a child process is asked to be, and what it is now."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Literal

import msgspec

State = Literal["starting", "ready", "backoff", "degraded", "stopped"]


class Child:
    """A supervised process, as its owner sees it; the pid changes when it is restarted."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.pid = 0
        """Process id, 0 while none runs."""
        self.state: State = "starting"
        self.restarts = 0
        """How often it was started again after a crash."""
        self.first_line = ""
        """First line of standard output, when the spec asked to capture it."""


class ChildState(msgspec.Struct, frozen=True, kw_only=True):
    """One line of `freehold status`."""

    name: str
    pid: int
    state: State
    restarts: int


class ChildSpec(msgspec.Struct, frozen=True, kw_only=True):
    """How to run one child."""

    name: str
    """Unique within the supervisor."""
    argv: tuple[str, ...]
    log: Path
    """Standard output and error are appended here; kept to two files of 5 MB."""
    ready: Callable[[Child], Awaitable[None]] | None = None
    """Returns when the child can serve; may raise any `FreeholdError` to say it never will."""
    ready_timeout_s: float = 15.0
    grace_s: float = 5.0
    """How long it may take to end after it was asked to, before it is killed."""
    keep_stdin: bool = True
    """Hold a pipe to its standard input, whose end tells the child that we are gone."""
    capture_line: bool = False
    """Hand its first line of standard output to `ready` as `child.first_line` (not logged)."""
    restart: bool = True
    cwd: Path | None = None
    environment: Mapping[str, str] = {}
    """All it gets beside the supervisor's own few variables (PATH, LANG, HOME)."""
    on_restart: Callable[[Child], Awaitable[None]] | None = None
    """Runs after each restart, once the child is ready again."""
    leash: bool = True
    """Start it through the leash; off only for Python children that call `leash.tie()`."""
