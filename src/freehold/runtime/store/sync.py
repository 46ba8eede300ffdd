"""Has the kernel put files and folder entries on the disk before we say that they are there."""

import os
from pathlib import Path


def sync_file(path: Path) -> None:
    """Sync what the file holds. Raises `OSError`."""
    with path.open("rb+") as file:
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Sync a folder's entries: a new or renamed file is lost without it. Raises `OSError`."""
    opened = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)
