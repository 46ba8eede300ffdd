"""The rows of documents: what is known, what waits to be read, what reading came to."""

from collections.abc import Sequence
from typing import Final

import apsw
import msgspec

from freehold.core.clock import Clock
from freehold.core.ids import new_id
from freehold.core.units import Seconds
from freehold.runtime.knowledge.contract import (
    Collection,
    Document,
    DocumentState,
)
from freehold.runtime.knowledge.index.sqlite import Change, SqliteIndex, put_passages
from freehold.runtime.knowledge.read.contract import Piece, ReadFile
from freehold.runtime.store.database import Database
from freehold.runtime.store.queries import queries
from freehold.runtime.store.rows import one, rows

_QUERIES: Final = queries("freehold.runtime.knowledge")


class FoundFile(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it lies there, before anything was read of it."""

    file: str
    """Path below what was added."""
    place: str
    """What makes it this document: absolute path, or `upload/NAME`."""
    path: str
    """Where its bytes lie."""
    bytes: int
    changed_ns: int
    """Nanoseconds since 1970."""
    sha256: str = ""
    """When it is known already."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of a document, to see whether it changed."""

    number: int
    place: str
    file: str
    bytes: int
    changed_ns: int
    sha256: str
    state: DocumentState
    reason: str
    note: str
    passages: int


class ToRead(msgspec.Struct, frozen=True, kw_only=True):
    """A document that waits to be read."""

    number: int
    collection: str
    file: str
    path: str


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What reading a document came to."""

    number: int
    collection: str
    file: str
    path: str
    bytes: int
    changed_ns: int
    sha256: str
    read: ReadFile | None
    """None when it failed."""
    reason: str = ""
    note: str = ""


class Heading(msgspec.Struct, frozen=True):
    """A heading of a document."""

    file: str
    heading: str | None


class Documents:
    """The documents of one database."""

    def __init__(self, database: Database, index: SqliteIndex, clock: Clock) -> None:
        self._database = database
        self._index = index
        self._clock = clock

    async def known(self, collection: str) -> dict[str, Known]:
        """What is kept of a collection, by place. Raises `StoreFailed`."""
        found = await self._database.read(
            lambda c: rows(c.execute(_QUERIES["known"], (collection,)), Known)
        )
        return {known.place: known for known in found}

    async def known_at(self, collection: str, place: str) -> Known | None:
        """What is kept of one place. Raises `StoreFailed`."""
        return await self._database.read(
            lambda c: one(c.execute(_QUERIES["known_at"], (collection, place)), Known)
        )

    async def expect(self, collection: str, files: Sequence[FoundFile]) -> tuple[int, ...]:
        """Note files as waiting to be read; their numbers, in order; on disk when this returns.

        Raises:
            DiskFull, StoreFailed: nothing was noted.
        """
        now = self._clock.wall()
        return await self._database.write(
            lambda c: tuple(_expect(c, collection, file, now) for file in files)
        )

    async def touch(self, changes: Sequence[tuple[int, int]]) -> None:
        """Note new times of change (nanoseconds) for document numbers whose bytes are the same.

        Raises:
            DiskFull, StoreFailed: nothing was noted.
        """

        def work(connection: apsw.Connection) -> None:
            for number, changed_ns in changes:
                connection.execute(_QUERIES["touch"], (changed_ns, number))

        await self._database.write(work)

    async def to_read(self) -> tuple[ToRead, ...]:
        """Every document that waits. Raises `StoreFailed`."""
        return await self._database.read(
            lambda c: tuple(rows(c.execute(_QUERIES["to_read"]), ToRead))
        )

    async def to_read_one(self, number: int) -> ToRead | None:
        """One document, when it still waits. Raises `StoreFailed`."""
        return await self._database.read(
            lambda c: one(c.execute(_QUERIES["to_read_one"], (number,)), ToRead)
        )

    async def settle(self, outcomes: Sequence[Outcome]) -> None:
        """Keep what reading came to: rows, passages and words of all of them in one transaction.

        Raises:
            DiskFull, StoreFailed: nothing was kept; the documents still wait.
        """

        def work(connection: apsw.Connection) -> tuple[None, Change]:
            changes = [_settle(connection, outcome) for outcome in outcomes]
            return None, _together(changes)

        await self._index.change(work)

    async def remove(self, numbers: Sequence[int]) -> None:
        """Forget documents with all that was made of them.

        Raises:
            DiskFull, StoreFailed: nothing was forgotten.
        """

        def work(connection: apsw.Connection) -> tuple[None, Change]:
            for number in numbers:
                connection.execute(_QUERIES["remove"], (number,))
            return None, Change(forgotten=tuple(numbers))

        await self._index.change(work)

    async def numbered(self, document_id: str) -> tuple[int, str, str] | None:
        """Number, path and digest of a document. Raises `StoreFailed`."""

        def work(connection: apsw.Connection) -> tuple[int, str, str] | None:
            row = connection.execute(_QUERIES["numbered"], (document_id,)).fetchone()
            return (int(row[0]), str(row[1]), str(row[2])) if row else None

        return await self._database.read(work)

    async def lying_at(self, path: str) -> int:
        """How many documents have their bytes at `path`. Raises `StoreFailed`."""

        def work(connection: apsw.Connection) -> int:
            row = connection.execute(_QUERIES["references"], (path,)).fetchone()
            assert row is not None, "counting always gives a row"
            return int(row[0])

        return await self._database.read(work)

    async def page(self, collection: str | None, after: str, limit: int) -> tuple[Document, ...]:
        """Documents, oldest first, that come after `after`. Raises `StoreFailed`."""
        wanted: dict[str, str | int | None] = {
            "collection": collection,
            "after": after,
            "limit": limit,
        }
        return await self._database.read(
            lambda c: tuple(rows(c.execute(_QUERIES["page"], wanted), Document))
        )

    async def document(self, document_id: str) -> Document | None:
        """One document. Raises `StoreFailed`."""
        return await self._database.read(
            lambda c: one(c.execute(_QUERIES["document"], (document_id,)), Document)
        )

    async def document_at(self, number: int) -> Document | None:
        """One document by its number. Raises `StoreFailed`."""

        def work(connection: apsw.Connection) -> Document | None:
            row = connection.execute(_QUERIES["id_of"], (number,)).fetchone()
            return one(connection.execute(_QUERIES["document"], row), Document) if row else None

        return await self._database.read(work)

    async def collections(self) -> tuple[Collection, ...]:
        """Every collection, by name. Raises `StoreFailed`."""
        return await self._database.read(
            lambda c: tuple(rows(c.execute(_QUERIES["collections"]), Collection))
        )

    async def pieces(self, document_id: str, page: int | None) -> tuple[Piece, ...]:
        """What was read from a document, in order. Raises `StoreFailed`."""
        wanted: dict[str, str | int | None] = {"id": document_id, "page": page}
        return await self._database.read(
            lambda c: tuple(rows(c.execute(_QUERIES["text"], wanted), Piece))
        )

    async def headings(self) -> tuple[Heading, ...]:
        """A heading of each of the newest documents that have one. Raises `StoreFailed`."""
        return await self._database.read(
            lambda c: tuple(rows(c.execute(_QUERIES["headings"]), Heading))
        )


def _expect(connection: apsw.Connection, collection: str, file: FoundFile, now: Seconds) -> int:
    values: dict[str, str | int | float] = {
        "id": new_id("doc", now),
        "collection": collection,
        "file": file.file,
        "place": file.place,
        "path": file.path,
        "bytes": file.bytes,
        "changed_ns": file.changed_ns,
        "sha256": file.sha256,
        "added_at": now,
    }
    row = connection.execute(_QUERIES["expect"], values).fetchone()
    assert row is not None, "an upsert gives its row back"
    return int(row[0])


def _settle(connection: apsw.Connection, outcome: Outcome) -> Change:
    pieces = outcome.read.pieces if outcome.read else ()
    values: dict[str, str | int | None] = {
        "number": outcome.number,
        "path": outcome.path,
        "note": outcome.note,
        "bytes": outcome.bytes,
        "changed_ns": outcome.changed_ns,
        "sha256": outcome.sha256,
    }
    if outcome.read is None:
        connection.execute(_QUERIES["failed"], {**values, "reason": outcome.reason})
    else:
        told = {
            "kind": outcome.read.kind,
            "pages": outcome.read.pages,
            "passages": len(pieces),
        }
        connection.execute(_QUERIES["indexed"], {**values, **told})
    if connection.changes() == 0:  # removed, or put anew, while it was read
        return Change()
    return put_passages(connection, outcome.number, outcome.collection, pieces)


def _together(changes: Sequence[Change]) -> Change:
    return Change(
        forgotten=tuple(number for change in changes for number in change.forgotten),
        kept=tuple(row for change in changes for row in change.kept),
    )
