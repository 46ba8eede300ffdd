"""A process that adds a folder over and over, and says which round is added; killed by a test.

Usage: `python index_child.py FOLDER`; prints `added N` once round N of every file is indexed.
"""

import asyncio
import io
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from fakes.embedding_engine import EmbeddingEngine  # noqa: E402
from freehold.core.clock import SystemClock  # noqa: E402
from freehold.core.log import Log  # noqa: E402
from freehold.runtime.knowledge.embed import Embedder  # noqa: E402
from freehold.runtime.knowledge.library import Library  # noqa: E402
from freehold.runtime.knowledge.reader import Readers  # noqa: E402
from freehold.runtime.store.blobs import Blobs  # noqa: E402
from freehold.runtime.store.database import Database  # noqa: E402

FILES = 12
MIGRATIONS = "freehold.runtime.store.knowledge"


@asynccontextmanager
async def library(folder: Path) -> AsyncIterator[Library]:
    """The library of a folder, with vectors made of words."""
    log, clock = Log("test", io.StringIO()), SystemClock()

    async def fetch() -> Path:
        return Path(__file__)

    async with AsyncExitStack() as up:
        database = await Database.open(
            folder / "knowledge.sqlite", MIGRATIONS, backups=folder / "backups", log=log
        )
        up.push_async_callback(database.close)
        yield await up.enter_async_context(
            Library.open(
                database,
                blobs=Blobs(folder / "blobs"),
                readers=await up.enter_async_context(Readers(log)),
                embedder=Embedder(EmbeddingEngine(), fetch, clock, log, children=2),
                clock=clock,
                log=log,
            )
        )


def write(papers: Path, number: int) -> None:
    """Round `number` of every file; half of the passages change with it."""
    papers.mkdir(exist_ok=True)
    for file in range(FILES):
        same = "".join(f"\n## Part {n}\n\nAlways part {n} of file {file}.\n" for n in range(5))
        new = "".join(f"\n## Turn {n}\n\nThis is round {number} of turn {n}.\n" for n in range(5))
        (papers / f"paper{file}.md").write_text(f"# File {file}\n{same}{new}", "utf-8")


async def main(folder: Path) -> None:
    async with library(folder) as shelf:
        number = int((folder / "round").read_text()) if (folder / "round").exists() else 0
        while True:
            number += 1
            (folder / "next").write_text(str(number))
            (folder / "next").replace(folder / "round")
            write(folder / "papers", number)
            await shelf.add([folder / "papers"], "home", lambda _: None)
            print(f"added {number}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
