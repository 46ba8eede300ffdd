"""Vectors as the house keeps them: unit length, little-endian float32. Pure."""

from collections.abc import Sequence

import numpy as np

from freehold.core.errors import EngineCut
from freehold.runtime.calls import Embeddings, Usage


def unit_vectors(
    given: Sequence[bytes | Sequence[float]], expected: int, usage: Usage, place: str
) -> Embeddings:
    """Bring what an engine gave to the house's form; bytes are little-endian float32.

    Raises:
        EngineCut: vectors are missing, of different lengths, empty or not finite.
    """
    if len(given) != expected:
        message = f"{place} sent {len(given)} vectors for {expected} texts"
        raise EngineCut(message, where=place)
    try:
        with np.errstate(
            over="ignore"
        ):  # what does not fit becomes infinite, and is refused below
            rows = [
                np.frombuffer(item, "<f4") if isinstance(item, bytes) else np.array(item, "<f4")
                for item in given
            ]
        matrix = np.stack(rows) if rows else np.zeros((0, 0), "<f4")
    except ValueError as error:
        message = f"{place} sent vectors of different lengths"
        raise EngineCut(message, where=place) from error
    lengths = np.linalg.norm(matrix.astype("<f8"), axis=1, keepdims=True)
    if rows and (not np.isfinite(lengths).all() or matrix.shape[1] == 0):
        message = f"{place} sent vectors that are not finite"
        raise EngineCut(message, where=place)
    unit = (matrix / np.where(lengths > 0, lengths, 1)).astype("<f4")
    vectors = tuple(row.tobytes() for row in unit)
    return Embeddings(vectors=vectors, dimensions=matrix.shape[1], usage=usage)
