"""Questions for an empty page, from what the documents' own headings name. Pure."""

import re
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

from freehold.runtime.knowledge.documents import Heading

MOST: Final = 3
_LONGEST: Final = 60
_NUMBERING: Final = re.compile(r"^\s*(?:§\s*)?[\dIVXivx]+(?:\.\d+)*[.):]?\s+")
_TELLING: Final = re.compile(r"[^\W\d_]{3,}")


def suggest(headings: Sequence[Heading]) -> tuple[str, ...]:
    """Up to three questions, each about another document, newest first."""
    found: dict[str, str] = {}
    for entry in headings:
        title = _title(entry.file)
        topic = _topic(entry.heading or "")
        if topic and topic.lower() not in title.lower() and title not in found:
            found[title] = f"What does {title} say about {topic}?"
        if len(found) == MOST:
            break
    return tuple(found.values())


def _topic(heading: str) -> str:
    """The innermost heading as words within a sentence; nothing when it says nothing."""
    topic = _NUMBERING.sub("", heading.rsplit(" > ", 1)[-1]).strip(" :.?!")
    if len(topic) > _LONGEST or not _TELLING.search(topic):
        return ""
    first, _, rest = topic.partition(" ")
    if first[1:].islower() or len(first) == 1:
        first = first.lower()
    return f"{first} {rest}".strip()


def _title(file: str) -> str:
    """A file name as a person says it."""
    stem = PurePosixPath(file).stem
    return re.sub(r"[\s_-]+", " ", stem).strip() or file
