"""The vectors in memory: exact, in step, and of one type."""

import numpy as np
import pytest

from freehold.runtime.knowledge.index.contract import Vectors
from freehold.runtime.knowledge.index.matrix import Matrix


def unit(rows: int, seed: int = 1) -> Vectors:
    made = np.random.default_rng(seed).normal(size=(rows, 8)).astype(np.float32)
    return made / np.linalg.norm(made, axis=1, keepdims=True)


def filled(rows: int = 50) -> tuple[Matrix, Vectors]:
    matrix, vectors = Matrix(8), unit(rows)
    collections = ["a" if n % 2 else "b" for n in range(rows)]
    matrix.append(range(100, 100 + rows), [n // 5 for n in range(rows)], collections, vectors)
    return matrix, vectors


def test_the_nearest_are_those_of_an_exact_search() -> None:
    matrix, vectors = filled()
    cosines = vectors @ vectors[7]
    wanted = [100 + int(n) for n in np.argsort(-cosines, kind="stable")[:10]]
    assert [hit.id for hit in matrix.nearest(vectors[7], None, 10)] == wanted


def test_a_collection_hides_the_others() -> None:
    matrix, vectors = filled()
    assert {hit.id % 2 for hit in matrix.nearest(vectors[0], ("a",), 50)} == {1}
    assert matrix.nearest(vectors[0], ("nobody",), 5) == ()
    assert matrix.nearest(vectors[0], (), 5) == ()


def test_more_may_be_asked_for_than_there_is() -> None:
    matrix, vectors = filled(3)
    assert len(matrix.nearest(vectors[0], None, 60)) == 3
    assert Matrix(8).nearest(vectors[0], None, 5) == ()


def test_passages_asked_for_by_name_come_after_the_nearest() -> None:
    matrix, vectors = filled()
    hits = matrix.nearest(vectors[0], None, 3, also=[100, 149, 999])
    assert len(hits) == 4
    assert {hit.id for hit in hits} >= {100, 149}
    assert next(hit.cosine for hit in hits if hit.id == 149) == pytest.approx(
        float(vectors[49] @ vectors[0]), abs=1e-6
    )


def test_a_forgotten_document_is_found_no_more_and_its_room_is_used_again() -> None:
    matrix, vectors = filled()
    matrix.forget_documents([0, 1])
    assert len(matrix) == 40
    assert min(hit.id for hit in matrix.nearest(vectors[0], None, 50)) == 110
    matrix.forget_documents(range(9))
    assert len(matrix) == 5
    assert {hit.id for hit in matrix.nearest(vectors[0], None, 50)} == set(range(145, 150))
    matrix.append([1], [77], ["a"], vectors[:1])
    assert matrix.nearest(vectors[0], None, 1)[0].id == 1


def test_it_grows_beyond_its_first_room() -> None:
    matrix = Matrix(8)
    vectors = unit(3000)
    for begin in range(0, 3000, 500):
        part = range(begin, begin + 500)
        matrix.append(part, part, ["a"] * 500, vectors[begin : begin + 500])
    assert matrix.nearest(vectors[2999], None, 1)[0].id == 2999


def test_no_float64_comes_in() -> None:
    matrix, vectors = filled()
    with pytest.raises(AssertionError, match="float64"):
        matrix.nearest(vectors[0].astype(np.float64), None, 1)  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match="float64"):
        matrix.append([1], [1], ["a"], vectors[:1].astype(np.float64))  # type: ignore[arg-type]
