"""Memory of this machine, or of the container the house runs in, whichever is less."""

from pathlib import Path
from typing import Final

import msgspec

from freehold.core.units import KIB, Bytes
from freehold.runtime.machine import read

_NO_LIMIT: Final = 2**60
"""Control groups of version 1 say `no limit` by a number of this order."""


class Memory(msgspec.Struct, frozen=True, kw_only=True):
    """Memory in bytes."""

    total: Bytes
    available: Bytes
    """What new work can take without swapping: free memory and caches that can be dropped."""


def read_memory(root: Path = Path("/")) -> Memory:
    """Read memory from `/proc` and `/sys` below `root`."""
    info = read.text(root / "proc/meminfo")
    total = _kib(info, "MemTotal")
    available = min(_kib(info, "MemAvailable") or _kib(info, "MemFree"), total)
    for limit, used in _limits(root):
        if limit < _NO_LIMIT:
            total = min(total, limit) if total else limit
            available = min(available, max(0, limit - used))
    return Memory(total=Bytes(total), available=Bytes(available))


def _kib(info: str, name: str) -> int:
    amount, _, unit = read.field(info, name).partition(" ")
    return int(amount) * KIB if amount.isdecimal() and unit == "kB" else 0


def _limits(root: Path) -> list[tuple[int, int]]:
    """Limit and use of every control group around this process, in bytes.

    Source: kernel documentation, cgroup-v2 (`memory.max`, `memory.current`, `memory.stat`) and
    cgroup-v1/memory. Cached files that are not in use are given back when memory is needed.
    """
    top = root / "sys/fs/cgroup"
    found: list[tuple[int, int]] = []
    for group in _groups(root, top):
        limit = read.number(group / "memory.max")
        used = read.number(group / "memory.current")
        if limit is not None and used is not None:
            found.append((limit, used - _droppable(group, "inactive_file")))
    old = top / "memory"
    limit = read.number(old / "memory.limit_in_bytes")
    used = read.number(old / "memory.usage_in_bytes")
    if limit is not None and used is not None:
        found.append((limit, used - _droppable(old, "total_inactive_file")))
    return found


def _groups(root: Path, top: Path) -> tuple[Path, ...]:
    """The process's own control group and those around it."""
    for line in read.text(root / "proc/self/cgroup").splitlines():
        number, _, path = line.partition("::")
        if number == "0":
            own = top / path.strip().lstrip("/")
            if ".." not in own.parts:
                above = [own, *own.parents]
                return tuple(above[: above.index(top) + 1])
    return (top,)


def _droppable(group: Path, name: str) -> int:
    for line in read.text(group / "memory.stat").splitlines():
        key, _, value = line.partition(" ")
        if key == name and value.isdecimal():
            return int(value)
    return 0
