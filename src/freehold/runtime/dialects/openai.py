"""The OpenAI dialect as the routes of the house use it, gathered at one door. Pure.

Reading is in `openai_chat` and `openai_embeddings`, writing in `openai_answer` and
`openai_models`; the dialect towards engines is `openai_upstream`.
"""

from freehold.runtime.dialects.openai_answer import (
    Answer,
    ChunkWriter,
    FreeholdNote,
    Gathering,
    write_completion,
    write_error,
)
from freehold.runtime.dialects.openai_chat import FreeholdOptions, OpenAIChat, read_chat
from freehold.runtime.dialects.openai_embeddings import (
    OpenAIEmbed,
    read_embeddings,
    write_embeddings,
)
from freehold.runtime.dialects.openai_models import write_model, write_models

__all__ = [
    "Answer",
    "ChunkWriter",
    "FreeholdNote",
    "FreeholdOptions",
    "Gathering",
    "OpenAIChat",
    "OpenAIEmbed",
    "read_chat",
    "read_embeddings",
    "write_completion",
    "write_embeddings",
    "write_error",
    "write_model",
    "write_models",
]
