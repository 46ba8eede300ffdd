"""The Reading room: no language model, but the documents themselves. It quotes and never rewords.

It has the passages that search found, and shows the best of them with file and place. Where the
documents do not say, it says so, and what comes nearest.
"""

import re
from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Final

from freehold.core.words import EMPTY_WORDS
from freehold.runtime.calls import ChatCall, Done, Event, Model, Passage, Text, Usage
from freehold.runtime.engines.contract import EngineCard, Workshop

OPENING: Final = "No language model is loaded. These passages match."
NOTHING: Final = "No language model is loaded, and there are no documents yet. Add some, then ask."
QUOTES: Final = 3
"""Passages that are quoted; the others are counted."""
_LONGEST_QUOTE: Final = 480
"""Characters of a quote: five sentences or so, around the words of the question."""
_MOST_WORDS: Final = 6
_WORD: Final = re.compile(r"[^\W_]+(?:['’.-][^\W_]+)*")
_SENTENCE: Final = re.compile(r"[^.!?\n]+(?:[.!?]+(?=\s|$)|[.!?]|\n|$)+")
_STEM: Final = 5
"""Letters by which two forms of a word are known as one, which is enough to choose sentences."""


class ReadingRoom:
    """Quotes the passages of a call."""

    @asynccontextmanager
    async def chat(self, model: Model, call: ChatCall) -> AsyncGenerator[AsyncIterator[Event]]:
        """Quote the passages the call carries; refuse when it carries none."""
        del model
        yield _events(call)


async def _events(call: ChatCall) -> AsyncIterator[Event]:
    pieces = _quoted(call) if call.passages else _refused(call)
    for piece in pieces:
        yield Text(piece)
    yield Done("stop", Usage(), refused=not call.passages)


def _quoted(call: ChatCall) -> Iterator[str]:
    question = call.question or _last_words(call)
    yield OPENING
    for number, passage in enumerate(call.passages[:QUOTES], start=1):
        yield "\n\n"
        lines = excerpt(passage.text, question).splitlines()
        yield "\n".join(f"> {line}".rstrip() for line in lines)
        yield f"\n>\n> {_source(passage)} [{number}]"
    more = len(call.passages) - QUOTES
    if more > 0:
        yield f"\n\n{more} more {'passage matches' if more == 1 else 'passages match'}."


def _refused(call: ChatCall) -> Iterator[str]:
    if not call.nearest:
        yield NOTHING
        return
    question = call.question or _last_words(call)
    about = telling_words(question)
    yield f"Your documents don't mention {about}" if about else "Your documents don't say"
    yield f'; the nearest heading is "{call.nearest}".'


def _source(passage: Passage) -> str:
    place = passage.place()
    return f"{passage.file}, {place}" if place else passage.file


def _last_words(call: ChatCall) -> str:
    asked = [message.content for message in call.messages if message.role == "user"]
    return asked[-1] if asked else ""


def telling_words(question: str) -> str:
    """What a question is about: its words without the empty ones, in their order."""
    words = dict.fromkeys(
        word for word in _WORD.findall(question) if word.lower() not in EMPTY_WORDS
    )
    return " ".join(list(words)[:_MOST_WORDS])


def excerpt(text: str, question: str) -> str:
    """The stretch of `text` that shares most with `question`: whole sentences, verbatim."""
    text = text.strip()
    if len(text) <= _LONGEST_QUOTE:
        return text
    wanted = _stems(question)
    spans = [(m.start(), m.end()) for m in _SENTENCE.finditer(text)]
    shares = [len(_stems(text[begin:end]) & wanted) for begin, end in spans]
    best, found = -1, (0, 0)
    for first, (begin, _) in enumerate(spans):
        shared = 0
        for last in range(first, len(spans)):
            if last > first and spans[last][1] - begin > _LONGEST_QUOTE:
                break
            shared += shares[last]
            if shared > best:
                best, found = shared, (begin, spans[last][1])
    begin, end = found
    return _filled(text, spans, begin, end)


def _filled(text: str, spans: list[tuple[int, int]], begin: int, end: int) -> str:
    """Following sentences too, as far as there is room; a single long sentence is cut."""
    for first, last in spans:
        if first >= end and last - begin <= _LONGEST_QUOTE:
            end = last
    quote = text[begin:end].strip()
    if len(quote) > _LONGEST_QUOTE:
        return quote[:_LONGEST_QUOTE].rpartition(" ")[0]
    return quote


def _stems(text: str) -> set[str]:
    words = (word.lower() for word in _WORD.findall(text))
    return {word[:_STEM] for word in words if word not in EMPTY_WORDS}


def build(workshop: Workshop) -> ReadingRoom:
    """Make the engine; it needs nothing of the house."""
    del workshop
    return ReadingRoom()


ENGINE: Final = EngineCard(
    summary="Quotes your documents with file and place; needs no language model.",
    build=build,
    source="this file",
)
