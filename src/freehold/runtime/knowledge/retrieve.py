"""Finding passages: by words and by meaning at once, put in one order.

Ranks are not fused, because a rank says nothing of how good a hit is: measured, plain reciprocal
rank fusion loses to meaning alone. What is added up are two measures that mean the same for every
query, cosine and coverage. Their weights were tuned on one half of the questions of
`benchmarks/search` and are reported on the other.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from freehold.runtime.calls import Passage
from freehold.runtime.knowledge.contract import Found
from freehold.runtime.knowledge.coverage import answers
from freehold.runtime.knowledge.embed import Embedder
from freehold.runtime.knowledge.index.contract import Index, NearHit, WordHit

CANDIDATES: Final = 60
"""Passages each way of searching may bring."""
WORDS: Final = 0.6
"""What full coverage of the query's words adds to a cosine."""
SHARPNESS: Final = 3
"""Power that coverage is raised to: a chance word in common adds next to nothing, an identifier
or a name that is all there adds everything."""
RANKING: Final = 0.01
"""What the best BM25 score of a search adds: it decides between equals."""
COMPANY: Final = 0.2
"""Weight of the document's best passages together: a document about the matter speaks for each."""
_COMPANIONS: Final = 3


class Ranked(msgspec.Struct, frozen=True):
    """A passage in the common order."""

    id: int
    score: float
    """0 to 1."""


def fuse(words: Sequence[WordHit], near: Sequence[NearHit]) -> tuple[Ranked, ...]:
    """One order from both searches, best first. Pure.

    A passage that meaning did not see counts as the farthest one it saw; one without a word in
    common counts its cosine and its document. Without meaning the order is that of the words.
    """
    best = max((hit.score for hit in words), default=0.0) or 1.0
    if not near:
        ranked = [Ranked(h.id, (h.coverage + h.score / best) / 2) for h in words]
        return tuple(sorted(ranked, key=lambda hit: -hit.score))
    farthest = min(hit.cosine for hit in near)
    company = _company(near, farthest)
    scores = {hit.id: hit.cosine + COMPANY * company[hit.document] for hit in near}
    for hit in words:
        base = scores.get(hit.id, farthest * (1 + COMPANY))
        by_words = WORDS * hit.coverage**SHARPNESS + RANKING * hit.score / best
        scores[hit.id] = base + by_words
    whole = 1 + COMPANY + WORDS + RANKING
    ranked = [Ranked(i, max(0.0, score) / whole) for i, score in scores.items()]
    return tuple(sorted(ranked, key=lambda hit: (-hit.score, hit.id)))


def _company(near: Sequence[NearHit], farthest: float) -> dict[int, float]:
    """For each document how near its nearest passages are, on average."""
    found: dict[int, list[float]] = {}
    for hit in sorted(near, key=lambda hit: -hit.cosine):
        cosines = found.setdefault(hit.document, [])
        if len(cosines) < _COMPANIONS:
            cosines.append(hit.cosine)
    return {
        document: (sum(cosines) + farthest * (_COMPANIONS - len(cosines))) / _COMPANIONS
        for document, cosines in found.items()
    }


async def search(
    index: Index,
    embedder: Embedder,
    query: str,
    collections: tuple[str, ...] | None,
    limit: int,
) -> Found:
    """The passages a query finds, best first. Raises `StoreFailed`."""
    words, vector, (total, _) = await asyncio.gather(
        index.by_words(query, collections, CANDIDATES), embedder.query(query), index.counts()
    )
    near: tuple[NearHit, ...] = ()
    if vector is not None:
        also = [hit.id for hit in words]
        near = await index.by_meaning(vector, collections, CANDIDATES, also)
    ranked = fuse(words, near)[: max(1, limit)]
    known = await index.passages([hit.id for hit in ranked])
    hits = tuple(
        msgspec.structs.replace(known[hit.id], score=hit.score)
        for hit in ranked
        if hit.id in known
    )
    coverage = max((hit.coverage for hit in words), default=0.0)
    closeness = max((hit.cosine for hit in near), default=None)
    enough = answers(coverage, closeness, total)
    if near and embedder.meaning.state != "on":
        # The passage that answers may have no vector yet: until all have, words may speak alone.
        enough = enough or answers(coverage, None, total)
    return Found(
        hits=hits[:limit],
        meaning=bool(near),
        nearest=_place(hits[0]) if hits else "",
        coverage=coverage,
        closeness=closeness or 0.0,
        answers=bool(hits) and enough,
    )


def _place(passage: Passage) -> str:
    """The heading a passage stands under, the innermost; its file when there is none."""
    return passage.heading.rsplit(" > ", 1)[-1] or passage.file
