"""How long 500 documents take until words and meaning find them, and how fast search is.

Run it with `scripts/bench indexing [DOCUMENTS]`; the README beside it says what is asked and how.
"""

import asyncio
import json
import os
import platform
import random
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
SEARCH = ROOT / "benchmarks" / "search"
sys.path[:0] = [str(ROOT / "src"), str(SEARCH)]

from room import questions, room  # noqa: E402

from freehold.runtime.knowledge.embed import Embedder  # noqa: E402
from freehold.runtime.knowledge.library import Library  # noqa: E402

RESULTS = Path(__file__).parent / "results"
DOCUMENTS = 500
SIZE = 8_000
"""Characters of a document: 500 are 4 MB."""
WORDS_BAR_S, MEANING_BAR_S, SEARCH_BAR_MS = 3.0, 240.0, 30.0
SEARCHES = 200


def write(folder: Path, documents: int) -> int:
    """Documents of sentences from the search corpus, shuffled; returns their bytes."""
    chance = random.Random(4)
    text = " ".join(p.read_text("utf-8") for p in sorted((SEARCH / "corpus").rglob("*.md")))
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    pieces = [
        f"{part.strip()}." for line in lines for part in line.split(". ") if part.strip(". ")
    ]
    heads = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    total = 0
    for number in range(documents):
        parts = [f"# Paper {number}\n"]
        while sum(map(len, parts)) < SIZE:
            body = " ".join(chance.choices(pieces, k=chance.randint(4, 14)))
            parts.append(f"\n## {chance.choice(heads)} {chance.randint(1, 999)}\n\n{body}\n")
        file = folder / f"part {number % 20}" / f"paper {number}.md"
        file.parent.mkdir(exist_ok=True)
        total += file.write_text("".join(parts), "utf-8")
    return total


async def searches(library: Library, count: int) -> list[float]:
    """Milliseconds of `count` searches, one after the other."""
    asked = [question.question for question in questions()]
    found: list[float] = []
    for number in range(count):
        start = time.perf_counter()
        await library.search(asked[number % len(asked)], limit=10)
        found.append((time.perf_counter() - start) * 1000)
    return found


async def finish(embedder: Embedder, library: Library) -> tuple[float, list[float]]:
    """Wait for meaning, searching a little meanwhile; seconds, and the searches' milliseconds."""
    start = time.perf_counter()
    during: list[float] = []
    while embedder.meaning.state != "on":
        assert embedder.meaning.state == "building", embedder.meaning
        await asyncio.sleep(0.5)
        during += await searches(library, 1)
        now = embedder.meaning
        print(f"\r  {now.done}/{now.total} passages by meaning", end="", flush=True)
    print()
    return time.perf_counter() - start, during


def p(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


async def measure(documents: int, folder: Path) -> dict[str, float]:
    papers = folder / "papers"
    papers.mkdir()
    size = write(papers, documents)
    async with room(folder) as (library, embedder):
        start = time.perf_counter()
        added = await library.add([papers], "papers", lambda _: None)
        by_words = time.perf_counter() - start
        assert added.files == documents, added
        before = children_cpu()
        by_meaning, during = await finish(embedder, library)
        cpu = children_cpu() - before
        await searches(library, 20)
        rest = await searches(library, SEARCHES)
        again = time.perf_counter()
        await library.add([papers], "papers", lambda _: None)
        unchanged = time.perf_counter() - again
    return {
        "documents": documents,
        "bytes": size,
        "passages": added.passages,
        "by_words_s": by_words,
        "by_meaning_s": by_words + by_meaning,
        "embedding_cpu_s": cpu,
        "search_p50_ms": statistics.median(rest),
        "search_p95_ms": p(rest, 0.95),
        "search_while_embedding_p50_ms": statistics.median(during),
        "search_while_embedding_p95_ms": p(during, 0.95),
        "unchanged_again_s": unchanged,
    }


def show(found: dict[str, float]) -> None:
    cores = os.cpu_count() or 1
    shape = f"{found['documents']:.0f} documents, {found['bytes'] / 1e6:.1f} MB"
    print(
        f"{shape}, {found['passages']:.0f} passages; load {os.getloadavg()[0]:.1f}, {cores} cores"
    )
    for name, key, bar, unit in (
        ("searchable by words", "by_words_s", WORDS_BAR_S, "s"),
        ("searchable by meaning too", "by_meaning_s", MEANING_BAR_S, "s"),
        ("search p95, at rest", "search_p95_ms", SEARCH_BAR_MS, "ms"),
    ):
        verdict = "holds" if found[key] <= bar else "MISSED"
        print(f"  {name:36}{found[key]:>10.1f} {unit:3} bar {bar:g} {unit}: {verdict}")
    for name, key, unit in (
        ("search p50, at rest", "search_p50_ms", "ms"),
        ("search p50, while embedding", "search_while_embedding_p50_ms", "ms"),
        ("search p95, while embedding", "search_while_embedding_p95_ms", "ms"),
        ("the same folder again, unchanged", "unchanged_again_s", "s"),
        ("processor time of embedding", "embedding_cpu_s", "s"),
    ):
        print(f"  {name:36}{found[key]:>10.2f} {unit}")


async def main() -> None:
    documents = int(sys.argv[1]) if len(sys.argv) > 1 else DOCUMENTS
    with tempfile.TemporaryDirectory() as folder:
        found = await measure(documents, Path(folder))
    found["load"] = os.getloadavg()[0]
    show(found)
    RESULTS.mkdir(exist_ok=True)
    day = datetime.now(UTC).date().isoformat()
    report = {"date": day, "machine": platform.machine(), "cores": os.cpu_count()}
    name = f"{day}-{documents}.json"
    (RESULTS / name).write_text(json.dumps(report | found, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
