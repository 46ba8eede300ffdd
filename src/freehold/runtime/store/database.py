"""A SQLite database of the house: one writer with group commit, a few readers."""

import asyncio
import queue
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import apsw

from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import StoreFailed
from freehold.core.log import Log
from freehold.runtime.store.connection import open_reader, open_writer
from freehold.runtime.store.migrate import migrate
from freehold.runtime.store.refusals import from_sqlite, from_system
from freehold.runtime.store.writer import Work, Writer

T = TypeVar("T")


class Database:
    """What `write` has returned is on the disk; what `read` sees is one moment of it."""

    def __init__(self, path: Path, writer: Writer, readers: list[apsw.Connection]) -> None:
        self._path = path
        self._writer = writer
        self._pool = ThreadPoolExecutor(len(readers), thread_name_prefix=f"read {path.name}")
        self._readers: queue.SimpleQueue[apsw.Connection] = queue.SimpleQueue()
        for reader in readers:
            self._readers.put(reader)
        self._count = len(readers)
        self._closed = False

    @classmethod
    async def open(
        cls,
        path: Path,
        migrations: str,
        *,
        backups: Path,
        log: Log,
        readers: int = 2,
        clock: Clock | None = None,
    ) -> "Database":
        """Open the database at `path`, brought up to the newest schema first.

        Args:
            path: the file; its folder is made when missing.
            migrations: package that holds `0001_name.sql` and so on.
            backups: folder for the copy made before a migration; the last five are kept.
            log: migrations and disk troubles are told here.
            readers: connections that read at the same time.
            clock: names the backups; the machine's when not given.

        Raises:
            StoreFailed: the file lies on a network filesystem, has a newer schema, is no database
                of ours, or a migration failed (the file is then as it was).
            DiskFull: there is no room to migrate.
        """
        clock = clock or SystemClock()
        return await asyncio.to_thread(cls._open, path, migrations, backups, log, readers, clock)

    @classmethod
    def _open(
        cls, path: Path, migrations: str, backups: Path, log: Log, readers: int, clock: Clock
    ) -> "Database":
        log = log.named("store")
        try:
            migrate(path, migrations, backups=backups, log=log, clock=clock)
            connection = open_writer(path)
            reading = [open_reader(path) for _ in range(readers)]
        except apsw.Error as error:
            raise from_sqlite(error, path) from error
        except OSError as error:
            raise from_system(error, path) from error
        return cls(path, Writer(path, connection, clock, log), reading)

    async def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` in a savepoint of the next group commit; returns when it is on the disk.

        The work runs on the writer's thread, must only touch the connection, and returns values,
        never a cursor. What it raises undoes it alone and is raised here; a constraint that is
        deferred to the commit would undo its whole group, so the schema has none. A caller that is
        cancelled meanwhile gives up hearing of it, not the writing itself.

        Raises:
            DiskFull: nothing was written.
            StoreFailed: it is not known to be on the disk, and was not acknowledged.
            Conflict: a constraint of the schema refused it.
        """
        if self._closed:
            raise StoreFailed("the database is closed", where=str(self._path))
        entry = Work(work, asyncio.get_running_loop())
        self._writer.put(entry)
        return await entry.future

    async def read(self, work: Callable[[apsw.Connection], T]) -> T:
        """Run `work` on a reading connection, in one transaction, on a thread of its own.

        Raises:
            StoreFailed: the database could not be read.
        """
        if self._closed:
            raise StoreFailed("the database is closed", where=str(self._path))
        return await asyncio.get_running_loop().run_in_executor(self._pool, self._read, work)

    async def close(self) -> None:
        """Finish what is queued and close; later calls raise `StoreFailed`."""
        if not self._closed:
            self._closed = True
            self._writer.put(None)
            await asyncio.to_thread(self._close)

    def _read(self, work: Callable[[apsw.Connection], T]) -> T:
        connection = self._readers.get()
        try:
            connection.execute("BEGIN")
            try:
                return work(connection)
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
        except apsw.Error as error:
            raise from_sqlite(error, self._path) from error
        finally:
            self._readers.put(connection)

    def _close(self) -> None:
        """Readers first, so that the writer, the last to close, folds the log into the file."""
        self._pool.shutdown(wait=True)
        for _ in range(self._count):
            self._readers.get().close()
        self._writer.join()
