"""Vectors in memory, searched exactly: one matrix product, 1.5 ms for every 10,000 passages.

A copy of what the database holds, made when first asked for and kept in step by its owner. Safe
from any thread.
"""

import threading
from collections.abc import Collection, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from freehold.runtime.knowledge.index.contract import NearHit, Vector, Vectors

_SMALLEST: Final = 1024
"""Rows made room for at first; doubled whenever they are full."""
_MOST_DEAD: Final = 4
"""The matrix is made anew once one row in so many is of a passage that is gone."""


class Matrix:
    """Rows of unit length with the passage, the document and the collection they belong to."""

    def __init__(self, dimensions: int) -> None:
        self._lock = threading.Lock()
        self._dimensions = dimensions
        self._rows: Vectors = np.zeros((_SMALLEST, dimensions), np.float32)
        self._ids: NDArray[np.int64] = np.zeros(_SMALLEST, np.int64)
        self._documents: NDArray[np.int64] = np.zeros(_SMALLEST, np.int64)
        self._collections: NDArray[np.int32] = np.full(_SMALLEST, -1, np.int32)
        self._codes: dict[str, int] = {}
        self._count = 0
        self._dead = 0

    @property
    def dimensions(self) -> int:
        """Numbers in a vector."""
        return self._dimensions

    def __len__(self) -> int:
        return self._count - self._dead

    def append(
        self,
        ids: Sequence[int],
        documents: Sequence[int],
        collections: Sequence[str],
        vectors: Vectors,
    ) -> None:
        """Add rows; all arguments are of one length."""
        assert vectors.dtype == np.float32, f"vectors are {vectors.dtype}, not float32"
        with self._lock:
            begin, end = self._count, self._count + len(ids)
            self._make_room(end)
            self._rows[begin:end] = vectors
            self._ids[begin:end] = ids
            self._documents[begin:end] = documents
            self._collections[begin:end] = [
                self._codes.setdefault(name, len(self._codes)) for name in collections
            ]
            self._count = end

    def forget_documents(self, numbers: Collection[int]) -> None:
        """Take the rows of these documents out of every later search."""
        if not numbers:
            return
        with self._lock:
            gone = np.isin(self._documents[: self._count], np.array(list(numbers), np.int64))
            gone &= self._collections[: self._count] >= 0
            # A copy, because a search that is under way reads the old one without the lock.
            self._collections = self._collections.copy()
            self._collections[: self._count][gone] = -1
            self._dead += int(gone.sum())
            if self._dead * _MOST_DEAD > self._count:
                self._compact()

    def nearest(
        self,
        vector: Vector,
        collections: tuple[str, ...] | None,
        limit: int,
        also: Sequence[int] = (),
    ) -> tuple[NearHit, ...]:
        """The rows nearest to `vector`, best first, then those of `also` not among them."""
        assert vector.dtype == np.float32, f"the query is {vector.dtype}, not float32"
        with self._lock:
            count = self._count
            rows, ids, owners = self._rows[:count], self._ids[:count], self._collections[:count]
            documents = self._documents[:count]
            codes = None if collections is None else [self._codes.get(n, -2) for n in collections]
        cosines: Vector = np.vecdot(rows, vector)  # one thread: BLAS would spin on busy cores
        allowed = owners >= 0 if codes is None else np.isin(owners, np.array(codes, np.int32))
        cosines = np.where(allowed, cosines, np.float32(-2))
        best = _largest(cosines, min(limit, int(allowed.sum())))
        if len(also):
            extra = np.flatnonzero(np.isin(ids, np.array(also, np.int64)) & allowed)
            best = np.concatenate([best, np.setdiff1d(extra, best)])
        return tuple(
            NearHit(int(ids[row]), float(cosines[row]), int(documents[row])) for row in best
        )

    def _make_room(self, wanted: int) -> None:
        room = len(self._ids)
        if wanted <= room:
            return
        while room < wanted:
            room *= 2
        more = room - len(self._ids)
        self._rows = np.concatenate(
            [self._rows, np.zeros((more, self._dimensions), np.float32)], dtype=np.float32
        )
        self._ids = np.concatenate([self._ids, np.zeros(more, np.int64)])
        self._documents = np.concatenate([self._documents, np.zeros(more, np.int64)])
        self._collections = np.concatenate([self._collections, np.full(more, -1, np.int32)])

    def _compact(self) -> None:
        kept = np.flatnonzero(self._collections[: self._count] >= 0)
        room = max(_SMALLEST, len(kept))
        rows = np.zeros((room, self._dimensions), np.float32)
        ids, documents = np.zeros(room, np.int64), np.zeros(room, np.int64)
        owners = np.full(room, -1, np.int32)
        rows[: len(kept)] = self._rows[kept]
        ids[: len(kept)] = self._ids[kept]
        documents[: len(kept)] = self._documents[kept]
        owners[: len(kept)] = self._collections[kept]
        self._rows, self._ids, self._documents, self._collections = rows, ids, documents, owners
        self._count, self._dead = len(kept), 0


def _largest(values: NDArray[np.float32], count: int) -> NDArray[np.int64]:
    """Places of the `count` largest values, largest first; ties in order of place."""
    if count <= 0:
        return np.zeros(0, np.int64)
    if count < len(values):
        places = np.argpartition(-values, count - 1)[:count]
    else:
        places = np.arange(len(values))
    places.sort()
    return places[np.argsort(-values[places], kind="stable")].astype(np.int64)
