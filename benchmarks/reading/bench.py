"""How fast documents are read and split, and what a reading child costs.

Run it with `scripts/bench reading`; the README beside it says what is asked and how.
"""

import asyncio
import io
import json
import os
import platform
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from fixtures.documents.office import presentation, word, workbook  # noqa: E402
from fixtures.documents.pdf import pdf  # noqa: E402
from freehold.core.log import Log  # noqa: E402
from freehold.runtime.knowledge.reader import Readers  # noqa: E402

RESULTS = Path(__file__).parent / "results"
RUNS = 5
WORDS = [
    "the",
    "a",
    "of",
    "to",
    "and",
    "in",
    "house",
    "lease",
    "tenant",
    "landlord",
    "roof",
    "deposit",
    "repair",
    "month",
    "notice",
    "rent",
    "pay",
    "garden",
    "door",
    "key",
    "water",
    "heat",
    "cost",
    "share",
    "year",
    "day",
    "law",
    "court",
    "claim",
    "damage",
    "floor",
    "window",
    "room",
    "mends",
    "keeps",
    "returns",
    "asks",
    "owes",
    "leaves",
    "within",
    "unless",
    "before",
    "after",
    "every",
    "written",
    "early",
    "late",
]


class Writer:
    """Writes text that looks like text, the same each time."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)

    def sentence(self) -> str:
        words = self._chance.choices(WORDS, k=self._chance.randint(6, 18))
        return " ".join(words).capitalize() + "."

    def paragraph(self) -> str:
        return " ".join(self.sentence() for _ in range(self._chance.randint(2, 8)))

    def markdown(self, size: int) -> str:
        parts, length = ["# " + self.sentence()], 0
        while length < size:
            if self._chance.random() < 0.2:
                parts.append(f"{'#' * self._chance.randint(2, 4)} {self.sentence()}")
            parts.append(self.paragraph())
            length += len(parts[-1])
        return "\n\n".join(parts)

    def plain(self, size: int) -> str:
        parts, length = [], 0
        while length < size:
            parts.append(self.paragraph())
            length += len(parts[-1])
        return "\n\n".join(parts)

    def html(self, size: int) -> str:
        blocks = [
            f"<h2>{self.sentence()}</h2><p>{text}</p>" for text in self.plain(size).split("\n\n")
        ]
        return "<!doctype html><html><body>" + "\n".join(blocks) + "</body></html>"


def text_documents(folder: Path) -> list[Path]:
    """500 documents, 4 MB: 250 Markdown, 200 plain, 50 web pages."""
    paths = []
    for number in range(500):
        writer = Writer(number)
        kinds: Sequence[tuple[str, Callable[[int], str]]] = (
            [("md", writer.markdown)] * 5 + [("txt", writer.plain)] * 4 + [("html", writer.html)]
        )
        ending, write = kinds[number % 10]
        path = folder / f"{number}.{ending}"
        path.write_text(write(7_700), encoding="utf-8")
        paths.append(path)
    return paths


def office_documents(folder: Path) -> list[Path]:
    """One of each, of a size people have."""
    writer = Writer(1)
    lines = [[writer.sentence()[:90] for _ in range(40)] for _ in range(100)]
    blocks = [("Heading 2" if at % 10 == 0 else "Normal", writer.paragraph()) for at in range(400)]
    rows: list[list[object]] = [["Name", "Rent", "Note"]]
    rows += [[f"Tenant {at}", at * 7, writer.sentence()] for at in range(5000)]
    slides = [(writer.sentence()[:60], writer.paragraph(), "") for _ in range(60)]
    table = "Name,Rent,Note\n" + "".join(f"{a},{b},{c}\n" for a, b, c in rows[1:])
    made = {
        "100 pages.pdf": pdf(lines),
        "400 paragraphs.docx": word(blocks),
        "5000 rows.xlsx": workbook({"Rents": rows}),
        "60 slides.pptx": presentation(slides),
        "5000 rows.csv": table.encode(),
    }
    for name, data in made.items():
        (folder / name).write_bytes(data)
    return [folder / name for name in made]


async def read_all(readers: Readers, paths: Sequence[Path]) -> dict[str, float]:
    start = time.perf_counter()
    read = await asyncio.gather(*(readers.read(path, path.name) for path in paths))
    took = time.perf_counter() - start
    return {
        "seconds": took,
        "pieces": sum(len(one.pieces) for one in read),
        "characters": sum(one.characters for one in read),
    }


async def longest_hold(readers: Readers, paths: Sequence[Path]) -> float:
    """Milliseconds the event loop was held at most while the documents were read."""
    worst = 0.0

    async def beat() -> None:
        nonlocal worst
        last = time.perf_counter()
        while True:
            await asyncio.sleep(0.001)
            now = time.perf_counter()
            worst = max(worst, now - last - 0.001)
            last = now

    beating = asyncio.ensure_future(beat())
    await read_all(readers, paths)
    beating.cancel()
    return worst * 1000


def pss_mib(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


async def measure(folder: Path) -> dict[str, Any]:
    log = Log("bench", io.StringIO())
    texts = text_documents(folder)
    small = folder / "small.txt"
    small.write_text("One line.\n")
    found: dict[str, Any] = {"bytes": sum(path.stat().st_size for path in texts)}
    cold, warm, starts = [], [], []
    for _ in range(RUNS):
        async with Readers(log) as readers:
            cold.append(await read_all(readers, texts))
            warm.append(await read_all(readers, texts))
        async with Readers(log) as readers:
            starts.append((await read_all(readers, [small]))["seconds"])
    found.update(cold=cold, warm=warm, start_s=starts)
    async with Readers(log) as readers:
        await readers.read(small, small.name)
        trips = [(await read_all(readers, [small]))["seconds"] for _ in range(500)]
        found["trip_ms"] = [trip * 1000 for trip in trips]
        found["hold_ms"] = await longest_hold(readers, texts)
        found["child_mib"] = [round(pss_mib(pid), 1) for pid in readers.children]
        found["office"] = {}
        for path in office_documents(folder):
            first = await read_all(readers, [path])
            again = [(await read_all(readers, [path]))["seconds"] for _ in range(RUNS)]
            found["office"][path.name] = {**first, "again_s": again}
        found["child_after_office_mib"] = [round(pss_mib(pid), 1) for pid in readers.children]
    return found


def table(found: dict[str, Any]) -> list[tuple[str, str, str]]:
    cold = statistics.median(run["seconds"] for run in found["cold"])
    warm = statistics.median(run["seconds"] for run in found["warm"])
    trips = sorted(found["trip_ms"])
    rows = [
        (f"500 text documents, {found['bytes'] / 1e6:.1f} MB, cold", f"{cold:.2f} s", "about 1 s"),
        ("… children already started", f"{warm:.2f} s", ""),
        ("… pieces", f"{found['cold'][0]['pieces']:.0f}", ""),
        (
            "first small file, child start included",
            f"{statistics.median(found['start_s']):.3f} s",
            "",
        ),
        ("a small file, p50", f"{trips[len(trips) // 2]:.2f} ms", ""),
        ("a small file, p95", f"{trips[len(trips) * 95 // 100]:.2f} ms", ""),
        ("event loop held at most meanwhile", f"{found['hold_ms']:.1f} ms", ""),
        ("a child after the texts (PSS)", f"{max(found['child_mib']):.0f} MiB", ""),
        ("… after the office files", f"{max(found['child_after_office_mib']):.0f} MiB", ""),
    ]
    rows += [
        (
            f"{name}: first, again",
            f"{run['seconds']:.2f}, {statistics.median(run['again_s']):.2f} s",
            "",
        )
        for name, run in found["office"].items()
    ]
    return rows


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        found = asyncio.run(measure(Path(name)))
    for what, measured, bar in table(found):
        print(f"{what:<45} {measured:>14}   {bar}")
    RESULTS.mkdir(exist_ok=True)
    date = time.strftime("%Y-%m-%d")
    record = {
        "date": date,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        **found,
    }
    path = RESULTS / f"{date}-{platform.machine()}-{os.cpu_count()}cores.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
