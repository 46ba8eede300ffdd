"""Documents from a folder to an answer: added, found, changed, removed, and never lost."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from fakes.embedding_engine import EmbeddingEngine
from freehold.core.clock import Clock, ManualClock, SystemClock
from freehold.core.errors import BadRequest, EngineUnreachable, NotFound
from freehold.core.log import Log
from freehold.core.units import Bytes
from freehold.runtime.knowledge.contract import Progress
from freehold.runtime.knowledge.embed import Embedder
from freehold.runtime.knowledge.library import Library
from freehold.runtime.knowledge.reader import Readers
from freehold.runtime.store.blobs import Blobs
from freehold.runtime.store.database import Database

LOG = Log("test", io.StringIO())

LEASE = "# Lease\n\n## Deposit\n\nThe deposit is three rents.\n\n## Pets\n\nDogs need consent.\n"


@asynccontextmanager
async def library(
    folder: Path, embedder: Embedder | None = None, clock: Clock | None = None
) -> AsyncIterator[Library]:
    clock = clock or SystemClock()
    async with AsyncExitStack() as up:
        database = await Database.open(
            folder / "knowledge.sqlite",
            "freehold.runtime.store.knowledge",
            backups=folder / "backups",
            log=LOG,
        )
        up.push_async_callback(database.close)
        yield await up.enter_async_context(
            Library.open(
                database,
                blobs=Blobs(folder / "blobs"),
                readers=await up.enter_async_context(Readers(LOG)),
                embedder=embedder or Embedder.off("not here", EmbeddingEngine(), clock, LOG),
                clock=clock,
                log=LOG,
            )
        )


def embedder(engine: EmbeddingEngine, clock: Clock | None = None) -> Embedder:
    async def fetch() -> Path:
        return Path(__file__)

    return Embedder(engine, fetch, clock or SystemClock(), LOG, children=2)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.005)


async def indexed(shelf: Library, count: int) -> None:
    async with asyncio.timeout(20):
        while True:
            page = await shelf.documents(None, "", 100)
            if sum(document.state == "indexed" for document in page) == count:
                return
            await asyncio.sleep(0.01)


@pytest.fixture
def papers(tmp_path: Path) -> Path:
    folder = tmp_path / "papers"
    (folder / "home").mkdir(parents=True)
    (folder / "home" / "lease.md").write_text(LEASE, "utf-8")
    (folder / "notes.txt").write_text("The boiler is serviced in March.\n", "utf-8")
    (folder / ".git").mkdir()
    (folder / ".git" / "config").write_text("hidden", "utf-8")
    (folder / "node_modules").mkdir()
    (folder / "node_modules" / "a.md").write_text("generated", "utf-8")
    return folder


async def add(shelf: Library, *paths: Path) -> object:
    return await shelf.add(paths, "home", lambda _: None)


async def test_a_folder_is_added_and_each_passage_found_with_its_place(
    tmp_path: Path, papers: Path
) -> None:
    told: list[Progress] = []
    async with library(tmp_path) as shelf:
        added = await shelf.add([papers], "home", told.append)
        assert (added.files, added.unchanged, added.failed, added.skipped) == (2, 0, (), 2)
        assert (told[-1].done, told[-1].total) == (2, 2)
        found = await shelf.search("deposit")
        hit = found.hits[0]
        assert (hit.file, hit.heading, hit.collection) == (
            "home/lease.md",
            "Lease > Deposit",
            "home",
        )
        assert hit.line == 5
        assert not found.meaning
        text = await shelf.text(hit.document_id, None)
        assert any("three rents" in part.text for part in text.parts)
        (collection,) = await shelf.collections()
        assert (collection.name, collection.files) == ("home", 2)
        assert (await shelf.file(hit.document_id))[1] == papers / "home" / "lease.md"


async def test_adding_again_does_only_what_changed(tmp_path: Path, papers: Path) -> None:
    async with library(tmp_path) as shelf:
        await add(shelf, papers)
        again = await shelf.add([papers], "home", lambda _: None)
        assert (again.files, again.unchanged, again.removed) == (0, 2, 0)
        os.utime(papers / "notes.txt", ns=(1, 1))
        touched = await shelf.add([papers], "home", lambda _: None)
        assert (touched.files, touched.unchanged) == (0, 2)
        (papers / "notes.txt").write_text("The chimney is swept in April.\n", "utf-8")
        (papers / "home" / "lease.md").unlink()
        changed = await shelf.add([papers], "home", lambda _: None)
        assert (changed.files, changed.unchanged, changed.removed) == (1, 0, 1)
        assert not (await shelf.search("deposit")).hits
        assert not (await shelf.search("boiler")).hits
        assert (await shelf.search("chimney")).hits[0].file == "notes.txt"


async def test_a_part_of_a_folder_added_by_itself_stays_the_same_document(
    tmp_path: Path, papers: Path
) -> None:
    async with library(tmp_path) as shelf:
        await add(shelf, papers)
        again = await shelf.add([papers / "home", papers / "notes.txt"], "home", lambda _: None)
        assert (again.files, again.unchanged, again.removed) == (0, 2, 0)
        assert len(await shelf.documents(None, "", 10)) == 2


async def test_a_file_that_cannot_be_read_is_named_with_its_reason(
    tmp_path: Path, papers: Path
) -> None:
    (papers / "broken.pdf").write_bytes(b"%PDF-1.7 and then nothing")
    async with library(tmp_path) as shelf:
        added = await shelf.add([papers], "home", lambda _: None)
        assert added.files == 2
        (failed,) = added.failed
        assert failed.file == "broken.pdf"
        assert failed.reason.startswith("damaged: ")
        page = await shelf.documents("home", "", 10)
        (document,) = [one for one in page if one.state == "failed"]
        assert (document.reason, document.passages) == ("damaged", 0)
        (papers / "broken.pdf").unlink()
        assert (await shelf.add([papers], "home", lambda _: None)).removed == 1


async def test_a_path_that_is_not_there_changes_nothing(tmp_path: Path, papers: Path) -> None:
    async with library(tmp_path) as shelf:
        await add(shelf, papers)
        with pytest.raises(NotFound, match="cannot be read"):
            await add(shelf, tmp_path / "unmounted")
        assert len(await shelf.documents(None, "", 10)) == 2


async def test_links_in_a_circle_end(tmp_path: Path, papers: Path) -> None:
    (papers / "home" / "round").symlink_to(papers, target_is_directory=True)
    (papers / "dead").symlink_to(papers / "nothing")
    (papers / "second.txt").symlink_to(papers / "notes.txt")
    async with library(tmp_path) as shelf:
        added = await shelf.add([papers], "home", lambda _: None)
        assert added.files == 3
        assert [failed.file for failed in added.failed] == ["dead"]


async def test_pages_of_documents_follow_each_other(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(7):
        (folder / f"{number}.txt").write_text(f"Paper {number} of seven.\n", "utf-8")
    async with library(tmp_path) as shelf:
        await add(shelf, folder)
        seen: list[str] = []
        after = ""
        while page := await shelf.documents("home", after, 3):
            seen += [document.file for document in page]
            after = page[-1].id
        assert sorted(seen) == [f"{number}.txt" for number in range(7)]


async def upload(shelf: Library, folder: Path, name: str, text: str) -> tuple[str, bool]:
    async def once() -> AsyncIterator[bytes]:
        yield text.encode()

    blobs = Blobs(folder / "blobs")
    blob = await blobs.put(once(), 10_000)  # type: ignore[arg-type]
    document, unchanged = await shelf.put("inbox", name, blobs.path(blob.sha256))
    return document.id, unchanged


async def test_an_upload_is_kept_read_replaced_and_removed_with_its_bytes(tmp_path: Path) -> None:
    async with library(tmp_path) as shelf:
        first, unchanged = await upload(shelf, tmp_path, "a/b.txt", "The zebra is striped.")
        assert not unchanged
        await indexed(shelf, 1)
        assert await upload(shelf, tmp_path, "a/b.txt", "The zebra is striped.") == (first, True)
        assert await upload(shelf, tmp_path, "a/b.txt", "The panda is black.") == (first, False)
        await indexed(shelf, 1)
        assert not (await shelf.search("zebra")).hits
        assert (await shelf.search("panda")).hits[0].document_id == first
        blob = hashlib.sha256(b"The panda is black.").hexdigest()
        await upload(shelf, tmp_path, "twin.txt", "The panda is black.")
        await indexed(shelf, 2)
        await shelf.remove(first)
        assert Blobs(tmp_path / "blobs").path(blob).is_file()
        (twin,) = await shelf.documents(None, "", 10)
        await shelf.remove(twin.id)
        with pytest.raises(NotFound):
            Blobs(tmp_path / "blobs").path(blob)
        with pytest.raises(NotFound):
            await shelf.remove(twin.id)


@pytest.mark.parametrize("name", ["../x", "/etc/passwd", "", "a/../b", "x\x00y", "n" * 2000])
async def test_a_name_that_climbs_out_is_refused(tmp_path: Path, name: str) -> None:
    async with library(tmp_path) as shelf:
        with pytest.raises(BadRequest):
            await shelf.put("inbox", name, tmp_path / "x")
        with pytest.raises(BadRequest):
            await shelf.put("", "a.txt", tmp_path / "x")


async def test_what_waited_when_the_house_stopped_is_read_at_the_next_start(
    tmp_path: Path, papers: Path
) -> None:
    async with library(tmp_path) as shelf:
        await add(shelf, papers)
    database = await Database.open(
        tmp_path / "knowledge.sqlite",
        "freehold.runtime.store.knowledge",
        backups=tmp_path / "backups",
        log=LOG,
    )
    await database.write(lambda c: c.execute("UPDATE documents SET state = 'waiting'") and None)
    await database.close()
    async with library(tmp_path) as shelf:
        await indexed(shelf, 2)
        assert (await shelf.search("deposit")).hits


async def test_meaning_comes_in_the_background_and_finds_without_a_word_in_common(
    tmp_path: Path, papers: Path
) -> None:
    pause = asyncio.Event()
    engine = EmbeddingEngine(pause=pause)
    maker = embedder(engine)
    async with library(tmp_path, maker) as shelf:
        await add(shelf, papers)
        assert not (await shelf.search("deposit")).meaning
        assert shelf.meaning().state == "building"
        pause.set()
        await until(lambda: shelf.meaning().state == "on")
        assert shelf.meaning().done == shelf.meaning().total == 3
        assert (await shelf.search("deposit")).meaning
        assert engine.loaded == set(), "the children for passages are gone"
        assert all(one.meaning_done for one in await shelf.documents(None, "", 9))
        (papers / "more.txt").write_text("Bees are kept on the roof.\n", "utf-8")
        await add(shelf, papers)
        await until(lambda: shelf.meaning().state == "on" and shelf.meaning().total == 4)
        assert len(engine.texts) - 1 == 4, "nothing was embedded twice"


async def test_all_children_take_part_also_when_passages_come_one_after_the_other(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(60):
        (folder / f"{number}.txt").write_text(f"Paper {number} of sixty.\n", "utf-8")
    engine = EmbeddingEngine()
    async with library(tmp_path, embedder(engine)) as shelf:
        await add(shelf, folder)
        await until(lambda: shelf.meaning().done == 60)
    assert {name for name in engine.asked if "passages" in name} == {
        "all-minilm-l6-v2 passages 1",
        "all-minilm-l6-v2 passages 2",
    }


async def test_a_text_longer_than_the_model_reads_is_cut(tmp_path: Path, papers: Path) -> None:
    engine = EmbeddingEngine(longest=45)
    async with library(tmp_path, embedder(engine)) as shelf:
        await add(shelf, papers)
        await until(lambda: shelf.meaning().done == 3)


async def test_without_the_weights_search_goes_by_words_and_says_why(
    tmp_path: Path, papers: Path
) -> None:
    tries = 0

    async def fetch() -> Path:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise EngineUnreachable("the package index did not give the weights")
        return Path(__file__)

    clock = ManualClock()
    reasons: list[str] = []
    maker = Embedder(EmbeddingEngine(), fetch, clock, LOG)
    async with library(tmp_path, maker, clock) as shelf:
        await add(shelf, papers)
        reasons.append(shelf.meaning().reason)
        await until(lambda: shelf.meaning().state == "on")
        assert tries == 3
        assert clock.now() >= 1200


async def test_a_query_that_cannot_be_embedded_is_still_answered_by_words(
    tmp_path: Path, papers: Path
) -> None:
    engine = EmbeddingEngine()
    async with library(tmp_path, embedder(engine)) as shelf:
        await add(shelf, papers)
        await until(lambda: shelf.meaning().state == "on")
        engine.failure = EngineUnreachable("gone")
        found = await shelf.search("deposit")
        assert found.hits
        assert not found.meaning


async def test_lean_says_so(tmp_path: Path, papers: Path) -> None:
    async with library(tmp_path) as shelf:
        await add(shelf, papers)
        assert (shelf.meaning().state, shelf.meaning().reason) == ("off", "not here")


async def test_grounds_are_refused_when_the_documents_do_not_say(
    tmp_path: Path, papers: Path
) -> None:
    async with library(tmp_path) as shelf:
        empty = await shelf.ask("anything")
        assert (empty.refused, empty.nearest, empty.passages) == (True, "", ())
        await add(shelf, papers)
        good = await shelf.ask("How much is the deposit?")
        assert not good.refused
        assert good.passages[0].heading == "Lease > Deposit"
        bad = await shelf.ask("Who feeds the deposit to penguins in Antarctica?")
        assert (bad.refused, bad.passages, bad.nearest) == (True, (), "Deposit")
        assert (await shelf.ask("How much is the deposit?", ("nobody",))).refused


async def test_questions_are_suggested_from_what_is_there(tmp_path: Path, papers: Path) -> None:
    async with library(tmp_path) as shelf:
        assert await shelf.suggestions() == ()
        await add(shelf, papers)
        assert await shelf.suggestions() == ("What does lease say about pets?",)


async def test_an_uploaded_file_is_found_where_the_home_is_now(tmp_path: Path) -> None:
    async def content() -> AsyncIterator[bytes]:
        yield b"The deposit is two months of rent.\n"

    before, after = tmp_path / "before", tmp_path / "after"
    before.mkdir()
    blobs = Blobs(before / "blobs")
    blob = await blobs.put(content(), Bytes(1000))
    async with library(before) as shelf:
        document, _ = await shelf.put("c", "lease.txt", blobs.path(blob.sha256))
    before.rename(after)
    async with library(after) as shelf:
        _, path = await shelf.file(document.id)
        assert path.is_relative_to(after)
        assert path.is_file()
