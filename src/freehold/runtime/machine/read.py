"""Small reads of what the kernel says; a file that is not there says nothing."""

from pathlib import Path
from typing import Final

_MOST: Final = 4 * 2**20
"""The largest of these files, cpuinfo of a very large machine, is far below this."""


def text(path: Path) -> str:
    """What the file says, without spaces around it; empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(_MOST).decode("utf-8", "replace").strip("\0 \n\t")
    except OSError:
        return ""


def number(path: Path) -> int | None:
    """The whole number in the file, decimal or `0x…`; None when there is none."""
    said = text(path)
    try:
        return int(said, 0)
    except ValueError:
        return None


def children(folder: Path) -> tuple[Path, ...]:
    """What is in a folder, sorted by name; nothing when it cannot be read."""
    try:
        return tuple(sorted(folder.iterdir()))
    except OSError:
        return ()


def field(lines: str, name: str) -> str:
    """The value of the first `name : value` line; empty when there is none."""
    for line in lines.splitlines():
        key, colon, value = line.partition(":")
        if colon and key.strip() == name:
            return value.strip()
    return ""
