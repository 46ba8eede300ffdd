"""Whose word an answer is: each claim is held against the passages, each quote against the letter.

A model's own marks are kept where the passage bears them out and taken away where not; a sentence
that a passage plainly bears out gets a mark even when the model put none. What no passage bears
out stands without one. The citations carry the words of the passage, verbatim. Pure.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from freehold.runtime.calls import Citation, Passage
from freehold.runtime.knowledge.support import (
    ENOUGH,
    STRONG,
    Prepared,
    Support,
    prepare,
    sentences,
    support,
)
from freehold.runtime.knowledge.verbatim import find, longest

_MARK: Final = re.compile(r"[ \t]*[\[【]\^?(\d{1,3}(?:\s*[,;]\s*\d{1,3})*)[\]】](?!\()")
_QUOTED: Final = re.compile(r"[\"“„«]([^\"“”„«»\n]{12,}?)[\"”“»]")
_FENCE: Final = re.compile(r"^\s*(?:```|~~~)")
_LEAD: Final = re.compile(r"\s*(?:[-*+•]\s+|\d{1,3}[.)]\s+|#{1,6}\s+|>\s?)*")
_ELLIPSIS: Final = re.compile(r"\s*(?:\[?\.{3}\]?|\[?…\]?)\s*")
_MOST_MARKS: Final = 3
"""Marks a sentence carries at most."""
_OF_QUOTE: Final = 0.6
"""Share of a block quote that must stand in the passage as one stretch."""
_QUOTE_SPEAKS: Final = 0.4
"""Share of a sentence from which its literal quotes speak for all of it."""
_LONGEST_QUOTE: Final = 500


class Cited(msgspec.Struct, frozen=True, kw_only=True):
    """An answer after its claims were checked."""

    answer: str
    """With marks `[1]`, `[2]`, numbered in order of first use."""
    citations: tuple[Citation, ...]
    """One for each number, in order."""
    unsupported: int
    """Sentences that no passage bears out."""


class _Book:
    """Gives passages the numbers they carry in the answer, in order of first use."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self._passages = passages
        self._prepared: dict[int, Prepared] = {}
        self._numbers: dict[int, int] = {}
        self._quotes: dict[int, str] = {}
        self.unsupported = 0

    def prepared(self, index: int) -> Prepared:
        """A passage as claims are held against it."""
        if index not in self._prepared:
            passage = self._passages[index]
            self._prepared[index] = prepare(passage.text, f"{passage.heading} {passage.file}")
        return self._prepared[index]

    def mark(self, index: int, quote: str) -> str:
        """The mark for a passage, counted from 0, that is cited for `quote`."""
        number = self._numbers.setdefault(index, len(self._numbers) + 1)
        self._quotes.setdefault(index, quote[:_LONGEST_QUOTE])
        return f"[{number}]"

    def citations(self) -> tuple[Citation, ...]:
        """What the numbers stand for."""
        return tuple(
            Citation(
                number=number,
                document_id=self._passages[index].document_id,
                file=self._passages[index].file,
                quote=self._quotes[index],
                verified=True,
                page=self._passages[index].page,
                line=_line(self._passages[index], self._quotes[index]),
            )
            for index, number in self._numbers.items()
        )


def cite(answer: str, passages: Sequence[Passage]) -> Cited:
    """Check the claims of an answer against the passages it was given, numbered from 1."""
    book = _Book(passages)
    written = [_block(kind, lines, passages, book) for kind, lines in _blocks(answer)]
    return Cited(
        answer="\n".join(written), citations=book.citations(), unsupported=book.unsupported
    )


def _blocks(answer: str) -> Iterator[tuple[str, list[str]]]:
    """Stretches of lines: `code`, which is left alone, `quote`, and `text`."""
    held: list[str] = []
    kind = "text"
    fenced = False
    for line in answer.split("\n"):
        fence = bool(_FENCE.match(line))
        now = "code" if fenced or fence else "quote" if line.lstrip().startswith(">") else "text"
        if now != kind and held:
            yield kind, held
            held = []
        kind = now
        held.append(line)
        fenced ^= fence
    yield kind, held


def _block(kind: str, lines: list[str], passages: Sequence[Passage], book: _Book) -> str:
    if kind == "code":
        return "\n".join(lines)
    if kind == "quote":
        return _quote(lines, passages, book)
    return "\n".join(_line_of_text(line, passages, book) for line in lines)


def _quote(lines: list[str], passages: Sequence[Passage], book: _Book) -> str:
    """A block quote: its marks hold when most of it stands in the passage as it stands here.

    The last line may name the source; it is no part of the quote.
    """
    marked = [n for n, line in enumerate(lines) if _MARK.search(line)]
    said = "\n".join(_bare(line) for line in lines).strip()
    named = _wanted("\n".join(lines), len(passages))
    kept: dict[int, str] = {}
    for index in named:
        own = _without_source(lines, passages[index])
        quote = longest(own, book.prepared(index).text)
        if quote and len(quote) >= _OF_QUOTE * len(own.strip()):
            kept[index] = quote
    if not named and said:
        for index in range(len(passages)):
            quote = find(said, book.prepared(index).text)
            if quote and not kept:
                kept[index] = quote
    if not kept:
        book.unsupported += 1
    marks = "".join(book.mark(index, quote) for index, quote in kept.items())
    place = marked[-1] if marked else len(lines) - 1
    written = [_MARK.sub("", line) for line in lines]
    if marks:
        written[place] = f"{written[place]} {marks}"
    return "\n".join(written)


def _without_source(lines: Sequence[str], passage: Passage) -> str:
    """The text of a block quote without the line that says where it is from."""
    own = [_bare(line) for line in lines]
    while own and (not own[-1].strip() or passage.file in own[-1]):
        own.pop()
    return "\n".join(own)


def _bare(line: str) -> str:
    return _MARK.sub("", line.lstrip().removeprefix(">")).strip()


def _line_of_text(line: str, passages: Sequence[Passage], book: _Book) -> str:
    lead = _LEAD.match(line)
    begin = lead.end() if lead else 0
    rest = line[begin:]
    if not rest.strip() or line.lstrip().startswith("#"):
        return _MARK.sub("", line)
    written = line[:begin]
    for claim, gap in _claims(rest):
        written += _checked(claim, passages, book) + gap
    return written.rstrip() if not line.endswith(" ") else written


def _claims(line: str) -> Iterator[tuple[str, str]]:
    """Sentences of a line with their marks, also those after the full stop, and the gap after."""
    found: list[str] = []
    for sentence in sentences(line):
        marks = _MARK.match(sentence)
        if marks and found:
            # `It is red. [1] It is old.`: the mark belongs to what stands before it.
            end = marks.end()
            while more := _MARK.match(sentence, end):
                end = more.end()
            found[-1] += f" {sentence[:end].strip()}"
            sentence = sentence[end:].strip()  # noqa: PLW2901 - what is left of it
        if sentence:
            found.append(sentence)
    for sentence in found[:-1]:
        yield sentence, " "
    if found:
        yield found[-1], ""


def _checked(claim: str, passages: Sequence[Passage], book: _Book) -> str:
    """A sentence with the marks that hold, before its full stop."""
    bare = _MARK.sub("", claim).strip()
    if not any(character.isalnum() for character in bare):
        return bare
    holding = _holding(claim, bare, len(passages), book)
    if not holding:
        book.unsupported += 1
        return bare
    marks = "".join(book.mark(index, found.quote) for index, found in holding)
    end = len(bare.rstrip(".!?…\"'”’)*_"))
    end = end if bare[end:].strip("\"'”’)*_") else len(bare)
    return f"{bare[:end]} {marks}{bare[end:]}"


def _holding(claim: str, bare: str, count: int, book: _Book) -> list[tuple[int, Support]]:
    """Passages that bear a sentence out: those it names, or else the one that does best."""
    quotes = [quote for quote in _QUOTED.findall(bare) if quote.strip()]
    found: list[tuple[int, Support]] = []
    for index in _wanted(claim, count):
        borne = _borne_out(bare, quotes, book.prepared(index))
        if borne is not None and borne.share >= ENOUGH:
            found.append((index, borne))
    if found:
        return found[:_MOST_MARKS]
    others = (
        (index, borne)
        for index in range(count)
        if (borne := _borne_out(bare, quotes, book.prepared(index))) is not None
        and borne.share >= STRONG
    )
    best = max(others, key=lambda pair: (pair[1].share, -pair[0]), default=None)
    return [best] if best else []


def _borne_out(bare: str, quotes: Sequence[str], passage: Prepared) -> Support | None:
    """Whether a passage says what a sentence says; what it quotes must stand there literally."""
    exact = [part for quote in quotes for part in _ELLIPSIS.split(quote) if part.strip()]
    literal = [find(part.strip(" ,.;"), passage.text) for part in exact]
    if not all(literal):
        return None
    if literal and sum(map(len, literal)) >= len(bare) * _QUOTE_SPEAKS:
        return Support(max(literal, key=len), 1.0)
    return support(bare, passage)


def _wanted(text: str, count: int) -> list[int]:
    """Passages a text names by mark, counted from 0, each once, in order."""
    numbers = (int(n) for mark in _MARK.findall(text) for n in re.findall(r"\d+", mark))
    return list(dict.fromkeys(n - 1 for n in numbers if 1 <= n <= count))


def _line(passage: Passage, quote: str) -> int | None:
    """The line the quote begins on, where the passage knows its own."""
    if passage.line is None:
        return None
    before = passage.text.partition(quote)[0] if quote in passage.text else ""
    return passage.line + before.count("\n")
