"""Graphics cards that could compute, from `/proc` and `/sys` alone: no tool, no driver library.

Source: kernel documentation, `Documentation/gpu/amdgpu/driver-misc` (`mem_info_vram_total`), and
the NVIDIA driver's README, chapter "The /proc file system interface".
"""

from pathlib import Path
from typing import Final

import msgspec

from freehold.core.units import Bytes
from freehold.runtime.machine import read

_NVIDIA, _AMD = 0x10DE, 0x1002
_MAKERS: Final = {_NVIDIA: "NVIDIA", _AMD: "AMD"}
_DISPLAY: Final = 0x03
"""PCI class of display controllers: VGA, 3D and others. Source: PCI Code and ID Assignment."""


class Gpu(msgspec.Struct, frozen=True, kw_only=True):
    """A graphics card."""

    name: str
    """As its driver calls it; maker and PCI id when no driver does."""
    memory_bytes: Bytes
    """0 where the kernel does not say: NVIDIA tells it through its own library only."""
    bus: str
    """PCI address, for example `0000:01:00.0`."""
    driver: str
    """Kernel driver in charge; empty when there is none."""


def read_gpus(root: Path = Path("/")) -> tuple[Gpu, ...]:
    """Cards of NVIDIA and AMD below `root`, in the order of their PCI address."""
    found: list[Gpu] = []
    for device in read.children(root / "sys/bus/pci/devices"):
        maker = read.number(device / "vendor")
        kind = read.number(device / "class")
        if maker in _MAKERS and kind is not None and kind >> 16 == _DISPLAY:
            found.append(_gpu(root, device, maker or 0))
    return tuple(found)


def _gpu(root: Path, device: Path, maker: int) -> Gpu:
    model = read.number(device / "device") or 0
    unnamed = f"{_MAKERS[maker]} card {maker:04x}:{model:04x}"
    if maker == _NVIDIA:
        said = read.text(root / "proc/driver/nvidia/gpus" / device.name / "information")
        name, memory = read.field(said, "Model"), 0
    else:
        name = read.text(device / "product_name")
        memory = read.number(device / "mem_info_vram_total") or 0
    return Gpu(
        name=" ".join(name.split()) or unnamed,
        memory_bytes=Bytes(memory),
        bus=device.name,
        driver=_driver(device),
    )


def _driver(device: Path) -> str:
    said = read.text(device / "uevent")
    for line in said.splitlines():
        key, _, value = line.partition("=")
        if key == "DRIVER":
            return value
    return ""
