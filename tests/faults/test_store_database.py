"""The database under many writers, failing works, full disks and disks that break."""

import asyncio
import io
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import apsw
import pytest

from freehold.core.clock import ManualClock
from freehold.core.errors import Conflict, DiskFull, StoreFailed
from freehold.core.log import Log
from freehold.runtime.store.database import Database

LOG = Log("test", io.StringIO())
FIRST = "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT NOT NULL UNIQUE);"


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Makes a package of migrations; each call another package."""
    made = 0

    def make(*sql: str) -> str:
        nonlocal made
        made += 1
        name = f"steps_{made}_{tmp_path.name}".replace("-", "_")
        package = tmp_path / name
        package.mkdir()
        (package / "__init__.py").touch()
        for number, text in enumerate(sql, 1):
            (package / f"{number:04}_step.sql").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path))
        return name

    return make


async def opened(folder: Path, package: str, clock: ManualClock | None = None) -> Database:
    path, backups = folder / "db" / "house.sqlite", folder / "backups"
    return await Database.open(path, package, backups=backups, log=LOG, clock=clock)


@pytest.fixture
async def database(tmp_path: Path, steps: Callable[..., str]) -> AsyncIterator[Database]:
    made = await opened(tmp_path, steps(FIRST))
    yield made
    await made.close()


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def insert(text: str) -> Callable[[apsw.Connection], int]:
    def work(connection: apsw.Connection) -> int:
        connection.execute("INSERT INTO t(x) VALUES (?)", (text,))
        return connection.last_insert_rowid()

    return work


def texts(connection: apsw.Connection) -> set[str]:
    return {str(row[0]) for row in connection.execute("SELECT x FROM t")}


# -- writing and reading


async def test_what_is_written_can_be_read_at_once(database: Database) -> None:
    assert await database.write(insert("a")) == 1
    assert await database.read(texts) == {"a"}


async def test_many_writers_share_commits_and_each_hears_of_its_own(database: Database) -> None:
    numbers = await asyncio.gather(*(database.write(insert(str(n))) for n in range(500)))
    assert sorted(numbers) == list(range(1, 501))
    assert len(await database.read(texts)) == 500


async def test_a_work_that_fails_undoes_itself_alone(database: Database) -> None:
    def broken(connection: apsw.Connection) -> None:
        insert("gone")(connection)
        raise LookupError("mine")

    results = await asyncio.gather(
        *(database.write(insert(f"kept {n}")) for n in range(5)),
        database.write(broken),
        *(database.write(insert(f"kept {n}")) for n in range(5, 10)),
        return_exceptions=True,
    )
    assert [type(result) for result in results if isinstance(result, Exception)] == [LookupError]
    assert await database.read(texts) == {f"kept {n}" for n in range(10)}


async def test_a_constraint_is_a_conflict_and_bad_sql_a_failure(database: Database) -> None:
    await database.write(insert("a"))
    with pytest.raises(Conflict, match="UNIQUE"):
        await database.write(insert("a"))
    with pytest.raises(StoreFailed, match="syntax error"):
        await database.write(lambda connection: connection.execute("no such thing"))
    assert await database.write(insert("b")) == 2


async def test_a_mistake_of_ours_leaves_nobody_waiting(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bool:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr("freehold.runtime.store.writer._run", broken)
        results = await asyncio.gather(
            *(database.write(insert(str(n))) for n in range(3)), return_exceptions=True
        )
    assert {type(result) for result in results} == {StoreFailed}
    await database.write(insert("it goes on"))
    assert await database.read(texts) == {"it goes on"}


async def test_readers_cannot_write(database: Database) -> None:
    with pytest.raises(StoreFailed, match="readonly"):
        await database.read(insert("a"))


async def test_a_long_read_does_not_hold_up_writing(database: Database) -> None:
    count = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n LIMIT 3000000) "
    count += "SELECT count(*) FROM n"
    slow = asyncio.create_task(database.read(lambda c: c.execute(count).fetchall()))
    await asyncio.sleep(0)
    await database.write(insert("a"))
    assert not slow.done()
    await slow


async def test_a_caller_that_goes_away_harms_nobody(database: Database) -> None:
    task = asyncio.create_task(database.write(insert("left behind")))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await database.write(insert("b"))
    assert "b" in await database.read(texts)


async def test_close_finishes_what_is_queued_and_folds_the_log_in(
    tmp_path: Path, steps: Callable[..., str]
) -> None:
    database = await opened(tmp_path, steps(FIRST))
    writes = [asyncio.create_task(database.write(insert(str(n)))) for n in range(50)]
    await asyncio.sleep(0)
    await database.close()
    await database.close()
    assert sorted(await asyncio.gather(*writes)) == list(range(1, 51))
    assert names_in(tmp_path / "db") == ["house.sqlite"]
    with pytest.raises(StoreFailed, match="closed"):
        await database.write(insert("late"))
    with pytest.raises(StoreFailed, match="closed"):
        await database.read(texts)


async def test_the_log_does_not_grow_without_end(database: Database, tmp_path: Path) -> None:
    def much(connection: apsw.Connection) -> None:
        connection.execute("INSERT INTO t(x) SELECT hex(randomblob(50000)) FROM (VALUES (1),(2))")

    for _ in range(150):
        await database.write(much)
    assert (tmp_path / "db" / "house.sqlite-wal").stat().st_size < 20_000_000


# -- migrations


async def test_a_migration_keeps_the_rows_and_a_backup(
    tmp_path: Path, steps: Callable[..., str]
) -> None:
    database = await opened(tmp_path, steps(FIRST))
    await database.write(insert("a"))
    await database.close()
    second = "ALTER TABLE t ADD COLUMN y INTEGER NOT NULL DEFAULT 7;"
    database = await opened(tmp_path, steps(FIRST, second), ManualClock())
    found = await database.read(lambda c: c.execute("SELECT x, y FROM t").fetchall())
    await database.close()
    assert found == [("a", 7)]
    [backup] = (tmp_path / "backups").iterdir()
    assert backup.name == "house-20231114T221320-schema-1.sqlite"
    assert apsw.Connection(str(backup)).execute("SELECT x FROM t").fetchall() == [("a",)]
    assert names_in(tmp_path / "db") == ["house.sqlite"]


async def test_a_backup_holds_what_only_the_log_of_a_crashed_house_had(
    tmp_path: Path, steps: Callable[..., str]
) -> None:
    package = steps(FIRST)
    database = await opened(tmp_path, package)
    await database.write(insert("only in the log"))
    shutil.copytree(tmp_path / "db", tmp_path / "crashed" / "db")
    await database.close()
    database = await opened(tmp_path / "crashed", steps(FIRST, "CREATE TABLE u(z);"))
    assert await database.read(texts) == {"only in the log"}
    await database.close()
    [backup] = (tmp_path / "crashed" / "backups").iterdir()
    assert texts(apsw.Connection(str(backup))) == {"only in the log"}


async def test_the_last_five_backups_are_kept(tmp_path: Path, steps: Callable[..., str]) -> None:
    sql, clock = [FIRST], ManualClock()
    await (await opened(tmp_path, steps(*sql), clock)).close()
    for number in range(8):
        clock.advance(60)
        sql.append(f"CREATE TABLE u{number}(z);")
        await (await opened(tmp_path, steps(*sql), clock)).close()
    names = names_in(tmp_path / "backups")
    assert [name.partition("-schema-")[2] for name in names] == [
        f"{n}.sqlite" for n in range(4, 9)
    ]


@pytest.mark.parametrize(
    "broken",
    [
        "ALTER TABLE t ADD COLUMN y; DELETE FROM t; SELECT * FROM nowhere;",
        "CREATE TABLE c(p INTEGER REFERENCES t(id)); INSERT INTO c VALUES (99);",
        "INSERT INTO t(x) VALUES ('a');",
    ],
)
async def test_a_migration_that_fails_leaves_the_original_and_says_how_to_go_on(
    tmp_path: Path, steps: Callable[..., str], broken: str
) -> None:
    old = steps(FIRST)
    database = await opened(tmp_path, old)
    await database.write(insert("a"))
    await database.close()
    before = (tmp_path / "db" / "house.sqlite").read_bytes()
    with pytest.raises(
        StoreFailed, match=r"the migration 0003_step\.sql of house.sqlite failed"
    ) as e:
        await opened(tmp_path, steps(FIRST, "CREATE TABLE u(z);", broken))
    assert "as it was" in e.value.fix
    assert "backups" in e.value.fix
    assert (tmp_path / "db" / "house.sqlite").read_bytes() == before
    assert names_in(tmp_path / "db") == ["house.sqlite"]
    database = await opened(tmp_path, old)
    assert await database.read(texts) == {"a"}
    await database.close()


async def test_a_newer_schema_is_refused_and_both_versions_are_named(
    tmp_path: Path, steps: Callable[..., str]
) -> None:
    await (await opened(tmp_path, steps(FIRST, "CREATE TABLE u(z);"))).close()
    with pytest.raises(StoreFailed, match=r"has schema 2, this Freehold knows schemas up to 1"):
        await opened(tmp_path, steps(FIRST))


@pytest.mark.parametrize(
    "content", [b"this is a text of somebody else, not a database" * 40, b"x"]
)
async def test_a_file_that_is_no_database_of_ours_is_left_alone(
    tmp_path: Path, steps: Callable[..., str], content: bytes
) -> None:
    path = tmp_path / "db" / "house.sqlite"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(StoreFailed):
        await opened(tmp_path, steps(FIRST))
    assert path.read_bytes() == content


async def test_a_database_of_another_program_is_left_alone(
    tmp_path: Path, steps: Callable[..., str]
) -> None:
    path = tmp_path / "db" / "house.sqlite"
    path.parent.mkdir()
    other = apsw.Connection(str(path))
    other.execute("CREATE TABLE theirs(x)")
    other.close()
    with pytest.raises(StoreFailed, match="of another program"):
        await opened(tmp_path, steps(FIRST))


async def test_a_damaged_database_is_said_with_the_way_out(
    tmp_path: Path, steps: Callable[..., str]
) -> None:
    package = steps(FIRST)
    database = await opened(tmp_path, package)
    for number in range(200):
        await database.write(insert(f"{number} " + "x" * 100))
    await database.close()
    path = tmp_path / "db" / "house.sqlite"
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (path.stat().st_size - 4096))
    database = await opened(tmp_path, package)
    with pytest.raises(StoreFailed, match="malformed") as damaged:
        await database.read(texts)
    assert "backups" in damaged.value.fix
    await database.close()


async def test_an_empty_file_is_a_new_database(tmp_path: Path, steps: Callable[..., str]) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "house.sqlite").touch()
    database = await opened(tmp_path, steps(FIRST))
    assert await database.write(insert("a")) == 1
    await database.close()


async def test_what_a_killed_migration_left_is_cleared_away(
    tmp_path: Path, steps: Callable[..., str]
) -> None:
    (tmp_path / "db").mkdir()
    (tmp_path / "db" / "house.sqlite.new").write_bytes(b"half a copy")
    await (await opened(tmp_path, steps(FIRST))).close()
    assert names_in(tmp_path / "db") == ["house.sqlite"]


# -- disks


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real filesystem of four megabytes."""
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)], check=True)
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.root
async def test_a_full_disk_is_said_and_loses_nothing_and_passes(
    small_disk: Path, steps: Callable[..., str]
) -> None:
    database = await opened(small_disk, steps(FIRST))
    acknowledged: set[str] = set()
    refused = 0
    for number in range(200):
        text = f"{number} " + "x" * 50_000
        try:
            await database.write(insert(text))
            acknowledged.add(text)
        except DiskFull:
            refused += 1
        assert await database.read(texts) == acknowledged
    assert refused > 0
    assert acknowledged

    def clear(connection: apsw.Connection) -> None:
        connection.execute("DELETE FROM t")

    subprocess.run(["mount", "-o", "remount,size=32m", str(small_disk)], check=True)
    await database.write(clear)
    await database.write(insert("it goes on"))
    assert await database.read(texts) == {"it goes on"}
    check = await database.read(lambda c: c.execute("PRAGMA integrity_check").fetchall())
    assert check == [("ok",)]
    await database.close()


@pytest.mark.root
async def test_a_migration_without_room_leaves_the_original(
    small_disk: Path, steps: Callable[..., str]
) -> None:
    database = await opened(small_disk, steps(FIRST))
    for number in range(25):
        await database.write(insert(f"{number} " + "x" * 50_000))
    await database.close()
    before = (small_disk / "db" / "house.sqlite").read_bytes()
    with pytest.raises(DiskFull):
        await opened(
            small_disk, steps(FIRST, "CREATE TABLE u AS SELECT * FROM t, (VALUES (1),(2));")
        )
    assert (small_disk / "db" / "house.sqlite").read_bytes() == before
    assert "house.sqlite.new" not in names_in(small_disk / "db")


_WRITER = Path(__file__).with_name("store_writer.py")


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace (apt install strace)")
@pytest.mark.parametrize(
    "injection",
    [
        "fdatasync,fsync:error=EIO:when=40",
        "fdatasync,fsync:error=EIO:when=40+7",
        "pwrite64:error=EIO:when=200+31",
        "pwrite64:error=ENOSPC:when=200+13",
    ],
)
def test_nothing_acknowledged_is_lost_on_a_disk_that_breaks(
    tmp_path: Path, steps: Callable[..., str], injection: str
) -> None:
    package = steps(FIRST)
    path, acks = tmp_path / "db" / "house.sqlite", tmp_path / "acks"
    command = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={injection}"]
    writer = [sys.executable, str(_WRITER), str(path), package, str(acks), "300"]
    paths = [str(tmp_path), str(Path(__file__).parents[2] / "src")]
    ran = subprocess.run(
        [*command, *writer],
        check=True,
        capture_output=True,
        text=True,
        timeout=100,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
    )
    counted = dict(word.split("=") for word in ran.stdout.split())
    acknowledged = set(acks.read_text().split())
    assert int(counted["failed"]) > 0
    assert len(acknowledged) == int(counted["acknowledged"]) > 0
    connection = apsw.Connection(str(path))
    assert acknowledged <= texts(connection)
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
