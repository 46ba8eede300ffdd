"""What a model is for, guessed from its name where its server does not say. Pure."""

import re
from typing import Final

from freehold.runtime.calls import ModelKind

_RERANK: Final = re.compile(r"re-?rank", re.IGNORECASE)
_EMBED: Final = re.compile(
    r"embed|(^|[^a-z])(bge|gte|e5|minilm|nomic-bert|bert|arctic)([^a-z]|$)", re.IGNORECASE
)


def kind_by_name(name: str) -> ModelKind:
    """The kind that names like this one usually stand for."""
    if _RERANK.search(name):
        return "rerank"
    return "embed" if _EMBED.search(name) else "chat"
