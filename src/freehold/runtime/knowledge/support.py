"""Whether a passage says what a sentence claims: words, numbers, names, negation. Pure.

Not understanding, but a net with a narrow mesh: a claim holds only when one stretch of the passage
carries nearly all of its telling words, every number and every name, in a relation that is not
visibly another one, and says yes or no as the claim does. A claim that is merely put in other
words may fall through; one that says something else should not.
"""

import itertools
import re
from collections.abc import Iterator, Sequence
from typing import Final, Literal

import msgspec

from freehold.core.words import EMPTY_WORDS
from freehold.runtime.knowledge.verbatim import Plain, find, plain

ENOUGH: Final = 0.6
"""Share of a claim's telling words that must stand in the stretch when a model cites it."""
STRONG: Final = 0.8
"""The same, for a claim that carries no mark of its own."""
_FEWEST: Final = 2
"""Telling words a claim must have, unless it names a number or a name."""
_REACH: Final = 6
"""Words within which a number belongs to a word."""

_TOKEN: Final = re.compile(r"\d+(?:[.,:/]\d+)*%?|[^\W\d_]+(?:['’][^\W\d_]+)?")
_ENDS: Final = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+(?=[\"'“\u2018(\[]*[A-Z0-9ÄÖÜÉ])|\n+")
_SHORT: Final = re.compile(
    r"(?:\b(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|Art|Sec|Fig|approx|ca|cf|vs|etc|e\.g|i\.e|a\.m|p\.m)"
    r"|\b[A-Z])\.$"
)
_CLAUSES: Final = re.compile(r"[;:]\s|,\s|\s+(?:and|but|while|whereas|though|although)\s+")
_NEGATIONS: Final = frozenset(
    {"not", "no", "never", "none", "nor", "neither", "nobody", "nothing", "without", "cannot"}
    | {"nicht", "kein", "keine"}
)
_AGAINST: Final = frozenset(
    {"forbidden", "prohibited", "excluded", "except", "unless", "refused", "banned", "disallowed"}
)
_SCALE: Final = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen "
    "fifteen sixteen seventeen eighteen nineteen twenty"
)
_NUMBERS: Final = {word: str(value) for value, word in enumerate(_SCALE.split())}
_SUFFIXES: Final = ("ings", "ing", "edly", "ed", "ies", "es", "ly", "s")
_SHORTEST_STEM: Final = 3


class Word(msgspec.Struct, frozen=True):
    """A telling word, number or name."""

    stem: str
    kind: Literal["word", "number", "name", "opening"]
    """`opening` is the capitalised first word of a sentence, which may be a name or not."""
    at: int
    """Its place among all words of the sentence."""


class Reading(msgspec.Struct, frozen=True):
    """A sentence as it is compared."""

    words: tuple[Word, ...]
    denies: bool
    """Whether it says no an odd number of times."""

    def of(self, kind: str) -> tuple[str, ...]:
        """The stems of a kind, in order."""
        return tuple(word.stem for word in self.words if word.kind == kind)


class Support(msgspec.Struct, frozen=True):
    """The stretch of a passage that says what a claim says."""

    quote: str
    """Verbatim."""
    share: float
    """Of the claim's telling words, 0 to 1."""


class _Around(msgspec.Struct, frozen=True):
    """What stands around a stretch."""

    above: frozenset[str]
    """Words of the headings: counted as said."""
    passage: frozenset[str]
    """Words of the whole passage."""


class _Stretch(msgspec.Struct, frozen=True):
    """A stretch of a passage that claims are compared with."""

    read: Reading
    shown: str
    """What is quoted for it, verbatim."""
    aside: frozenset[str]
    """Of a clause: words that only the rest of its sentence has."""


class Prepared(msgspec.Struct, frozen=True):
    """A passage, read once."""

    text: Plain
    stretches: tuple[_Stretch, ...]
    around: _Around


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text, verbatim; a line of a list or table is one of its own."""
    begin = 0
    for end in _ENDS.finditer(text):
        piece = text[begin : end.start()]
        if "\n" not in end[0] and _SHORT.search(piece.rstrip()):
            continue
        if piece.strip():
            yield piece.strip()
        begin = end.end()
    if text[begin:].strip():
        yield text[begin:].strip()


def prepare(passage: str, heading: str = "") -> Prepared:
    """Read a passage once, to hold many claims against it.

    Args:
        passage: its text.
        heading: what it stands under; its words count as said, its numbers do not.
    """
    stretches = []
    for part, shown in _stretches(passage):
        aside = _all_stems(shown) - _all_stems(part) if part != shown else frozenset()
        stretches.append(_Stretch(read_sentence(part), shown, aside))
    return Prepared(
        text=plain(passage),
        stretches=tuple(stretches),
        around=_Around(_all_stems(heading), _all_stems(passage)),
    )


def support(claim: str, passage: Prepared) -> Support | None:
    """The best stretch of `passage` that says what `claim` (without marks) says; or none."""
    quote = find(claim, passage.text)
    if quote and len(quote) > _REACH:
        return Support(quote, 1.0)
    read = read_sentence(claim)
    if not _says_something(read):
        return None
    stems = {word.stem for word in read.words}
    best: Support | None = None
    for stretch in passage.stretches:
        if stems & stretch.aside:
            continue  # another clause of the sentence speaks of it too: this one alone cannot
        share = _share(read, stretch.read, passage.around)
        if share >= ENOUGH and (best is None or share > best.share):
            best = Support(stretch.shown, share)
    return best


def _all_stems(text: str) -> frozenset[str]:
    return frozenset(word.stem for word in read_sentence(text).words)


def _says_something(read: Reading) -> bool:
    return len(read.words) >= _FEWEST or bool(read.of("number") or read.of("name"))


def _stretches(passage: str) -> Iterator[tuple[str, str]]:
    """What to compare with, each with the text to quote for it.

    Sentences, pairs that follow each other, because a claim may draw on both, and clauses. A
    sentence that says yes and no is compared by its clauses alone.
    """
    found = list(sentences(passage))
    for sentence in found:
        parts = [part for part in _CLAUSES.split(sentence) if part.strip()]
        if len({read_sentence(part).denies for part in parts}) == 1:
            yield sentence, sentence
        if len(parts) > 1:
            yield from ((part, sentence) for part in parts)
    for first, second in itertools.pairwise(found):
        if not _denies(first) and not _denies(second):
            begin = passage.find(first)
            end = passage.find(second, begin + len(first)) + len(second)
            yield passage[begin:end], passage[begin:end]


def _denies(sentence: str) -> bool:
    return any(read_sentence(part).denies for part in _CLAUSES.split(sentence))


def _share(claim: Reading, stretch: Reading, around: _Around) -> float:
    """How much of the claim the stretch says; 0 when it says something else."""
    claim, stretch = _named(claim, stretch)
    there = {word.stem for word in stretch.words}
    said = there | around.above
    names = claim.of("name")
    if not there.issuperset(claim.of("number")) or not said.issuperset(names):
        return 0.0
    if claim.denies != stretch.denies or not _same_order(names, stretch):
        return 0.0
    for anchor in (word for word in claim.words if word.kind in {"number", "name"}):
        subject = _subject(anchor, claim)
        if subject in around.passage and subject not in said:
            return 0.0
        if not _belongs(anchor, claim, stretch):
            return 0.0
    return sum(word.stem in said for word in claim.words) / len(claim.words)


def _subject(anchor: Word, claim: Reading) -> str:
    """The word a number or name is said of: the one before it, or else the one after."""
    near = [w for w in claim.words if w.kind == "word" and abs(w.at - anchor.at) <= _REACH]
    near.sort(key=lambda word: (word.at > anchor.at, abs(word.at - anchor.at)))
    return near[0].stem if near else ""


def _named(claim: Reading, stretch: Reading) -> tuple[Reading, Reading]:
    """Both with their opening words taken for names or for plain words.

    The stretch's may be a rival of a name; the claim's is a name when the stretch uses it as one.
    """
    rivals = {word.stem for word in stretch.words if word.kind in {"name", "opening"}}
    names = {word.stem for word in claim.words if word.kind == "name"}
    own = tuple(
        Word(w.stem, "name" if w.stem in rivals | names else "word", w.at)
        if w.kind in {"opening", "name"} and not (w.kind == "name" and w.stem not in rivals)
        else w
        for w in claim.words
    )
    theirs = tuple(
        Word(w.stem, "name", w.at) if w.kind == "opening" or w.stem in names else w
        for w in stretch.words
    )
    return Reading(own, claim.denies), Reading(theirs, stretch.denies)


def _same_order(names: Sequence[str], stretch: Reading) -> bool:
    """Whether the names of a claim stand in the same order in the stretch."""
    there = [word.stem for word in stretch.words]
    places = iter(there)
    return all(name in places for name in dict.fromkeys(names) if name in there)


def _belongs(anchor: Word, claim: Reading, stretch: Reading) -> bool:
    """Whether a number or name goes with the same word in both.

    In `rent 900, deposit 500` the word `deposit` lies nearest to 500: a claim that joins it with
    900 says something else.
    """
    rivals = [w for w in stretch.words if w.kind == anchor.kind]
    if len({rival.stem for rival in rivals}) < 2:  # noqa: PLR2004 - nothing to mistake it for
        return True
    for word in claim.words:
        if word.kind != "word" or abs(word.at - anchor.at) > _REACH:
            continue
        places = [w.at for w in stretch.words if w.stem == word.stem]
        nearest = {_nearest(place, rivals) for place in places}
        if nearest and anchor.stem not in nearest and not _everywhere(word.stem, rivals, stretch):
            return False
    return True


def _everywhere(stem: str, rivals: Sequence[Word], stretch: Reading) -> bool:
    """Whether a word stands beside every rival (`euros`), and so tells nothing of any."""
    places = [w.at for w in stretch.words if w.stem == stem]
    return len(places) >= len({rival.stem for rival in rivals})


def _nearest(place: int, rivals: Sequence[Word]) -> str:
    """The rival nearest to a place; of two, a name before it (who does) or a number after it."""

    def distance(rival: Word) -> tuple[int, bool]:
        return abs(rival.at - place), (rival.at > place) == (rival.kind == "name")

    return min(rivals, key=distance).stem


def read_sentence(sentence: str) -> Reading:
    """The telling words of a sentence, in order, and whether it says no."""
    words: list[Word] = []
    denials = 0
    for at, token in enumerate(_TOKEN.findall(sentence)):
        lower = token.lower().replace("’", "'")
        if lower in _NEGATIONS or lower.endswith("n't") or lower in _AGAINST:
            denials += 1
        elif token[0].isdigit() or lower in _NUMBERS:
            words.append(Word(_number(lower), "number", at))
        elif lower not in EMPTY_WORDS and len(lower) > 1:
            words.append(Word(stem(lower), _kind(token, at), at))
    return Reading(tuple(words), denies=denials % 2 == 1)


def _kind(token: str, at: int) -> Literal["word", "name", "opening"]:
    if not token[0].isupper() or (len(token) > 1 and token.isupper()):
        return "word"
    return "name" if at > 0 else "opening"


def _number(text: str) -> str:
    """A number in one spelling: `1,250.00` is `1250`, `seven` is `7`, `30%` is `30`."""
    text = _NUMBERS.get(text, text).rstrip("%")
    if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", text):
        text = text.replace(",", "")
    return re.sub(r"[.,]0+$", "", text)


def stem(word: str) -> str:
    """A word without its commonest endings: enough to know two forms as one."""
    word = word.removesuffix("'s")
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) - len(suffix) >= _SHORTEST_STEM:
            word = word[: -len(suffix)]
            break
    return word.removesuffix("e") if len(word) > _SHORTEST_STEM else word
