"""Machines that we do not have are read from trees of what their kernels say."""

from pathlib import Path

import pytest

from freehold.runtime.machine.cpu import read_cpu
from freehold.runtime.machine.disk import disk_kind, read_disk
from freehold.runtime.machine.gpus import read_gpus
from freehold.runtime.machine.machine import read_machine
from freehold.runtime.machine.memory import read_memory

GIB = 2**30


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n")
    return root


def cores(count: int, siblings: int = 2) -> dict[str, str]:
    """Topology of a processor of `count` cores with `siblings` threads each."""
    files = {"sys/devices/system/cpu/online": f"0-{count * siblings - 1}"}
    for cpu in range(count * siblings):
        topology = f"sys/devices/system/cpu/cpu{cpu}/topology"
        files[f"{topology}/core_id"] = str(cpu % count)
        files[f"{topology}/physical_package_id"] = "0"
    return files


INTEL = (
    "processor\t: 0\nmodel name\t: Intel(R) Core(TM)  i7-8700 CPU @ 3.20GHz\n"
    "flags\t\t: fpu sse4_2 avx avx2 fma f16c\n"
)
CELERON = "processor\t: 0\nmodel name\t: Intel(R) Celeron(R) J4125\nflags\t\t: fpu sse4_2\n"


def test_threads_of_one_core_count_once_and_one_core_stays_free(tmp_path: Path) -> None:
    cpu = read_cpu(tree(tmp_path, {"proc/cpuinfo": INTEL, **cores(6)}))
    assert cpu.model == "Intel(R) Core(TM) i7-8700 CPU @ 3.20GHz"
    assert (cpu.cores, cpu.threads, cpu.lacks) == (6, 5, ())


def test_affinity_and_quota_limit_the_cores(tmp_path: Path) -> None:
    files = {"proc/cpuinfo": INTEL, **cores(8)}
    pinned = {"proc/self/status": "Name:\tx\nCpus_allowed_list:\t0-1,8"}
    assert read_cpu(tree(tmp_path / "a", {**files, **pinned})).cores == 2
    assert (
        read_cpu(tree(tmp_path / "b", {**files, "sys/fs/cgroup/cpu.max": "250000 100000"})).cores
        == 3
    )
    assert (
        read_cpu(tree(tmp_path / "c", {**files, "sys/fs/cgroup/cpu.max": "max 100000"})).cores == 8
    )


def test_a_processor_without_the_needed_instructions_says_which(tmp_path: Path) -> None:
    cpu = read_cpu(tree(tmp_path, {"proc/cpuinfo": CELERON, **cores(1, 1)}))
    assert cpu.lacks == ("avx2", "fma", "f16c")
    assert cpu.threads == 1


def test_an_arm_board_is_named_by_its_device_tree(tmp_path: Path) -> None:
    files = {
        "proc/cpuinfo": "processor\t: 0\nFeatures\t: fp asimd",
        "proc/device-tree/model": "Raspberry Pi 5 Model B Rev 1.0\0",
    }
    cpu = read_cpu(tree(tmp_path, files))
    assert (cpu.model, cpu.lacks, cpu.cores) == ("Raspberry Pi 5 Model B Rev 1.0", (), 1)


MEMINFO = "MemTotal:       16384000 kB\nMemFree:  1000 kB\nMemAvailable:    8192000 kB"


def test_memory_is_what_the_kernel_says_is_available(tmp_path: Path) -> None:
    memory = read_memory(tree(tmp_path, {"proc/meminfo": MEMINFO}))
    assert (memory.total, memory.available) == (16384000 * 1024, 8192000 * 1024)


def test_a_container_has_its_own_limit_or_that_of_a_group_around_it(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": MEMINFO,
        "proc/self/cgroup": "0::/house/child",
        "sys/fs/cgroup/house/child/memory.max": "max",
        "sys/fs/cgroup/house/child/memory.current": "5",
        "sys/fs/cgroup/house/memory.max": str(4 * GIB),
        "sys/fs/cgroup/house/memory.current": str(3 * GIB),
        "sys/fs/cgroup/house/memory.stat": f"anon 7\ninactive_file {GIB}",
    }
    memory = read_memory(tree(tmp_path, files))
    assert (memory.total, memory.available) == (4 * GIB, 2 * GIB)


def test_the_older_control_groups_are_read_too(tmp_path: Path) -> None:
    files = {
        "proc/meminfo": MEMINFO,
        "sys/fs/cgroup/memory/memory.limit_in_bytes": str(2 * GIB),
        "sys/fs/cgroup/memory/memory.usage_in_bytes": str(GIB),
    }
    assert read_memory(tree(tmp_path / "a", files)).available == GIB
    files["sys/fs/cgroup/memory/memory.limit_in_bytes"] = "9223372036854771712"
    assert read_memory(tree(tmp_path / "b", files)).available == 8192000 * 1024


def pci(address: str, vendor: str, device: str, kind: str, **more: str) -> dict[str, str]:
    folder = f"sys/bus/pci/devices/{address}"
    said = {"vendor": vendor, "device": device, "class": kind, **more}
    return {f"{folder}/{name}": text for name, text in said.items()}


def test_cards_are_named_by_their_drivers(tmp_path: Path) -> None:
    files = {
        **pci("0000:00:02.0", "0x8086", "0x3e98", "0x030000"),
        **pci("0000:01:00.0", "0x10de", "0x2684", "0x030000", uevent="DRIVER=nvidia\nPCI_ID=x"),
        **pci("0000:01:00.1", "0x10de", "0x22ba", "0x040300"),
        **pci(
            "0000:03:00.0",
            "0x1002",
            "0x744c",
            "0x030000",
            uevent="DRIVER=amdgpu",
            mem_info_vram_total=str(24 * GIB),
            product_name="Radeon RX 7900 XTX",
        ),
        "proc/driver/nvidia/gpus/0000:01:00.0/information": (
            "Model: \t\t NVIDIA GeForce RTX 4090\nIRQ:   \t\t 133\nBus Location: \t 0000:01:00.0"
        ),
    }
    nvidia, amd = read_gpus(tree(tmp_path, files))
    assert (nvidia.name, nvidia.driver) == ("NVIDIA GeForce RTX 4090", "nvidia")
    assert (nvidia.bus, nvidia.memory_bytes) == ("0000:01:00.0", 0)
    assert (amd.name, amd.memory_bytes) == ("Radeon RX 7900 XTX", 24 * GIB)


def test_a_card_without_a_driver_is_shown_by_its_id(tmp_path: Path) -> None:
    (card,) = read_gpus(tree(tmp_path, pci("0000:0a:00.0", "0x10de", "0x2321", "0x030200")))
    assert (card.name, card.driver) == ("NVIDIA card 10de:2321", "")


def mounts(*lines: str) -> dict[str, str]:
    return {"proc/self/mountinfo": "\n".join(lines)}


def block(root: Path, device: str, path: str, turning: str | None, partition: str = "") -> None:
    """A disk below /sys, and the link the kernel keeps to it, or to its partition."""
    folder = root / "sys/devices" / path
    (folder / partition).mkdir(parents=True)
    if turning is not None:
        (folder / "queue").mkdir()
        (folder / "queue/rotational").write_text(turning)
    link = root / "sys/dev/block" / device
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(folder / partition)
    named = root / "sys/class/block" / (partition or folder.name)
    named.parent.mkdir(parents=True, exist_ok=True)
    named.symlink_to(folder / partition)


def test_a_partition_is_as_its_disk(tmp_path: Path) -> None:
    tree(
        tmp_path,
        mounts(
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw", "30 22 259:2 / /srv rw - xfs /dev/nvme0n1p2 rw"
        ),
    )
    block(tmp_path, "8:1", "ata1/block/sda", "1", "sda1")
    block(tmp_path, "259:2", "pci0/nvme0n1", "0", "nvme0n1p2")
    assert disk_kind(Path("/home/ada"), tmp_path) == "hdd"
    assert disk_kind(Path("/srv/freehold"), tmp_path) == "ssd"
    assert disk_kind(Path("/srvother"), tmp_path) == "hdd"


def test_a_disk_on_the_network_is_told_by_its_filesystem(tmp_path: Path) -> None:
    tree(
        tmp_path,
        mounts(
            "22 1 8:1 / / rw - ext4 /dev/sda1 rw",
            r"40 22 0:50 / /mnt/the\040nas rw shared:1 - nfs4 nas:/volume rw",
        ),
    )
    assert disk_kind(Path("/mnt/the nas/freehold"), tmp_path) == "network"


def test_btrfs_is_found_by_its_device(tmp_path: Path) -> None:
    tree(tmp_path, mounts("22 1 0:33 /@ / rw - btrfs /dev/nvme0n1p2 rw"))
    block(tmp_path, "259:2", "pci0/nvme0n1", "0", "nvme0n1p2")
    assert disk_kind(Path("/home"), tmp_path) == "ssd"


@pytest.mark.parametrize("path", ["virtio/block/vda", "virtio/block/xvda"])
def test_a_virtual_disk_is_not_believed(tmp_path: Path, path: str) -> None:
    tree(tmp_path, mounts("22 1 254:1 / / rw - ext4 /dev/vda1 rw"))
    block(tmp_path, "254:1", path, "1", path[-3:] + "1")
    assert disk_kind(Path("/"), tmp_path) == "unknown"


def test_free_space_is_that_of_the_nearest_folder_that_exists(tmp_path: Path) -> None:
    assert read_disk(tmp_path / "not/yet/there").free_bytes > 0


def test_an_empty_tree_and_a_broken_one_raise_nothing(tmp_path: Path) -> None:
    machine = read_machine(tmp_path, root=tmp_path)
    assert (machine.cpu.model, machine.cpu.cores) == ("unknown processor", 1)
    assert (machine.memory.total, machine.gpus, machine.disk.kind) == (0, (), "unknown")
    tree(
        tmp_path,
        {
            "proc/cpuinfo": "model name",
            "proc/meminfo": "MemTotal: lots kB",
            "proc/self/mountinfo": "1 2 3 - ext4\nx",
            "proc/self/status": "Cpus_allowed_list:\t9-1,a-b",
            "proc/self/cgroup": "0::/../../etc",
            "sys/fs/cgroup/cpu.max": "0 0",
            "sys/bus/pci/devices/0000:01:00.0/vendor": "nonsense",
        },
    )
    assert read_machine(tmp_path, root=tmp_path).cpu.cores >= 1


def test_this_machine_can_be_read(tmp_path: Path) -> None:
    machine = read_machine(tmp_path)
    assert machine.cpu.cores >= 1
    assert 0 < machine.memory.available <= machine.memory.total
