"""Turns what SQLite and the operating system refuse into the house's own errors."""

import errno
from pathlib import Path

import apsw

from freehold.core.errors import Conflict, DiskFull, FreeholdError, StoreFailed

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


def from_sqlite(error: apsw.Error, path: Path) -> FreeholdError:
    """The error a caller of the store sees for what SQLite raised on the database at `path`."""
    if isinstance(error, apsw.FullError):
        return disk_full(path)
    if isinstance(error, apsw.ConstraintError):
        return Conflict(f"it does not fit what is stored: {error}")
    fix = ""
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        fix = "stop the house and put the newest copy from its backups folder in the place of it"
    return StoreFailed(f"the database could not be used: {error}", where=str(path), fix=fix)


def from_system(error: OSError, path: Path) -> FreeholdError:
    """The error a caller of the store sees for what the operating system refused."""
    if error.errno in _NO_SPACE:
        return disk_full(path)
    return StoreFailed(f"{path.name} could not be used: {error.strerror}", where=str(path))


def disk_full(path: Path) -> DiskFull:
    """The disk that holds `path` is full."""
    return DiskFull(
        f"the disk that holds {path.name} is full; nothing was written",
        where=str(path.parent),
        fix="free some space there; the house goes on by itself",
    )
