"""The index in one SQLite file: rows, full-text words and float32 vectors, one transaction.

Words are searched by FTS5, meaning by an exact product with a copy of the vectors in memory. The
copy is made when first searched and changed only together with the table, under one lock.
"""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeVar

import apsw
import msgspec
import numpy as np

from freehold.runtime.calls import Passage
from freehold.runtime.knowledge.coverage import coverage
from freehold.runtime.knowledge.index.contract import (
    NearHit,
    Vector,
    Vectors,
    Waiting,
    WordHit,
)
from freehold.runtime.knowledge.index.matrix import Matrix
from freehold.runtime.knowledge.index.terms import Terms, read_terms
from freehold.runtime.knowledge.read.contract import Piece
from freehold.runtime.store.database import Database
from freehold.runtime.store.queries import queries
from freehold.runtime.store.rows import one, rows

T = TypeVar("T")

_QUERIES: Final = queries("freehold.runtime.knowledge.index")
_LOAD_ROWS: Final = 5000
"""Vectors taken from the database at once."""


class Row(msgspec.Struct, frozen=True):
    """A vector with what it belongs to, as the memory's copy needs it."""

    passage: int
    document: int
    collection: str
    vector: bytes


class Change(msgspec.Struct, frozen=True):
    """What a transaction did to the vectors."""

    forgotten: tuple[int, ...] = ()
    """Documents whose passages went."""
    kept: tuple[Row, ...] = ()
    """Vectors that came."""
    everything: bool = False
    """All vectors went."""


class SqliteIndex:
    """The index of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._matrix: Matrix | None = None
        self._loaded = False
        self._changing = asyncio.Lock()

    async def by_words(
        self, query: str, collections: tuple[str, ...] | None, limit: int
    ) -> tuple[WordHit, ...]:
        """See `Index.by_words`."""
        return await self._database.read(lambda c: _by_words(c, query, collections, limit))

    async def by_meaning(
        self,
        vector: Vector,
        collections: tuple[str, ...] | None,
        limit: int,
        also: Sequence[int] = (),
    ) -> tuple[NearHit, ...]:
        """See `Index.by_meaning`."""
        matrix = await self._loaded_matrix()
        if matrix is None or matrix.dimensions != len(vector):
            return ()
        return await asyncio.to_thread(matrix.nearest, vector, collections, limit, also)

    async def passages(self, ids: Sequence[int]) -> dict[int, Passage]:
        """See `Index.passages`."""

        def work(connection: apsw.Connection) -> dict[int, Passage]:
            found = (one(connection.execute(_QUERIES["passage"], (i,)), Passage) for i in ids)
            return {passage.id: passage for passage in found if passage}

        return await self._database.read(work)

    async def waiting(self, after: int, limit: int) -> tuple[Waiting, ...]:
        """See `Index.waiting`."""
        return await self._database.read(
            lambda c: tuple(rows(c.execute(_QUERIES["waiting"], (after, limit)), Waiting))
        )

    async def keep_vectors(self, ids: Sequence[int], vectors: Vectors) -> None:
        """See `Index.keep_vectors`."""
        assert vectors.dtype == np.float32, f"vectors are {vectors.dtype}, not float32"

        def work(connection: apsw.Connection) -> tuple[None, Change]:
            pairs = zip(ids, vectors, strict=True)
            kept = [_keep(connection, i, vector.astype("<f4").tobytes()) for i, vector in pairs]
            return None, Change(kept=tuple(row for row in kept if row))

        await self.change(work)

    async def expect_model(self, model: str) -> None:
        """See `Index.expect_model`."""

        def work(connection: apsw.Connection) -> tuple[None, Change]:
            row = connection.execute(_QUERIES["model"]).fetchone()
            if row and row[0] == model:
                return None, Change()
            connection.execute(_QUERIES["forget_vectors"])
            connection.execute(_QUERIES["set_model"], (model,))
            return None, Change(everything=True)

        await self.change(work)

    async def counts(self) -> tuple[int, int]:
        """See `Index.counts`."""
        return await self._database.read(_counts)

    async def change(self, work: Callable[[apsw.Connection], tuple[T, Change]]) -> T:
        """Run a transaction that changes passages, and follow it in memory.

        Raises:
            DiskFull: nothing was changed.
            StoreFailed: it is not known to be changed.
        """
        async with self._changing:
            try:
                result, change = await self._database.write(work)
            except asyncio.CancelledError:
                # The writing goes on without us: what memory holds may no longer be what is true.
                self._matrix, self._loaded = None, False
                raise
            if self._loaded:
                self._follow(change)
            return result

    def _follow(self, change: Change) -> None:
        if change.everything:
            self._matrix = None
        if self._matrix is not None:
            self._matrix.forget_documents(change.forgotten)
        if change.kept:
            self._matrix = _append(self._matrix, change.kept)

    async def _loaded_matrix(self) -> Matrix | None:
        if not self._loaded:
            async with self._changing:
                if not self._loaded:
                    self._matrix = await self._database.read(_load)
                    self._loaded = True
        return self._matrix


def put_passages(
    connection: apsw.Connection, document: int, collection: str, pieces: Iterable[Piece]
) -> Change:
    """Give a document its passages instead of those it had; inside the caller's transaction.

    A passage that stays word for word the same keeps its vector.
    """
    old = connection.execute(_QUERIES["old_vectors"], (document,))
    known = {(heading, text): vector for heading, text, vector in old}
    connection.execute(_QUERIES["remove_passages"], (document,))
    kept: list[Row] = []
    for piece in pieces:
        place = (document, piece.page, piece.line, piece.heading, piece.text)
        connection.execute(_QUERIES["add_passage"], place)
        vector = known.get((piece.heading, piece.text)) if known else None
        if vector is not None:
            number = connection.last_insert_rowid()
            connection.execute(_QUERIES["add_vector"], (number, vector))
            kept.append(Row(number, document, collection, vector))
    return Change((document,), tuple(kept))


def _by_words(
    connection: apsw.Connection, query: str, collections: tuple[str, ...] | None, limit: int
) -> tuple[WordHit, ...]:
    total, _ = _counts(connection)
    terms = read_terms(connection, query, total)
    if not terms.words:
        return ()
    connection.register_fts5_function("matched", _matched)
    arguments: dict[str, str | int] = {"match": terms.match, "limit": limit}
    name = "by_words"
    if collections is not None:
        name = "by_words_in"
        arguments["collections"] = msgspec.json.encode(collections).decode()
    found = connection.execute(_QUERIES[name], arguments)
    return tuple(WordHit(i, score, _covered(terms, mask)) for i, score, mask in found)


def _covered(terms: Terms, mask: int) -> float:
    weights = tuple(term.weight for term in terms.words)
    return coverage(weights, tuple(bool(mask >> bit & 1) for bit in range(len(weights))))


def _matched(api: apsw.FTS5ExtensionApi, *_: object) -> int:
    """Which phrases of the query a passage holds: the lowest bit is the first phrase."""
    phrases = range(min(api.phrase_count, 62))
    return sum(1 << phrase for phrase in phrases if len(api.phrase_columns(phrase)) > 0)


def _counts(connection: apsw.Connection) -> tuple[int, int]:
    row = connection.execute(_QUERIES["counts"]).fetchone()
    assert row is not None, "counting always gives a row"
    return int(row[0]), int(row[1])


def _keep(connection: apsw.Connection, passage: int, vector: bytes) -> Row | None:
    owner = connection.execute(_QUERIES["owner"], (passage,)).fetchone()
    if owner is None:
        return None
    connection.execute(_QUERIES["add_vector"], (passage, vector))
    return Row(passage, int(owner[0]), str(owner[1]), vector)


def _load(connection: apsw.Connection) -> Matrix | None:
    matrix: Matrix | None = None
    cursor = connection.execute(_QUERIES["vectors"])
    while batch := [Row(*row) for row in itertools.islice(cursor, _LOAD_ROWS)]:
        matrix = _append(matrix, batch)
    return matrix


def _append(matrix: Matrix | None, new: Sequence[Row]) -> Matrix:
    dimensions = len(new[0].vector) // 4
    vectors = np.frombuffer(b"".join(row.vector for row in new), "<f4").reshape(-1, dimensions)
    matrix = matrix or Matrix(dimensions)
    matrix.append(
        [row.passage for row in new],
        [row.document for row in new],
        [row.collection for row in new],
        vectors.astype(np.float32, copy=False),
    )
    return matrix
