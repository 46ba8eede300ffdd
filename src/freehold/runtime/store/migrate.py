"""Brings a database to the newest schema: on a copy, with a backup, swapped in by rename.

The version is SQLite's `user_version`, the number of the last migration; `application_id` marks
the file as ours. The original is not touched before the copy is complete, checked and synced.
"""

import importlib.resources
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apsw
import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import StoreFailed
from freehold.core.log import Log
from freehold.runtime.store.network_filesystem import refuse_network
from freehold.runtime.store.sync import sync_file, sync_folder

_OURS: Final = 0x46484C44
"""`FHLD`: SQLite's application id of every database of the house."""
_NAME: Final = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")
_KEEP_BACKUPS: Final = 5


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One migration."""

    number: int
    name: str
    sql: str


def steps(package: str) -> tuple[Step, ...]:
    """The migrations of a package, in order; an unbroken row from 1."""
    files = (file for file in importlib.resources.files(package).iterdir())
    found = sorted(
        (
            Step(number=int(shape[1]), name=file.name, sql=file.read_text("utf-8"))
            for file in files
            if (shape := _NAME.fullmatch(file.name))
        ),
        key=lambda step: step.number,
    )
    numbers = [step.number for step in found]
    assert numbers == list(range(1, len(found) + 1)), f"{package}: a gap or a double in {numbers}"
    return tuple(found)


def migrate(path: Path, package: str, *, backups: Path, log: Log, clock: Clock) -> None:
    """Make sure that the database at `path` exists and has the newest schema.

    Raises:
        StoreFailed: see `Database.open`.
        apsw.Error, OSError: the disk refused; the original is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    refuse_network(path)
    wanted = steps(package)
    copy = path.with_name(f"{path.name}.new")
    _discard(copy)
    there = path.exists() and path.stat().st_size > 0
    version = _version(path, newest=len(wanted)) if there else 0
    if there and version == len(wanted):
        return
    backup = _back_up(path, version, backups, clock) if there else None
    try:
        if backup is not None:
            _duplicate(path, copy)
        _apply(copy, wanted[version:], path, backup)
        _swap(copy, path)
    finally:
        _discard(copy)
    log.info("database migrated", database=path.name, before=version, now=len(wanted))


def _version(path: Path, newest: int) -> int:
    """The schema of the file.

    Raises:
        StoreFailed: the file is newer than we are, or not ours.
    """
    connection = apsw.Connection(str(path))
    try:
        version = int(str(connection.pragma("user_version")))
        mark = int(str(connection.pragma("application_id")))
    except apsw.NotADBError as error:
        message = f"{path.name} is not a database"
        raise StoreFailed(
            message, where=str(path), fix="restore a backup, or move it away"
        ) from error
    finally:
        connection.close()
    if mark != _OURS:
        message = f"{path.name} is a database of another program"
        raise StoreFailed(message, where=str(path), fix="move it away; a new one is made")
    if version > newest:
        message = f"{path.name} has schema {version}, this Freehold knows schemas up to {newest}"
        fix = "start the newer Freehold again, or restore a backup made before it"
        raise StoreFailed(message, where=str(path), fix=fix)
    return version


def _back_up(path: Path, version: int, backups: Path, clock: Clock) -> Path:
    """Copy the database, log included, into the backups; keep the newest few."""
    backups.mkdir(parents=True, exist_ok=True)
    moment = datetime.fromtimestamp(clock.wall(), UTC).strftime("%Y%m%dT%H%M%S")
    target = backups / f"{path.stem}-{moment}-schema-{version}.sqlite"
    part = target.with_suffix(".part")
    _discard(part)
    try:
        _duplicate(path, part)
        part.replace(target)
    finally:
        _discard(part)
    sync_folder(backups)
    for old in sorted(backups.glob(f"{path.stem}-*-schema-*.sqlite"))[:-_KEEP_BACKUPS]:
        old.unlink()
    return target


def _duplicate(source: Path, target: Path) -> None:
    """Copy a database through SQLite, so that what only its log holds comes along; synced."""
    reading = apsw.Connection(str(source))
    writing = apsw.Connection(str(target))
    try:
        with writing.backup("main", reading, "main") as copying:
            copying.step()
    finally:
        writing.close()
        reading.close()
    sync_file(target)


def _apply(copy: Path, todo: tuple[Step, ...], original: Path, backup: Path | None) -> None:
    """Run the migrations on the copy.

    Raises:
        StoreFailed: one of them failed; says which, and that nothing changed.
    """
    connection = apsw.Connection(str(copy))
    try:
        connection.pragma("journal_mode", "delete")
        connection.pragma("application_id", _OURS)
        for step in todo:
            try:
                _apply_one(connection, step)
            except (apsw.SQLError, apsw.ConstraintError) as error:
                message = f"the migration {step.name} of {original.name} failed: {error}"
                kept = f"; a backup is at {backup}" if backup else ""
                fix = f"the database is as it was{kept}: go on with the Freehold you had before"
                raise StoreFailed(message, where=str(original), fix=fix) from error
    finally:
        connection.close()
    sync_file(copy)


def _apply_one(connection: apsw.Connection, step: Step) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(step.sql)
    assert connection.in_transaction, f"{step.name} ends its own transaction"
    broken = connection.execute("PRAGMA foreign_key_check").fetchone()
    if broken is not None:
        message = f"a row of {broken[0]} points to a {broken[2]} that is not there"
        raise apsw.ConstraintError(message)
    connection.pragma("user_version", step.number)
    connection.execute("COMMIT")


def _swap(copy: Path, path: Path) -> None:
    """Put the finished copy in the place of the original.

    Raises:
        StoreFailed: another program holds the original open.
    """
    if path.exists():
        connection = apsw.Connection(str(path))
        try:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        finally:
            connection.close()
        if path.with_name(f"{path.name}-wal").exists():
            message = f"another program holds {path.name} open"
            raise StoreFailed(message, where=str(path), fix="close it and start again")
    copy.replace(path)
    sync_folder(path.parent)
    sync_folder(path.parent.parent)


def _discard(path: Path) -> None:
    for name in (path.name, f"{path.name}-wal", f"{path.name}-shm", f"{path.name}-journal"):
        path.with_name(name).unlink(missing_ok=True)
