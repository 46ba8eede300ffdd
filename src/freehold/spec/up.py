"""What `freehold up` asks of the house and what it answers: their agreement."""

from pathlib import Path

import msgspec

from freehold.core.units import Seconds
from freehold.spec.environment import Environment
from freehold.spec.home import Home
from freehold.spec.model.spec import Spec


class UpOptions(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that decides how a house starts; flags have already won over the spec."""

    home: Home
    environment: Environment
    spec: Spec
    bind: str
    """Address to listen on; loopback."""
    port: int
    """0 lets the system choose; `Ready.url` says what it chose."""
    lean: bool = False
    """Search by words only: no embedding model is fetched or started."""
    demo: bool = False
    """Offer the tiny model that comes with the source, labelled as such."""
    headless: bool = False
    """No set-up page: the first admin is made at once and its key goes to `admin_token_file`."""
    admin_token_file: Path | None = None
    """Where a headless house leaves its admin key; see `freehold.spec.token_file`."""
    detached: bool = False
    """Nobody watches the terminal: standard error is the house's log file."""


class Ready(msgspec.Struct, frozen=True, kw_only=True):
    """A house that serves: the page answers and work is taken."""

    url: str
    """Without a trailing slash, for example `http://127.0.0.1:4747`."""
    pid: int
    ready_s: Seconds
    """From the start of `run` to now."""
    setup_token: str | None = None
    """One-time token for the set-up page; `None` once the house has an owner."""


class Running(msgspec.Struct, frozen=True, kw_only=True):
    """Content of `run/house.json`, written when a house is ready and removed when it stops."""

    pid: int
    url: str
    port: int
    started_at: Seconds
    """Seconds since 1970."""
