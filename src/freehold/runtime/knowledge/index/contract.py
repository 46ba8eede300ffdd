"""What an index must be: keeps passages with words and meaning in step, and finds them.

Vectors are float32 of unit length from the door on: a float64 among them would cost nine times as
much (Source: measured, numpy 2 promotes silently).
"""

from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.runtime.calls import Passage

Vector = NDArray[np.float32]
"""One dimension, unit length."""
Vectors = NDArray[np.float32]
"""Two dimensions: one row for each text."""


class WordHit(msgspec.Struct, frozen=True):
    """A passage that shares words with a query."""

    id: int
    score: float
    """BM25 as a positive number; comparable within one search only."""
    coverage: float
    """0 to 1: share of the query's information that the passage's words carry."""


class NearHit(msgspec.Struct, frozen=True):
    """A passage near to a query in meaning."""

    id: int
    cosine: float
    document: int
    """Number of its document."""


class Waiting(msgspec.Struct, frozen=True):
    """A passage that has no vector yet."""

    id: int
    document: int
    """Number of its document."""
    file: str
    heading: str
    text: str


class Index(Protocol):
    """Finds passages. Every method leaves the event loop free while it works."""

    async def by_words(
        self, query: str, collections: tuple[str, ...] | None, limit: int
    ) -> tuple[WordHit, ...]:
        """Passages that share words with `query`, best first; empty when none does.

        Raises:
            StoreFailed: the index could not be read.
        """
        ...

    async def by_meaning(
        self,
        vector: Vector,
        collections: tuple[str, ...] | None,
        limit: int,
        also: Sequence[int] = (),
    ) -> tuple[NearHit, ...]:
        """The passages nearest to `vector`, best first, then those of `also` in no order.

        Raises:
            StoreFailed: the index could not be read.
        """
        ...

    async def passages(self, ids: Sequence[int]) -> dict[int, Passage]:
        """Passages by id; one that is gone meanwhile is not among them.

        Raises:
            StoreFailed: the index could not be read.
        """
        ...

    async def waiting(self, after: int, limit: int) -> tuple[Waiting, ...]:
        """Passages without a vector whose id is larger than `after`, in order of id.

        Raises:
            StoreFailed: the index could not be read.
        """
        ...

    async def keep_vectors(self, ids: Sequence[int], vectors: Vectors) -> None:
        """Give passages their vectors; ids that are gone meanwhile are passed over.

        Raises:
            DiskFull: nothing was kept.
            StoreFailed: it is not known to be kept.
        """
        ...

    async def expect_model(self, model: str) -> None:
        """Say what will make the vectors; those another model made are forgotten.

        Raises:
            DiskFull: nothing was changed.
            StoreFailed: it is not known to be changed.
        """
        ...

    async def counts(self) -> tuple[int, int]:
        """Passages in all, and those that have a vector. Raises `StoreFailed`."""
        ...
