"""The disk a folder is on: solid, turning or elsewhere on the network; and its free space."""

import os
from pathlib import Path
from typing import Final, Literal

import msgspec

from freehold.core.units import Bytes
from freehold.runtime.machine import read

DiskKind = Literal["ssd", "hdd", "network", "unknown"]

_REMOTE: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "ncpfs", "afs", "ceph", "glusterfs", "lustre",
    "beegfs", "9p", "ocfs2", "gfs2", "fuse.sshfs", "fuse.s3fs", "fuse.rclone", "fuse.glusterfs",
    "fuse.ceph-fuse", "fuse.juicefs", "davfs", "fuse.davfs2",
})  # fmt: skip
_VIRTUAL: Final = ("vd", "xvd")
"""Disks of virtual machines: they call themselves turning, whatever lies beneath."""
_MOUNT_FIELDS: Final = 5


class Disk(msgspec.Struct, frozen=True, kw_only=True):
    """Where a folder lies."""

    kind: DiskKind
    free_bytes: Bytes
    """What this user may still write; 0 when it cannot be told."""


class _Mount(msgspec.Struct, frozen=True):
    device: str
    """`major:minor`."""
    filesystem: str
    source: str


def read_disk(folder: Path, root: Path = Path("/")) -> Disk:
    """Look at the disk of `folder`, or of the nearest folder above it that exists."""
    at = folder
    while not at.exists() and at != at.parent:
        at = at.parent
    return Disk(kind=disk_kind(at, root), free_bytes=_free(at))


def disk_kind(folder: Path, root: Path = Path("/")) -> DiskKind:
    """The kind of disk `folder` is on, by the kernel's files below `root`."""
    mount = _mount(folder, read.text(root / "proc/self/mountinfo"))
    if mount is None:
        return "unknown"
    if mount.filesystem in _REMOTE:
        return "network"
    device = _device(root, mount)
    if device is None or device.name.startswith(_VIRTUAL):
        return "unknown"
    turning = read.number(device / "queue/rotational")
    if turning is None:
        # A partition: the disk it is part of is the folder above.
        device = device.parent
        turning = read.number(device / "queue/rotational")
    if turning is None or device.name.startswith(_VIRTUAL):
        return "unknown"
    return "hdd" if turning else "ssd"


def _mount(folder: Path, mounts: str) -> _Mount | None:
    """The mount that holds `folder`. Source: proc_pid_mountinfo(5)."""
    best: tuple[int, _Mount] | None = None
    for line in mounts.splitlines():
        before, dash, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        if not dash or len(fields) < _MOUNT_FIELDS or len(rest) < 2:  # noqa: PLR2004 - type, source
            continue
        point = Path(_unescaped(fields[4]))
        # Of two mounts on one place the later one is on top.
        if folder.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = (len(point.parts), _Mount(fields[2], rest[0], _unescaped(rest[1])))
    return best[1] if best else None


def _unescaped(field: str) -> str:
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        field = field.replace(code, character)
    return field


def _device(root: Path, mount: _Mount) -> Path | None:
    """The block device's own folder below `/sys/devices`."""
    links = [root / "sys/dev/block" / mount.device]
    if mount.source.startswith("/dev/"):  # btrfs and others number their mounts by themselves
        links.append(root / "sys/class/block" / Path(mount.source).name)
    for link in links:
        if link.exists():
            return link.resolve()
    return None


def _free(folder: Path) -> Bytes:
    try:
        found = os.statvfs(folder)
    except OSError:
        return Bytes(0)
    return Bytes(found.f_bavail * found.f_frsize)
