"""Rows become values, and SQL has names."""

import apsw
import msgspec
import pytest

from freehold.core.errors import StoreFailed
from freehold.runtime.store.queries import parse, queries
from freehold.runtime.store.rows import one, rows


class Thing(msgspec.Struct, frozen=True):
    name: str
    size: int
    kept: bool
    body: bytes | None = None


@pytest.fixture
def connection() -> apsw.Connection:
    made = apsw.Connection(":memory:")
    made.execute("CREATE TABLE t(name TEXT, size INTEGER, kept INTEGER, body BLOB)")
    made.execute("INSERT INTO t VALUES ('a', 1, 1, x'00ff'), ('b', 2, 0, NULL)")
    return made


def test_columns_are_fields_by_name(connection: apsw.Connection) -> None:
    cursor = connection.execute("SELECT kept, size, name, body FROM t ORDER BY name")
    expected = [
        Thing(name="a", size=1, kept=True, body=b"\x00\xff"),
        Thing(name="b", size=2, kept=False),
    ]
    assert rows(cursor, Thing) == expected


def test_no_row_is_none_and_an_empty_list(connection: apsw.Connection) -> None:
    sql = "SELECT * FROM t WHERE size > 5"
    assert one(connection.execute(sql), Thing) is None
    assert rows(connection.execute(sql), Thing) == []


def test_one_takes_the_first_row(connection: apsw.Connection) -> None:
    found = one(connection.execute("SELECT * FROM t ORDER BY name"), Thing)
    assert found == Thing(name="a", size=1, kept=True, body=b"\x00\xff")


def test_a_row_of_another_shape_is_named(connection: apsw.Connection) -> None:
    with pytest.raises(StoreFailed, match="a stored row is not a Thing"):
        rows(connection.execute("SELECT name FROM t"), Thing)
    with pytest.raises(StoreFailed, match="a stored row is not a Thing"):
        one(connection.execute("SELECT 'x' AS size, name, kept FROM t"), Thing)


def test_queries_are_read_by_name() -> None:
    text = "-- A file.\n\n-- name: one\n-- The first.\nSELECT 1;\n\n"
    text += "-- name: two\n-- Next.\nSELECT 2\n"
    assert parse(text, "x") == {"one": "SELECT 1;", "two": "SELECT 2"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("SELECT 1;\n-- name: a\n-- A.\nSELECT 1", "before the first name"),
        ("-- name: a\nSELECT 1", "one line that describes it"),
        ("-- name: a\n-- A.\n-- nothing", "one line that describes it"),
        ("-- name: a\n-- A.\nSELECT 1\n-- name: a\n-- A.\nSELECT 2", "there twice"),
        ("-- name: A-b\n-- A.\nSELECT 1", "misspelt"),
    ],
)
def test_a_careless_query_file_is_refused(text: str, complaint: str) -> None:
    with pytest.raises(StoreFailed, match=complaint):
        parse(text, "x")


def test_a_query_file_lies_beside_its_package(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "room_with_queries"  # type: ignore[operator]
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "queries.sql").write_text("-- name: a\n-- A.\nSELECT 1\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert queries("room_with_queries")["a"] == "SELECT 1"
