"""The one thread that writes a database, many works to a commit.

Every work runs in a savepoint of its own inside one transaction; the callers hear back only after
COMMIT has returned, which is after the log is on the disk. What piles up during one commit makes
the next group, so that a lone writer never waits and a crowd shares the price of the sync.

When the disk refuses a sync nothing of that group is acknowledged and the connection is given up:
after a failed sync the kernel may call pages clean that never reached the disk, so asking again
proves nothing. The database is opened anew, and its log is copied into the file and begun from
scratch, before anything is acknowledged again.
"""

import asyncio
import contextlib
import queue
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

import apsw

from freehold.core.clock import Clock
from freehold.core.errors import FreeholdError, StoreFailed
from freehold.core.log import Log
from freehold.core.units import Seconds
from freehold.runtime.store.connection import open_writer
from freehold.runtime.store.refusals import from_sqlite

T = TypeVar("T")

WINDOW_S: Final = 0.002
"""How long a group waits for more works, when the group before had company."""
LARGEST_GROUP: Final = 128
_CHECKPOINT_PAGES: Final = 1000
_REOPEN_EVERY_S: Final = 1.0


class Work(Generic[T]):
    """A piece of writing that somebody waits for."""

    def __init__(
        self,
        run: Callable[[apsw.Connection], T],
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self.run = run
        self.loop = loop
        self.future: asyncio.Future[T] = loop.create_future()
        self.result: T | None = None
        self.error: Exception | None = None

    def settle(self) -> None:
        """Tell the one who waits; on the event loop."""
        if self.future.done():
            return
        if isinstance(self.error, StopIteration):  # which no future takes
            self.future.set_exception(RuntimeError("the work raised StopIteration"))
        elif self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.result)  # type: ignore[arg-type]  # None is T's own None


class Writer:
    """Owns the writing connection of one database; every method is safe from any thread."""

    def __init__(self, path: Path, connection: apsw.Connection, clock: Clock, log: Log) -> None:
        self._path = path
        self._connection: apsw.Connection | None = None
        self._clock = clock
        self._log = log
        self._queue: queue.SimpleQueue[Work[Any] | None] = queue.SimpleQueue()
        self._wal_pages = 0
        self._company = 1
        self._refused_at = Seconds(-_REOPEN_EVERY_S)
        self._refusal: FreeholdError = StoreFailed("the database is not open")
        self._adopt(connection)
        self._thread = threading.Thread(target=self._run, name=f"write {path.name}", daemon=True)
        self._thread.start()

    def put(self, work: Work[Any] | None) -> None:
        """Queue a work; None asks the thread to finish what is queued and end."""
        self._queue.put(work)

    def join(self) -> None:
        """Wait for the thread's end."""
        self._thread.join()

    def _adopt(self, connection: apsw.Connection) -> None:
        connection.set_wal_hook(self._note_pages)
        self._connection = connection

    def _note_pages(self, _connection: apsw.Connection, _name: str, pages: int) -> int:
        self._wal_pages = pages
        return int(apsw.SQLITE_OK)

    def _run(self) -> None:
        going = True
        while going:
            group, going = self._gather()
            if group:
                self._serve(group)
            self._checkpoint()
        if self._connection is not None:
            with contextlib.suppress(apsw.Error):
                self._connection.close()

    def _gather(self) -> tuple[list[Work[Any]], bool]:
        """The next group, and whether there will be another."""
        first = self._queue.get()
        if first is None:
            return [], False
        group = [first]
        ends = self._clock.now() + WINDOW_S if self._company > 1 else 0.0
        while len(group) < LARGEST_GROUP:
            try:
                left = ends - self._clock.now() if len(group) < self._company else 0.0
                work = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if work is None:
                return group, False
            group.append(work)
        self._company = len(group)
        return group, True

    def _serve(self, group: Sequence[Work[Any]]) -> None:
        """Run a group and tell everybody how it went."""
        try:
            connection = self._connection or self._reopen()
            if connection is None:
                self._fail(group, self._refusal)
            else:
                self._commit(connection, group)
        except Exception as error:  # noqa: BLE001 - a mistake of ours must not leave anyone waiting
            self._log.error("database writer broke", database=self._path.name, why=repr(error))
            self._fail(group, StoreFailed("the store broke; this was not acknowledged"))
            self._connection = None
        loops = {work.loop for work in group}
        for loop in loops:
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, [w for w in group if w.loop is loop])

    def _commit(self, connection: apsw.Connection, group: Sequence[Work[Any]]) -> None:
        try:
            connection.execute("BEGIN IMMEDIATE")
            if len(group) == 1 and not _run(connection, group[0], self._path):
                connection.execute("ROLLBACK")
                return
            if len(group) > 1:
                for work in group:
                    _run_apart(connection, work, self._path)
            connection.execute("COMMIT")
        except apsw.Error as error:
            self._undo(connection, group, error)

    def _undo(
        self, connection: apsw.Connection, group: Sequence[Work[Any]], error: apsw.Error
    ) -> None:
        """Nothing of the group happened: roll back, tell everybody, give up a doubtful disk."""
        self._fail(group, from_sqlite(error, self._path))
        doubtful = not isinstance(error, apsw.FullError | apsw.BusyError | apsw.ConstraintError)
        if connection.in_transaction:
            try:
                connection.execute("ROLLBACK")
            except apsw.Error:
                doubtful = True
        if doubtful:
            self._give_up(connection, error)

    def _give_up(self, connection: apsw.Connection, error: apsw.Error) -> None:
        self._log.error("database stopped acknowledging", database=self._path.name, why=str(error))
        self._connection = None
        self._refusal = from_sqlite(error, self._path)
        self._refused_at = Seconds(-_REOPEN_EVERY_S)
        with contextlib.suppress(apsw.Error):
            connection.close()

    def _reopen(self) -> apsw.Connection | None:
        """Open the database anew and start its log from scratch; at most once a second."""
        if self._clock.now() - self._refused_at < _REOPEN_EVERY_S:
            return None
        connection = None
        try:
            connection = open_writer(self._path)
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        except apsw.Error as error:
            self._refused_at = self._clock.now()
            self._refusal = from_sqlite(error, self._path)
            if connection is not None:
                with contextlib.suppress(apsw.Error):
                    connection.close()
            return None
        self._log.warning("database opened anew", database=self._path.name)
        self._wal_pages = 0
        self._adopt(connection)
        return connection

    def _checkpoint(self) -> None:
        """Copy the log into the file once it is long; after the callers were told."""
        if self._connection is None or self._wal_pages < _CHECKPOINT_PAGES:
            return
        self._wal_pages = 0
        try:
            self._connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        except (apsw.FullError, apsw.BusyError) as error:
            self._log.warning("checkpoint put off", database=self._path.name, why=str(error))
        except apsw.Error as error:
            self._give_up(self._connection, error)

    @staticmethod
    def _fail(group: Sequence[Work[Any]], error: FreeholdError) -> None:
        for work in group:
            work.error = type(error)(str(error), where=error.where, fix=error.fix)


def _run_apart(connection: apsw.Connection, work: Work[Any], path: Path) -> None:
    """Run one work of several in its savepoint, so that its failure undoes it alone.

    Raises:
        apsw.Error: as `_run`.
    """
    connection.execute("SAVEPOINT work")
    if not _run(connection, work, path):
        connection.execute("ROLLBACK TO work")
    connection.execute("RELEASE work")


def _run(connection: apsw.Connection, work: Work[Any], path: Path) -> bool:
    """Run one work; False when it failed by itself and is to be undone.

    Raises:
        apsw.Error: the transaction itself is lost (disk full, disk error).
    """
    try:
        work.result = work.run(connection)
    except apsw.Error as error:
        fatal = isinstance(error, apsw.FullError | apsw.IOError)
        if fatal or not connection.in_transaction:
            raise
        work.error = from_sqlite(error, path)
        work.error.__cause__ = error
        return False
    except Exception as error:  # noqa: BLE001 - whatever the caller's own code raised is theirs
        work.error = error
        return False
    return True


def _settle(group: Sequence[Work[Any]]) -> None:
    for work in group:
        work.settle()
