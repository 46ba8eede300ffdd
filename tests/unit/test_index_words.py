"""The index in SQLite: words found, passages replaced, and everything in step."""

import io
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import numpy as np
import pytest

from freehold.core.log import Log
from freehold.runtime.knowledge.index.sqlite import Change, SqliteIndex, put_passages
from freehold.runtime.knowledge.read.contract import Piece
from freehold.runtime.store.database import Database


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    made = await Database.open(
        tmp_path / "knowledge.sqlite",
        "freehold.runtime.store.knowledge",
        backups=tmp_path / "backups",
        log=Log("test", io.StringIO()),
    )
    yield made
    await made.close()


async def put(index: SqliteIndex, file: str, pieces: list[Piece], collection: str = "home") -> int:
    def work(connection: apsw.Connection) -> tuple[int, Change]:
        row = connection.execute(
            "INSERT INTO documents (id, collection, file, place, path, bytes, changed_ns, state,"
            " added_at) VALUES (?2 || ?1, ?2, ?1, ?1, ?1, 1, 1, 'indexed', 1)"
            " ON CONFLICT (collection, place) DO UPDATE SET bytes = 1 RETURNING number",
            (file, collection),
        ).fetchone()
        assert row is not None
        number = int(row[0])
        return number, put_passages(connection, number, collection, pieces)

    return await index.change(work)


async def step(database: Database) -> tuple[int, int, int]:
    """Rows, rows that words know, vectors that belong to a row."""

    def work(connection: apsw.Connection) -> tuple[int, int, int]:
        asked = (
            "SELECT count(*) FROM passages",
            "SELECT count(*) FROM words_docsize WHERE id IN (SELECT id FROM passages)",
            "SELECT count(*) FROM vectors WHERE passage IN (SELECT id FROM passages)",
        )
        found = [connection.execute(sql).fetchone() for sql in asked]
        return tuple(int(row[0]) for row in found if row)  # type: ignore[return-value]

    return await database.read(work)


LEASE = [
    Piece("The deposit is three net rents.", None, 3, "Lease > Deposit"),
    Piece("Dogs need written consent; see INC-4471.", None, 7, "Lease > Pets"),
    Piece("Notice is three months.", None, 9, "Lease > Ending"),
]


async def ids(index: SqliteIndex, query: str, *collections: str) -> list[str]:
    hits = await index.by_words(query, collections or None, 10)
    known = await index.passages([hit.id for hit in hits])
    return [known[hit.id].text.split()[0] for hit in hits]


async def test_words_are_found_in_text_heading_and_file_name(database: Database) -> None:
    index = SqliteIndex(database)
    await put(index, "lease.md", LEASE)
    assert await ids(index, "consents") == ["Dogs"]
    assert await ids(index, "pets") == ["Dogs"]
    assert len(await ids(index, "lease.md")) == 3
    assert await ids(index, "zebra") == []


async def test_a_heading_counts_more_than_the_text(database: Database) -> None:
    index = SqliteIndex(database)
    pieces = [
        Piece("Ending matters here: ending, and words around it.", None, 1, "Other"),
        Piece("Something else entirely stands in this passage.", None, 2, "Ending"),
    ]
    await put(index, "a.md", pieces)
    assert await ids(index, "ending") == ["Something", "Ending"]


async def test_an_identifier_is_found_whole_before_its_parts(database: Database) -> None:
    index = SqliteIndex(database)
    parts = [Piece(f"INC is an office, room {n}. Room 4471 is free.", None, n) for n in range(4)]
    await put(index, "rooms.md", parts)
    await put(index, "lease.md", LEASE)
    assert (await ids(index, "inc-4471"))[0] == "Dogs"


@pytest.mark.parametrize(
    "query",
    ["", '"', "AND OR NOT", "(", "a*", "NEAR(", "col:umn", "\x00", "\ud800", "- ^ +", "?" * 9000],
)
async def test_no_query_breaks_the_search(database: Database, query: str) -> None:
    index = SqliteIndex(database)
    await put(index, "lease.md", LEASE)
    await index.by_words(query, None, 10)


async def test_empty_words_are_passed_over_unless_there_is_nothing_else(
    database: Database,
) -> None:
    index = SqliteIndex(database)
    await put(index, "lease.md", LEASE)
    hits = await index.by_words("what is the deposit", None, 10)
    assert len(hits) == 1
    assert hits[0].coverage == 1.0
    assert len(await index.by_words("is the", None, 10)) > 0


async def test_coverage_counts_rare_and_missing_words_more(database: Database) -> None:
    index = SqliteIndex(database)
    await put(index, "lease.md", LEASE)
    assert (await index.by_words("deposit submarine", None, 10))[0].coverage < 0.5
    assert (await index.by_words("three deposit", None, 10))[0].coverage == 1.0


async def test_a_collection_hides_the_others(database: Database) -> None:
    index = SqliteIndex(database)
    await put(index, "lease.md", LEASE)
    await put(index, "lease.md", LEASE[:1], collection="work")
    assert await ids(index, "deposit", "work") == ["The"]
    assert len(await index.by_words("deposit", ("home", "work"), 10)) == 2
    assert await index.by_words("deposit", (), 10) == ()


async def test_replacing_passages_keeps_words_and_vectors_in_step(database: Database) -> None:
    index = SqliteIndex(database)
    number = await put(index, "lease.md", LEASE)
    waiting = await index.waiting(0, 10)
    vectors = np.eye(3, 384, dtype=np.float32)
    await index.keep_vectors([passage.id for passage in waiting], vectors)
    assert await step(database) == (3, 3, 3)
    changed = [LEASE[0], Piece("Cats are welcome.", None, 7, "Lease > Pets")]
    assert await put(index, "lease.md", changed) == number
    assert await step(database) == (2, 2, 1)
    assert await ids(index, "dogs") == []
    assert await ids(index, "cats") == ["Cats"]
    assert [passage.text for passage in await index.waiting(0, 10)] == ["Cats are welcome."]


async def test_a_passage_that_stays_keeps_its_vector_in_memory_too(database: Database) -> None:
    index = SqliteIndex(database)
    await put(index, "lease.md", LEASE)
    waiting = await index.waiting(0, 10)
    vectors = np.eye(3, 384, dtype=np.float32)
    await index.keep_vectors([passage.id for passage in waiting], vectors)
    before = await index.by_meaning(vectors[0], None, 1)
    await put(index, "lease.md", LEASE[:1])
    after = await index.by_meaning(vectors[0], None, 5)
    assert len(after) == 1
    assert after[0].id != before[0].id
    assert after[0].cosine == pytest.approx(1.0)
    assert await SqliteIndex(database).by_meaning(vectors[0], None, 5) == after


async def test_vectors_of_another_model_are_forgotten(database: Database) -> None:
    index = SqliteIndex(database)
    await index.expect_model("one")
    await put(index, "lease.md", LEASE)
    waiting = await index.waiting(0, 10)
    await index.keep_vectors([p.id for p in waiting], np.eye(3, 384, dtype=np.float32))
    await index.expect_model("one")
    assert await index.counts() == (3, 3)
    await index.expect_model("two")
    assert await index.counts() == (3, 0)
    assert await index.by_meaning(np.eye(1, 384, dtype=np.float32)[0], None, 5) == ()


async def test_a_vector_for_a_passage_that_is_gone_is_passed_over(database: Database) -> None:
    index = SqliteIndex(database)
    await put(index, "lease.md", LEASE)
    await index.keep_vectors([9999], np.eye(1, 384, dtype=np.float32))
    assert await index.counts() == (3, 0)
