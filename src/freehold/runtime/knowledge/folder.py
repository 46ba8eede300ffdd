"""Which files a folder holds: the walk before anything is read.

Hidden names and what tools generate are passed over and counted. Links to folders are not
followed, so that no loop can trap the walk; links to files are. A file that cannot even be looked
at is listed with its reason.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from freehold.core.errors import NotFound
from freehold.runtime.knowledge.contract import FailedFile
from freehold.runtime.knowledge.documents import FoundFile

GENERATED: Final = frozenset(
    {"node_modules", "bower_components", "__pycache__", "site-packages"}
    | {"$RECYCLE.BIN", "System Volume Information", "lost+found"}
)
"""Folders that tools fill; nobody means them when adding a folder."""


class Walk(msgspec.Struct, frozen=True, kw_only=True):
    """What was found below some paths."""

    files: tuple[FoundFile, ...]
    """In order of name, folder by folder."""
    failed: tuple[FailedFile, ...]
    skipped: int
    folders: tuple[str, ...]
    """Folders that were walked to their end: what is known below one and was not found is gone."""
    unseen: tuple[str, ...]
    """Folders that could not be looked into: of what lies below, nothing can be said."""


class _Seen(msgspec.Struct):
    """What the walk gathers."""

    files: dict[str, FoundFile] = {}
    failed: list[FailedFile] = []
    folders: list[str] = []
    unseen: list[str] = []
    skipped: int = 0


def walk(paths: Sequence[Path]) -> Walk:
    """Find every file at or below `paths`, each once.

    Raises:
        NotFound: one of `paths` itself is not there; nothing is guessed about it.
    """
    seen = _Seen()
    for path in paths:
        root = Path(os.path.normpath(path.absolute()))
        try:
            mode = root.stat().st_mode
        except OSError as error:
            message = f"{path} cannot be read: {error.strerror}"
            fix = "check the path, or that its disk is there; what was indexed before is kept"
            raise NotFound(message, where=str(path), fix=fix) from error
        if stat.S_ISDIR(mode):
            _folder(root, seen)
        else:
            _file(root, root.name, seen)
    return Walk(
        files=tuple(seen.files.values()),
        failed=tuple(seen.failed),
        skipped=seen.skipped,
        folders=tuple(seen.folders),
        unseen=tuple(seen.unseen),
    )


def _folder(root: Path, seen: _Seen) -> None:
    seen.folders.append(str(root))
    waiting = [root]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        except OSError as error:
            seen.unseen.append(str(folder))
            name = _shown(folder.relative_to(root)) or root.name
            seen.failed.append(FailedFile(file=name, reason=f"no-permission: {error.strerror}"))
            continue
        below = list(_entries(entries, root, seen))
        waiting.extend(reversed(below))


def _entries(entries: Sequence[os.DirEntry[str]], root: Path, seen: _Seen) -> Iterator[Path]:
    """Note the files among the entries; give the folders."""
    for entry in entries:
        folder = entry.is_dir(follow_symlinks=False)
        if entry.name.startswith(".") or (folder and entry.name in GENERATED):
            seen.skipped += 1
        elif folder:
            yield Path(entry.path)
        elif entry.is_dir():
            seen.skipped += 1  # a link to a folder
        else:
            path = Path(entry.path)
            _file(path, _shown(path.relative_to(root)), seen)


def _file(path: Path, name: str, seen: _Seen) -> None:
    place = str(path)
    try:
        place.encode()
    except UnicodeEncodeError:
        reason = "vanished: its name is not UTF-8; give the file another name"
        seen.failed.append(FailedFile(file=_shown(Path(name)), reason=reason))
        return
    try:
        found = path.stat()
    except OSError as error:
        reason = f"vanished: {error.strerror}"
        seen.failed.append(FailedFile(file=name, reason=reason))
        return
    if not stat.S_ISREG(found.st_mode):
        seen.skipped += 1  # a pipe, a socket, a device: reading it could wait for ever
        return
    seen.files[place] = FoundFile(
        file=name,
        place=place,
        path=place,
        bytes=found.st_size,
        changed_ns=found.st_mtime_ns,
    )


def _shown(path: Path) -> str:
    """A path as text that anything can store; `.` becomes nothing."""
    text = os.fsencode(path).decode("utf-8", "replace")
    return "" if text == "." else text
