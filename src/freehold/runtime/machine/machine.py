"""Everything about this machine that a person or a decision needs to know, in one look."""

from pathlib import Path

import msgspec

from freehold.runtime.machine.cpu import Cpu, read_cpu
from freehold.runtime.machine.disk import Disk, read_disk
from freehold.runtime.machine.gpus import Gpu, read_gpus
from freehold.runtime.machine.memory import Memory, read_memory


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """A machine."""

    cpu: Cpu
    memory: Memory
    gpus: tuple[Gpu, ...]
    disk: Disk
    """The one the house keeps its state on."""


def read_machine(home: Path, root: Path = Path("/")) -> Machine:
    """Look at the machine; a few milliseconds, no process started, nothing raised.

    Args:
        home: folder of the house, for its disk.
        root: where `proc` and `sys` are; tests bring trees of machines they are not.
    """
    return Machine(
        cpu=read_cpu(root),
        memory=read_memory(root),
        gpus=read_gpus(root),
        disk=read_disk(home, root),
    )
