"""Writes server-sent events: one of the kinds named beforehand, and nothing can slip in between.

The reader's half is `freehold.runtime.outbound.sse`. Source: WHATWG HTML, section 9.2.
"""

import re
from typing import Final

from freehold.core.errors import BadRequest

HEARTBEAT: Final = b": still here\n\n"
"""A comment, so that what stands between does not close a quiet stream."""
DONE: Final = b"data: [DONE]\n\n"
"""How the OpenAI dialect ends a stream that ended well."""

_BREAKS: Final = re.compile(rb"\r\n|\n|\r")


def write_data(data: bytes) -> bytes:
    """An event without a name; `data` may hold line breaks."""
    if b"\n" in data or b"\r" in data:
        data = b"\ndata: ".join(_BREAKS.split(data))
    return b"data: " + data + b"\n\n"


class EventWriter:
    """Writes events of the kinds it was made with, and no others."""

    def __init__(self, kinds: frozenset[str]) -> None:
        self._heads = {kind: f"event: {kind}\n".encode("ascii") for kind in kinds}
        if any(_BREAKS.search(head[:-1]) for head in self._heads.values()):
            raise BadRequest("the name of an event may not hold a line break")

    def write(self, kind: str, data: bytes, number: int | None = None) -> bytes:
        """An event; `number` becomes its id, for readers that come back.

        Raises:
            BadRequest: an event of a kind nobody announced.
        """
        head = self._heads.get(kind)
        if head is None:
            message = f"{kind[:64]!r} is not an event of this stream"
            raise BadRequest(message)
        lead = head if number is None else b"id: %d\n" % number + head
        return lead + write_data(data)
