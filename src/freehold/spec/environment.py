"""What the process was started with: the only place that reads environment variables."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from freehold.spec.home import Home

_FOR_CHILDREN: Final = ("PATH", "LANG", "LC_ALL", "HOME", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
_CACHES: Final = (
    "OLLAMA_MODELS", "HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "LLAMA_CACHE",
    "JAN_DATA_FOLDER", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME",
)  # fmt: skip


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The variables that Freehold listens to, read once."""

    home: Home
    """`FREEHOLD_HOME`, else `freehold` in `XDG_DATA_HOME`, else in `~/.local/share`."""
    user_home: Path
    """`HOME`: where other programs keep what they know."""
    hub_token: str = ""
    """`HF_TOKEN`: sent to the model hub and to nobody else."""
    colour: bool = True
    """False when `NO_COLOR` is set to anything or `TERM` is `dumb`."""
    terminal_columns: int | None = None
    """`COLUMNS`, when it is a number."""
    display: bool = False
    """Whether a browser could be opened (`DISPLAY` or `WAYLAND_DISPLAY`)."""
    caches: Mapping[str, str]
    """Where Ollama, LM Studio, Jan and the hub's own tools keep weights, as far as said."""
    children: Mapping[str, str]
    """All that a child process is told of the environment, unless its spec adds to it."""


def read_environment(
    variables: Mapping[str, str] | None = None, home: Path | None = None
) -> Environment:
    """Read the environment.

    Args:
        variables: instead of those of this process (tests).
        home: the `--home` of the command line, which wins over every variable.
    """
    found = os.environ if variables is None else variables
    user_home = Path(found.get("HOME") or _password_home())
    columns = found.get("COLUMNS", "")
    return Environment(
        home=Home(_house(found, user_home, home)),
        user_home=user_home,
        hub_token=found.get("HF_TOKEN", ""),
        colour=not found.get("NO_COLOR") and found.get("TERM") != "dumb",
        terminal_columns=int(columns) if columns.isdecimal() else None,
        display=bool(found.get("DISPLAY") or found.get("WAYLAND_DISPLAY")),
        caches={name: found[name] for name in _CACHES if found.get(name)},
        children={name: found[name] for name in _FOR_CHILDREN if name in found},
    )


def _house(found: Mapping[str, str], user_home: Path, asked: Path | None) -> Path:
    """The root of the house, absolute and with links followed: one folder, one lock."""
    if asked is None and found.get("FREEHOLD_HOME"):
        asked = Path(found["FREEHOLD_HOME"])
    if asked is not None:
        text = str(asked)
        return (user_home / text[2:] if text.startswith("~/") else asked).resolve()
    data = found.get("XDG_DATA_HOME", "")
    # Source: XDG Base Directory Specification: a path that is not absolute is to be ignored.
    folder = Path(data) if data.startswith("/") else user_home / ".local" / "share"
    return folder / "freehold"


def _password_home() -> str:
    """The home folder by the user database, for a process started without `HOME`."""
    return str(Path("~").expanduser())
