"""How a SQLite connection of the house is opened: the same for writer and readers.

`synchronous=FULL` on a write-ahead log means that COMMIT returns after the log is synced. Only the
writer checkpoints: two connections that checkpoint at once are what SQLite's log-reset bug needs
(Source: sqlite.org/wal.html, fixed in 3.51.3), and `mmap_size=0` keeps a bad disk from becoming a
crash.
"""

from pathlib import Path
from typing import Final

import apsw

_BUSY_MS: Final = 5000
_LOG_LIMIT: Final = 64 * 2**20
"""A write-ahead log that grew past this is cut back when it starts anew."""


def open_writer(path: Path) -> apsw.Connection:
    """The one connection that writes; creates the file. Raises `apsw.Error`."""
    made = apsw.Connection(str(path))
    _prepare(made)
    made.pragma("journal_mode", "wal")
    made.pragma("synchronous", "full")
    made.pragma("fullfsync", 1)
    made.pragma("checkpoint_fullfsync", 1)
    made.pragma("journal_size_limit", _LOG_LIMIT)
    made.wal_autocheckpoint(0)
    return made


def open_reader(path: Path) -> apsw.Connection:
    """A connection that only reads. Raises `apsw.Error`."""
    made = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE)
    _prepare(made)
    made.wal_autocheckpoint(0)
    made.pragma("query_only", 1)
    return made


def _prepare(connection: apsw.Connection) -> None:
    connection.set_busy_timeout(_BUSY_MS)
    connection.pragma("mmap_size", 0)
    connection.pragma("foreign_keys", 1)
    connection.pragma("temp_store", "memory")
    connection.pragma("cell_size_check", 1)
