"""How often the right passage is found, by words, by meaning and by both; and what is refused.

Run it with `scripts/bench search`; the README beside it says what is asked and how.
"""

import asyncio
import json
import platform
import sys
import tempfile
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(Path(__file__).parent)]

from room import HERE, Question, flat, questions, room  # noqa: E402

from freehold.runtime.knowledge.coverage import answers  # noqa: E402
from freehold.runtime.knowledge.embed import Embedder  # noqa: E402
from freehold.runtime.knowledge.index.sqlite import SqliteIndex  # noqa: E402
from freehold.runtime.knowledge.library import Library  # noqa: E402
from freehold.runtime.knowledge.retrieve import CANDIDATES, fuse  # noqa: E402

RESULTS = Path(__file__).parent / "results"
BAR = 0.90
KINDS = ("paraphrase", "identifier", "natural")
WAYS = ("words", "meaning", "both")


async def ready(embedder: Embedder) -> None:
    async with asyncio.timeout(600):
        while embedder.meaning.state != "on":
            assert embedder.meaning.state == "building", embedder.meaning
            await asyncio.sleep(0.1)


async def rights(index: SqliteIndex) -> Callable[[Question], set[int]]:
    """Says which passages are right for a question."""
    total, _ = await index.counts()
    known = await index.passages(range(1, total + 1))
    texts = {i: (passage.file, flat(passage.text)) for i, passage in known.items()}

    def right(question: Question) -> set[int]:
        wanted = flat(question.snippet)
        found = {i for i, (f, t) in texts.items() if f == question.file and wanted in t}
        assert found, f"no passage holds {question.snippet!r} of {question.file}"
        return found

    return right


async def ranks(library: Library, embedder: Embedder) -> list[dict[str, object]]:
    """For each question the rank of the right passage, in each way, and the two measures."""
    index = library._index  # noqa: SLF001 - measured from inside
    right = await rights(index)
    rows: list[dict[str, object]] = []
    for question in questions():
        words = await index.by_words(question.question, None, CANDIDATES)
        vector = await embedder.query(question.question)
        assert vector is not None, "the query was not embedded"
        near = await index.by_meaning(vector, None, CANDIDATES, [hit.id for hit in words])
        orders = {
            "words": [hit.id for hit in fuse(words, ())],
            "meaning": [hit.id for hit in near[:CANDIDATES]],
            "both": [hit.id for hit in fuse(words, near)],
        }
        row: dict[str, object] = {
            "kind": question.kind,
            "split": question.split,
            "question": question.question,
            "coverage": round(max((hit.coverage for hit in words), default=0.0), 4),
            "closeness": round(max(hit.cosine for hit in near), 4),
        }
        if question.kind != "off-topic":
            wanted = right(question)
            row |= {way: place(order, wanted) for way, order in orders.items()}
        rows.append(row)
    return rows


def place(order: Sequence[int], wanted: set[int]) -> int:
    """Rank of the first right passage, counted from 1; 0 when it is not there."""
    return next((n for n, i in enumerate(order, start=1) if i in wanted), 0)


def share(found: Sequence[int], within: int) -> float:
    return sum(1 <= rank <= within for rank in found) / len(found)


def table(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    told: list[dict[str, object]] = []
    for split in ("tune", "unseen"):
        for kind in KINDS:
            mine = [r for r in rows if r["kind"] == kind and r["split"] == split]
            for way in WAYS:
                found = [int(str(r[way])) for r in mine]
                line = {"split": split, "kind": kind, "way": way, "questions": len(mine)}
                told.append(line | {f"top{n}": round(share(found, n), 3) for n in (1, 3, 5)})
    return told


def refusals(rows: Sequence[dict[str, object]], passages: int) -> list[dict[str, object]]:
    told: list[dict[str, object]] = []
    for split in ("tune", "unseen"):
        for way in ("words", "both"):
            line: dict[str, object] = {"split": split, "way": way}
            for kind in ("natural", "paraphrase", "off-topic"):
                mine = [r for r in rows if r["kind"] == kind and r["split"] == split]
                kept = sum(
                    answers(
                        float(str(r["coverage"])),
                        float(str(r["closeness"])) if way == "both" else None,
                        passages,
                    )
                    for r in mine
                )
                line[kind] = f"{kept}/{len(mine)}"
            told.append(line)
    return told


def show(told: Sequence[dict[str, object]], refused: Sequence[dict[str, object]]) -> None:
    print(f"{'split':8}{'questions':>16}{'way':>10}{'top 1':>8}{'top 3':>8}{'top 5':>8}")
    for line in told:
        kind = f"{line['questions']} {line['kind']}"
        tops = "".join(f"{float(str(line[f'top{n}'])):>8.1%}" for n in (1, 3, 5))
        print(f"{line['split']:8}{kind:>16}{line['way']:>10}{tops}")
    print(f"\n{'answered':8}{'way':>10}{'natural':>12}{'paraphrase':>12}{'off-topic':>12}")
    for line in refused:
        shown = "".join(f"{line[k]:>12}" for k in ("natural", "paraphrase", "off-topic"))
        print(f"{line['split']:8}{line['way']:>10}{shown}")
    found = {
        line["split"]: (float(str(line["top5"])), int(str(line["questions"])))
        for line in told
        if (line["kind"], line["way"]) == ("paraphrase", "both")
    }
    whole = sum(top * n for top, n in found.values()) / sum(n for _, n in found.values())
    print()
    for name, top in (("all", whole), ("unseen half", found["unseen"][0])):
        verdict = "holds" if top >= BAR else "MISSED"
        print(
            f"paraphrases, both ways, top 5, {name}: bar {BAR:.0%}, measured {top:.1%}: {verdict}"
        )


async def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with room(Path(folder)) as (library, embedder):
            added = await library.add([HERE / "corpus"], "corpus", lambda _: None)
            assert not added.failed, added.failed
            await ready(embedder)
            rows = await ranks(library, embedder)
    told, refused = table(rows), refusals(rows, added.passages)
    show(told, refused)
    RESULTS.mkdir(exist_ok=True)
    day = datetime.now(UTC).date().isoformat()
    report = {"date": day, "machine": platform.machine(), "passages": added.passages}
    (RESULTS / f"{day}.json").write_text(
        json.dumps({**report, "found": told, "answered": refused, "rows": rows}, indent=1) + "\n",
        "utf-8",
    )


if __name__ == "__main__":
    asyncio.run(main())
