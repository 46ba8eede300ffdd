"""One house to a home: the lock that says so, and who holds it.

The kernel's lock (flock) is the truth, because it goes when its process goes, however that ends;
the number in the file only says whose it is.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from typing import Final

from freehold.core.errors import HouseAlreadyRunning, StoreFailed
from freehold.spec.home import Home

_LONGEST_NUMBER: Final = 20
_TRIES: Final = 50


@contextlib.contextmanager
def hold(home: Home) -> Iterator[None]:
    """Hold the home for as long as the block runs; `home.create()` comes first.

    Raises:
        HouseAlreadyRunning: another process holds it; the message has its pid.
        StoreFailed: the lock file cannot be made.
    """
    handle = _open(home)
    try:
        for _ in range(_TRIES):
            if _try(handle, fcntl.LOCK_EX):
                break
            # Whoever asks `holder` shares the lock for a moment and must not look like a house.
            if (owner := holder(home)) is not None:
                raise already_running(home, owner)
        else:
            raise already_running(home, None)
        os.ftruncate(handle, 0)
        os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
        try:
            yield
        finally:
            os.ftruncate(handle, 0)
    finally:
        os.close(handle)


def holder(home: Home) -> int | None:
    """The pid of the house that runs here, or nothing; 0 when it is just starting."""
    try:
        handle = os.open(home.lock, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        if _try(handle, fcntl.LOCK_SH):
            return None
        text = os.pread(handle, _LONGEST_NUMBER, 0).strip()
        return int(text) if text.isdigit() else 0
    finally:
        os.close(handle)


def already_running(home: Home, pid: int | None) -> HouseAlreadyRunning:
    """The error for a home that is held by `pid`."""
    who = f"pid {pid}" if pid else "another process that is just starting"
    message = f"a house already runs here: {who}"
    fix = f"freehold --home {home.root} down, or choose another --home"
    return HouseAlreadyRunning(message, where=str(home.root), fix=fix)


def _open(home: Home) -> int:
    """The lock file, made if need be."""
    try:
        return os.open(home.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        message = f"the lock of the home cannot be made: {error.strerror}"
        raise StoreFailed(message, where=str(home.lock)) from error


def _try(handle: int, kind: int) -> bool:
    """Whether the lock could be had at once."""
    try:
        fcntl.flock(handle, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
