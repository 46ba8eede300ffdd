"""A query into the words to look for, in the index's own eyes: its tokenizer, its counts."""

import itertools
from typing import Final, cast

import apsw
import msgspec

from freehold.core.words import EMPTY_WORDS
from freehold.runtime.knowledge.coverage import weight
from freehold.runtime.store.queries import queries

MOST_TERMS: Final = 32
"""Words of a query that are looked for; of a longer one the rarest."""
_LONGEST_QUERY: Final = 4000
"""Characters of a query that are read at all."""
_LARGE: Final = 500
"""Passages from which on common words are passed over: they cost time and say little."""
_COMMON: Final = 5
"""A word is common when one passage in so many holds it."""
_TOKENIZER: Final = ("porter", ["unicode61", "remove_diacritics", "2"])
"""As the table `words` has it."""

_QUERIES: Final = queries("freehold.runtime.knowledge.index")


class Term(msgspec.Struct, frozen=True):
    """A word of a query."""

    word: str
    """As it was written; quoted, the tokenizer makes the same stem of it."""
    weight: float
    """Information it carries: rare words more."""


class Terms(msgspec.Struct, frozen=True):
    """What to look for."""

    words: tuple[Term, ...]
    compounds: tuple[str, ...]
    """What was written without a space inside, `INC-4471`: found together, it counts more."""

    @property
    def match(self) -> str:
        """The query in FTS5's own language; its phrases are the words, then the compounds."""
        quoted = (*(term.word for term in self.words), *self.compounds)
        return " OR ".join(f'"{phrase}"' for phrase in quoted)


class _Token(msgspec.Struct, frozen=True):
    word: str
    stem: str
    joined: bool
    """Whether no space stands between it and the token before."""


def read_terms(connection: apsw.Connection, query: str, total: int) -> Terms:
    """The words of `query` that are worth looking for, of an index of `total` passages."""
    tokens = _tokens(connection, query)
    telling = {t.stem: t for t in tokens if t.word.lower() not in EMPTY_WORDS}
    chosen = telling or {t.stem: t for t in tokens}
    counted = [(token, _count(connection, token.stem)) for token in chosen.values()]
    if total >= _LARGE:
        rare = [(token, count) for token, count in counted if count * _COMMON <= total]
        counted = rare or counted
    counted.sort(key=lambda pair: pair[1])
    words = tuple(
        Term(token.word, weight(total, min(count, total))) for token, count in counted[:MOST_TERMS]
    )
    return Terms(words, _compounds(tokens)[:MOST_TERMS])


def _tokens(connection: apsw.Connection, query: str) -> list[_Token]:
    utf8 = query[:_LONGEST_QUERY].encode("utf-8", "replace")
    split = connection.fts5_tokenizer(*_TOKENIZER)
    found: list[_Token] = []
    last = 0
    spans = split(utf8, apsw.FTS5_TOKENIZE_QUERY, None, include_colocated=False)
    for start, end, stem in cast("list[tuple[int, int, str]]", spans):
        between = utf8[last:start]
        joined = bool(found) and bool(between) and not any(chr(b).isspace() for b in between)
        found.append(_Token(utf8[start:end].decode("utf-8", "replace"), stem, joined))
        last = end
    return found


def _compounds(tokens: list[_Token]) -> tuple[str, ...]:
    found: list[list[str]] = []
    for before, token in itertools.pairwise(tokens):
        if not token.joined:
            continue
        if not before.joined or not found:
            found.append([before.word])
        found[-1].append(token.word)
    return tuple(dict.fromkeys(" ".join(parts) for parts in found))


def _count(connection: apsw.Connection, stem: str) -> int:
    row = connection.execute(_QUERIES["word_count"], (stem,)).fetchone()
    return int(row[0]) if row else 0
