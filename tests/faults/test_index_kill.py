"""`kill -9` while documents are added and embedded: rows, words and vectors stay in step."""

import asyncio
import random
import re
import signal
import sys
from pathlib import Path

import apsw
import pytest

from faults.index_child import FILES, library

_CHILD = Path(__file__).with_name("index_child.py")
_STEP = {
    "a passage without words": (
        "SELECT count(*) FROM passages WHERE id NOT IN (SELECT id FROM words_docsize)"
    ),
    "words without a passage": (
        "SELECT count(*) FROM words_docsize WHERE id NOT IN (SELECT id FROM passages)"
    ),
    "a vector without a passage": (
        "SELECT count(*) FROM vectors WHERE passage NOT IN (SELECT id FROM passages)"
    ),
    "a document that counts wrong": (
        "SELECT count(*) FROM documents d WHERE d.passages !="
        " (SELECT count(*) FROM passages p WHERE p.document = d.number)"
    ),
}


async def killed(folder: Path, after_s: float) -> int:
    """Let the child work for a while, kill it, and say which round it had acknowledged."""
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        str(_CHILD),
        str(folder),
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    assert child.stdout is not None
    said = [await asyncio.wait_for(child.stdout.readline(), 60)]
    await asyncio.sleep(after_s)
    child.send_signal(signal.SIGKILL)
    said += (await child.stdout.read()).splitlines()
    await child.wait()
    rounds = [int(line.split()[1]) for line in said if line.startswith(b"added ")]
    assert rounds, said
    return rounds[-1]


def in_step(folder: Path) -> None:
    connection = apsw.Connection(str(folder / "knowledge.sqlite"))
    assert connection.pragma("integrity_check") == "ok"
    connection.execute("INSERT INTO words (words) VALUES ('integrity-check')")
    for what, sql in _STEP.items():
        row = connection.execute(sql).fetchone()
        assert row == (0,), what
    connection.close()


async def mended(folder: Path, acknowledged: int) -> None:
    """After a start nothing waits, nothing acknowledged is gone, and everything has its vector."""
    async with library(folder) as shelf:
        async with asyncio.timeout(60):
            while True:
                documents = await shelf.documents(None, "", 100)
                waiting = [one for one in documents if one.state != "indexed"]
                passages = sum(one.passages for one in documents)
                if not waiting and shelf.meaning().done == shelf.meaning().total == passages:
                    break
                await asyncio.sleep(0.01)
        assert len(documents) == FILES
        for document in documents:
            text = await shelf.text(document.id, None)
            joined = " ".join(part.text for part in text.parts)
            rounds = {int(n) for n in re.findall(r"round (\d+)", joined)}
            assert len(rounds) == 1, f"{document.file} is of several rounds: {rounds}"
            assert rounds.pop() >= acknowledged, document.file
        assert (await shelf.search(f"round {acknowledged}")).meaning


async def kill_often(folder: Path, times: int) -> None:
    chance = random.Random(7)
    for _ in range(times):
        acknowledged = await killed(folder, chance.uniform(0.0, 0.4))
        in_step(folder)
        await mended(folder, acknowledged)
        in_step(folder)


async def test_a_kill_leaves_the_index_in_step(tmp_path: Path) -> None:
    await kill_often(tmp_path, 3)


@pytest.mark.full
@pytest.mark.timeout(900)
async def test_fifty_kills_leave_the_index_in_step(tmp_path: Path) -> None:
    await kill_often(tmp_path, 50)
