"""Reading children that hang, die, eat or babble: the file gets a reason, the next one is fine."""

import asyncio
import functools
import io
import os
import random
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from fakes import reading_child
from fixtures.documents.pdf import pdf
from freehold.core.errors import ChildFailed
from freehold.core.log import Log
from freehold.core.units import GIB, MIB
from freehold.runtime.knowledge import reader
from freehold.runtime.knowledge.read.contract import ReadFile, Unreadable
from freehold.runtime.knowledge.reader import Readers

DEADLINE_S = 20.0


@pytest.fixture
def log() -> Log:
    return Log("test", io.StringIO())


@pytest.fixture
def words(tmp_path: Path) -> Path:
    path = tmp_path / "words.txt"
    path.write_text("Only words.")
    return path


@pytest.fixture
async def scripted(log: Log, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Readers]:
    monkeypatch.setattr(reader, "_BOOT", reading_child.BOOT)
    async with Readers(log, workers=1, time_limit_s=1.0, memory_limit=256 * MIB) as readers:
        yield readers


async def until(true: Callable[[], bool]) -> None:
    """Wait for a condition, not for time."""
    async with asyncio.timeout(DEADLINE_S):
        while not true():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


async def reason_of(readers: Readers, path: Path, name: str) -> str:
    with pytest.raises(Unreadable) as caught:
        await readers.read(path, name)
    assert caught.value.where == name
    return caught.value.reason


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("hang", "too-slow"),
        ("spin", "too-slow"),
        ("eat", "too-much-memory"),
        ("exit", "crashed"),
        ("segfault", "crashed"),
        ("killed", "too-much-memory"),
        ("garbage", "crashed"),
        ("huge", "crashed"),
        ("half", "crashed"),
        ("flood", "crashed"),
    ],
)
async def test_a_child_that_fails_is_replaced_and_the_next_file_is_read(
    scripted: Readers, words: Path, fault: str, reason: str
) -> None:
    await scripted.read(words, "words.txt")
    (before,) = scripted.children
    assert await reason_of(scripted, words, fault) == reason
    assert not alive(before)
    assert (await scripted.read(words, "words.txt")).pieces[0].text == "Only words."


async def test_a_file_whose_child_was_killed_is_tried_once_more(
    scripted: Readers, words: Path
) -> None:
    assert (await scripted.read(words, "stumble")).pieces[0].text == "Only words."


async def test_children_killed_at_random_lose_no_file(log: Log, tmp_path: Path) -> None:
    chance = random.Random(7)
    done = 0

    async def read_one(readers: Readers, path: Path) -> ReadFile:
        nonlocal done
        read = await readers.read(path, path.name)
        done += 1
        return read

    paths = [tmp_path / f"{number}.txt" for number in range(200)]
    for path in paths:
        path.write_text(f"Words of {path.name}. " * 300)
    async with Readers(log, workers=2) as readers:
        reading = asyncio.gather(*(read_one(readers, path) for path in paths))
        for _ in range(6):
            await until(lambda: bool(readers.children) or reading.done())
            for child in chance.sample(readers.children, min(1, len(readers.children))):
                os.kill(child, signal.SIGKILL)
            enough = done + chance.randint(20, 30)
            await until(functools.partial(lambda some: done >= some or reading.done(), enough))
        for path, read in zip(paths, await reading, strict=True):
            assert path.name in read.pieces[0].text


async def test_a_file_that_fails_in_order_keeps_its_child(log: Log, words: Path) -> None:
    async with Readers(log, workers=1) as readers:
        await readers.read(words, "words.txt")
        before = readers.children
        assert await reason_of(readers, words.parent / "gone", "gone.txt") == "vanished"
        assert await reason_of(readers, words.parent, "folder") == "not-a-file"
        await readers.read(words, "words.txt")
        assert readers.children == before


async def test_the_memory_limit_holds_in_the_real_child(log: Log, words: Path) -> None:
    big = words.parent / "big.pdf"
    big.write_bytes(b"%PDF-1.4\n" + bytes(150 * MIB))
    async with Readers(log, workers=1, memory_limit=192 * MIB) as readers:
        assert await reason_of(readers, big, "big.pdf") == "too-much-memory"
        assert (await readers.read(words, "words.txt")).kind == "text"


async def test_a_text_without_a_pause_runs_into_the_time_limit(log: Log, words: Path) -> None:
    dense = words.parent / "dense.txt"
    dense.write_text("\u8a9e\u65e5\u672c" * 3_000_000, encoding="utf-8")
    async with Readers(log, workers=1, time_limit_s=0.5) as readers:
        assert await reason_of(readers, dense, "dense.txt") == "too-slow"
        assert (await readers.read(words, "words.txt")).kind == "text"


async def test_a_hang_in_one_child_does_not_hold_up_the_other(
    log: Log, words: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "_BOOT", reading_child.BOOT)
    async with Readers(log, workers=2, time_limit_s=60) as readers:
        stuck = asyncio.ensure_future(readers.read(words, "hang"))
        await until(lambda: bool(readers.children))
        for _ in range(3):
            assert (await readers.read(words, "words.txt")).kind == "text"
        stuck.cancel()
        with pytest.raises(asyncio.CancelledError):
            await stuck
        assert (await readers.read(words, "words.txt")).kind == "text"


async def test_a_caller_who_leaves_takes_the_child_along(scripted: Readers, words: Path) -> None:
    task = asyncio.ensure_future(scripted.read(words, "hang"))
    await until(lambda: bool(scripted.children))
    (child,) = scripted.children
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await until(lambda: not alive(child))


async def test_children_leave_when_there_is_nothing_to_read(log: Log, words: Path) -> None:
    async with Readers(log, workers=2, idle_s=0.05) as readers:
        assert readers.children == ()
        await asyncio.gather(*(readers.read(words, "words.txt") for _ in range(8)))
        born = readers.children
        assert 1 <= len(born) <= 2
        await until(lambda: readers.children == ())
        await until(lambda: not any(alive(pid) for pid in born))
        assert (await readers.read(words, "words.txt")).kind == "text"


async def test_no_child_outlives_the_pool(log: Log, words: Path) -> None:
    async with Readers(log, workers=2) as readers:
        await asyncio.gather(*(readers.read(words, "words.txt") for _ in range(4)))
        born = readers.children
    assert born
    assert not any(alive(pid) for pid in born)


async def test_a_pool_that_ends_ends_the_reading_under_way(log: Log, words: Path) -> None:
    async with Readers(log) as readers:
        (words.parent / "long.txt").write_text("\u8a9e" * 8_000_000, encoding="utf-8")
        stuck = asyncio.ensure_future(readers.read(words.parent / "long.txt", "a.txt"))
        await until(lambda: bool(readers.children))
        born = readers.children
    with pytest.raises((Unreadable, ChildFailed)):
        await stuck
    assert readers.children == ()
    await until(lambda: not any(alive(pid) for pid in born))


async def test_a_killed_idle_child_is_replaced_unseen(log: Log, words: Path) -> None:
    async with Readers(log, workers=1) as readers:
        await readers.read(words, "words.txt")
        (child,) = readers.children
        os.kill(child, signal.SIGKILL)
        await until(lambda: readers.children == ())
        assert (await readers.read(words, "words.txt")).kind == "text"


async def test_a_child_is_confined(log: Log, words: Path) -> None:
    async with Readers(log, workers=1) as readers:
        await readers.read(words, "words.txt")
        (child,) = readers.children
        limits = Path(f"/proc/{child}/limits").read_text()
        bounds = {line[:26].strip(): line[26:].split()[0] for line in limits.splitlines()}
        assert bounds["Max address space"] == str(GIB)
        assert bounds["Max file size"] == "0"
        assert bounds["Max core file size"] == "0"
        assert bounds["Max open files"] == "64"
        assert "NoNewPrivs:\t1" in Path(f"/proc/{child}/status").read_text()


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to leave the network")
async def test_a_child_has_no_network(log: Log, words: Path) -> None:
    async with Readers(log, workers=1) as readers:
        await readers.read(words, "words.txt")
        (child,) = readers.children
        try:
            theirs = Path(f"/proc/{child}/ns/net").readlink()
        except PermissionError:
            pytest.skip("this system hides namespaces")
        if theirs == Path("/proc/self/ns/net").readlink():
            pytest.skip("this system does not let a process leave the network")
        devices = Path(f"/proc/{child}/net/dev").read_text()
        assert [line.split(":")[0].strip() for line in devices.splitlines()[2:]] == ["lo"]


async def test_children_die_with_a_killed_house(words: Path, tmp_path: Path) -> None:
    house = tmp_path / "house.py"
    house.write_text(
        "import asyncio, pathlib, sys\n"
        f"sys.path[:0] = {[path for path in sys.path if path]!r}\n"
        "from freehold.core.log import Log\n"
        "from freehold.runtime.knowledge.reader import Readers\n"
        "async def main():\n"
        "    async with Readers(Log('t'), idle_s=600) as readers:\n"
        f"        await readers.read(pathlib.Path({str(words)!r}), 'words.txt')\n"
        "        print(*readers.children, flush=True)\n"
        "        await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    parent = subprocess.Popen([sys.executable, house], stdout=subprocess.PIPE, text=True)
    with parent:
        assert parent.stdout is not None
        child = int(await asyncio.to_thread(parent.stdout.readline))
        assert alive(child)
        parent.kill()
    await until(lambda: not alive(child))


async def test_a_document_is_the_same_through_a_child(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "lease.pdf"
    path.write_bytes(pdf([["The roof is mended by the landlord."], [], ["Page three."]]))
    async with Readers(log) as readers:
        read = await readers.read(path, "lease.pdf")
    assert (read.kind, read.pages, read.note) == ("pdf", 3, "1 of 3 pages hold no text")
    assert [piece.page for piece in read.pieces] == [1, 3]
    assert read.characters == sum(len(piece.text) for piece in read.pieces)


async def test_a_large_document_arrives_in_many_frames_in_order(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    path.write_text("Number,Text\n" + "".join(f"{at},{'w ' * 140}\n" for at in range(3000)))
    async with Readers(log) as readers:
        read = await readers.read(path, "long.csv")
    assert [piece.line for piece in read.pieces] == list(range(2, 3002))


@pytest.mark.parametrize("boot", ["import sys; sys.exit(3)", "print('hello')", "no python"])
async def test_a_child_that_does_not_start_is_said_to_have_failed(
    log: Log, words: Path, monkeypatch: pytest.MonkeyPatch, boot: str
) -> None:
    monkeypatch.setattr(reader, "_BOOT", boot)
    async with Readers(log) as readers:
        with pytest.raises(ChildFailed):
            await readers.read(words, "words.txt")
        assert readers.children == ()


async def test_a_name_no_system_takes_has_vanished(log: Log) -> None:
    async with Readers(log) as readers:
        assert await reason_of(readers, Path("/\ud800"), "x.txt") == "vanished"
        assert readers.children == ()
