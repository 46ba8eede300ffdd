"""Who holds a port: what the kernel says of sockets, and whose open files they are.

The kernel lists listening sockets by inode in `/proc/net/tcp` and `tcp6`, and each process's open
files in `/proc/<pid>/fd`. What belongs to other users cannot be read; then only the port is known.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

_LISTENING: Final = "0A"
"""Source: include/net/tcp_states.h, TCP_LISTEN."""
_LOCAL, _STATE, _INODE = 1, 3, 9


class PortHolder(msgspec.Struct, frozen=True, kw_only=True):
    """A process that listens on a port."""

    pid: int
    program: str
    """Name of the program, as `ps` shows it."""


def listening_inodes(table: str, port: int) -> tuple[str, ...]:
    """Inodes of the sockets that listen on `port`, from the text of `/proc/net/tcp`.

    Source: proc(5), /proc/net/tcp: address and port in hexadecimal, state, …, inode.
    """
    found = []
    for line in table.splitlines()[1:]:
        words = line.split()
        if len(words) <= _INODE or words[_STATE] != _LISTENING:
            continue
        if words[_LOCAL].rpartition(":")[2] == f"{port:04X}":
            found.append(words[_INODE])
    return tuple(found)


def find_port_holder(port: int, root: Path = Path("/proc")) -> PortHolder | None:
    """The process that listens on `port`, or nothing if none does or it cannot be seen."""
    sockets = {
        f"socket:[{inode}]"
        for name in ("tcp", "tcp6")
        for inode in listening_inodes(_read(root / "net" / name), port)
    }
    if not sockets:
        return None
    for process in _processes(root):
        if sockets & set(_open_files(process)):
            program = _read(process / "comm").strip() or "unknown"
            return PortHolder(pid=int(process.name), program=program)
    return None


def holder_of(port: int, root: Path = Path("/proc")) -> str:
    """Who listens on `port`, in words: `nginx (pid 812)`; empty if that cannot be seen."""
    holder = find_port_holder(port, root)
    return f"{holder.program} (pid {holder.pid})" if holder else ""


def _processes(root: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from (entry for entry in root.iterdir() if entry.name.isdigit())


def _open_files(process: Path) -> Iterator[str]:
    """What the open files of a process link to; nothing for a process that may not be read."""
    with contextlib.suppress(OSError):
        for file in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                yield str(file.readlink())


def _read(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
