"""The file in which a headless house leaves its admin key.

A missing or empty file is filled with a new key, for its owner's eyes only. A file that already
holds something is never overwritten: if it is a key this house knows, the house keeps using it
(so that the same command can start it again), and anything else is refused.
"""

import errno
import os
from pathlib import Path
from typing import Final

from freehold.core.errors import DiskFull, RefusedForSafety, StoreFailed

_LONGEST_KEY: Final = 512


def read_key(path: Path) -> str:
    """The key that the file holds; empty if there is no file or nothing in it.

    Raises:
        RefusedForSafety: what is there cannot be a key.
        StoreFailed: the file or its folder cannot be used.
    """
    if not path.parent.is_dir():
        message = "the folder of the admin token file does not exist"
        raise StoreFailed(message, where=str(path), fix=f"mkdir -p {path.parent}")
    if path.exists() and not path.is_file():
        raise not_our_key(path)
    try:
        with path.open("rb") as file:
            content = file.read(_LONGEST_KEY + 1)
    except FileNotFoundError:
        return ""
    except OSError as error:
        message = f"the admin token file cannot be read: {error.strerror}"
        raise StoreFailed(message, where=str(path), fix="choose another file") from error
    text = content.decode("ascii", "replace").strip()
    if len(content) > _LONGEST_KEY or (text and not text.startswith("fh-")):
        raise not_our_key(path)
    return text


def not_our_key(path: Path) -> RefusedForSafety:
    """The error for a file that holds something other than an admin key of this house."""
    message = "the admin token file holds something that is not an admin key of this house"
    fix = "name a file that does not exist yet, or remove this one yourself"
    return RefusedForSafety(message, where=str(path), fix=fix)


def write_key(path: Path, key: str) -> None:
    """Leave `key` in the file, on disk and readable by the owner only, before this returns.

    Raises:
        RefusedForSafety: the file was filled by somebody else meanwhile.
        StoreFailed: the file cannot be written.
        DiskFull: there is no room for it.
    """
    if read_key(path):
        raise not_our_key(path)
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        handle = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(handle, f"{key}\n".encode())
            os.fsync(handle)
        finally:
            os.close(handle)
        new.replace(path)
    except OSError as error:
        new.unlink(missing_ok=True)
        if error.errno == errno.ENOSPC:
            raise DiskFull(where=str(path), fix="free some space and run it again") from error
        message = f"the admin token file cannot be written: {error.strerror}"
        raise StoreFailed(message, where=str(path), fix="choose another file") from error
