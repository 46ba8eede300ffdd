"""Which filesystem a path lies on, and why a database does not lie on a network one.

SQLite's write-ahead log needs locks and shared memory that network filesystems promise and do not
keep (Source: sqlite.org/wal.html, "Disadvantages", and sqlite.org/faq.html, question 5).
"""

from pathlib import Path
from typing import Final

from freehold.core.errors import StoreFailed

_MOUNTS: Final = Path("/proc/self/mountinfo")
_NETWORK: Final = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "gfs2", "glusterfs", "gpfs", "lustre", "ncpfs",
    "nfs", "nfs4", "ocfs2", "orangefs", "smb3", "smbfs",
})  # fmt: skip
_NETWORK_FUSE: Final = frozenset({
    "ceph", "ceph-fuse", "cifs", "curlftpfs", "davfs", "davfs2", "gcsfuse", "glusterfs", "goofys",
    "gvfsd-fuse", "juicefs", "mount.davfs", "moosefs", "mfs", "onedriver", "rclone", "s3fs",
    "seaweedfs", "smbnetfs", "sshfs", "vmhgfs-fuse",
})  # fmt: skip


def refuse_network(path: Path) -> None:
    """Pass when `path` lies on a disk of this machine.

    Raises:
        StoreFailed: it lies on a network filesystem; names it and the way out.
    """
    if not _MOUNTS.exists():  # not Linux
        return
    kind, mount = filesystem(_MOUNTS.read_text("utf-8", "replace"), path.resolve())
    if is_network(kind):
        message = f"{path.name} would lie on a network filesystem ({kind}, mounted at {mount}), "
        message += "where a database gets damaged"
        fix = "keep the house on a disk of this machine: `freehold --home /a/local/folder up`"
        raise StoreFailed(message, where=str(path), fix=fix)


def is_network(kind: str) -> bool:
    """Whether a filesystem type as the kernel names it (`ext4`, `fuse.sshfs`) is a network one."""
    family, _, program = kind.partition(".")
    return kind in _NETWORK or (family == "fuse" and program in _NETWORK_FUSE)


def filesystem(mountinfo: str, path: Path) -> tuple[str, str]:
    """Type and mount point of the filesystem that holds `path`.

    Args:
        mountinfo: text of `/proc/self/mountinfo` (Source: proc_pid_mountinfo(5)).
        path: absolute, links resolved.

    Returns:
        Two empty strings when no line fits.
    """
    best = ("", "")
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 6 or not after:  # noqa: PLR2004 - fields of the format
            continue
        mount = _plain(fields[4])
        if path.is_relative_to(mount) and len(mount) >= len(best[1]):  # later mounts cover earlier
            best = (after.split(" ")[0], mount)
    return best


def _plain(text: str) -> str:
    """A path of the format: blank, tab, line feed and backslash come as octal."""
    for code, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(code, character)
    return text
