"""The processor: its name, the cores this process may use, and whether llama.cpp runs on it."""

from pathlib import Path
from typing import Final

import msgspec

from freehold.runtime.machine import read

_NEEDED: Final = ("avx2", "fma", "f16c")
"""Instructions that the pinned llama.cpp wheel needs on x86-64 (Haswell, 2013, or later)."""


class Cpu(msgspec.Struct, frozen=True, kw_only=True):
    """A processor, as far as this process may use it."""

    model: str
    cores: int
    """Physical cores, within this process's affinity and quota; at least 1."""
    lacks: tuple[str, ...] = ()
    """Instructions that language models need here and this processor does not have."""

    @property
    def threads(self) -> int:
        """Threads a model should compute with.

        One core stays free for the house. Never more than the cores: llama.cpp's threads spin
        while they wait for each other, and on busy cores that costs most of the speed.
        """
        return max(1, self.cores - 1)


def read_cpu(root: Path = Path("/")) -> Cpu:
    """Read the processor from `/proc` and `/sys` below `root`."""
    info = read.text(root / "proc/cpuinfo")
    allowed = _allowed(root)
    cores = {_core(root, cpu) for cpu in allowed}
    quota = _quota(root)
    count = max(1, min(len(cores), quota) if quota else len(cores))
    flags = frozenset(read.field(info, "flags").split())
    lacks = tuple(flag for flag in _NEEDED if flag not in flags) if flags else ()
    return Cpu(model=_model(root, info), cores=count, lacks=lacks)


def _model(root: Path, info: str) -> str:
    name = read.field(info, "model name") or read.text(root / "proc/device-tree/model")
    return " ".join(name.split()) or read.field(info, "Hardware") or "unknown processor"


def _allowed(root: Path) -> tuple[int, ...]:
    """Logical processors this process may run on."""
    said = read.field(read.text(root / "proc/self/status"), "Cpus_allowed_list")
    online = read.text(root / "sys/devices/system/cpu/online")
    running = _numbers(online)
    allowed = _numbers(said)
    both = tuple(cpu for cpu in running if cpu in frozenset(allowed)) if allowed else running
    return both or running or (0,)


def _numbers(ranges: str) -> tuple[int, ...]:
    """Read `0-3,8`."""
    found: list[int] = []
    for part in ranges.split(","):
        first, _, last = part.strip().partition("-")
        if first.isdecimal() and (not last or last.isdecimal()):
            end = min(int(last or first), int(first) + 4095)
            found.extend(range(int(first), end + 1))
    return tuple(found)


def _core(root: Path, cpu: int) -> tuple[str, str]:
    """What tells one physical core from another; each processor its own where nothing is said."""
    topology = root / f"sys/devices/system/cpu/cpu{cpu}/topology"
    core = read.text(topology / "core_id")
    package = read.text(topology / "physical_package_id")
    return (package, core) if core else ("cpu", str(cpu))


def _quota(root: Path) -> int:
    """Processors' worth of time a container may use, rounded up; 0 without a limit.

    Source: kernel documentation, cgroup-v2, `cpu.max`: `$MAX $PERIOD` or `max $PERIOD`.
    """
    most, _, period = read.text(root / "sys/fs/cgroup/cpu.max").partition(" ")
    if not most.isdecimal() or not period.isdecimal() or not int(period):
        return 0
    return max(1, -(-int(most) // int(period)))
