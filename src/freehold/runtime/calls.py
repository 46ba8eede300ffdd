"""The types every story passes along: calls go down, events come back up.

They stand below dialects and engines, so that neither needs the other. Typed from here on: no
dict crosses a folder. Provider-shaped JSON that the house only carries (tool schemas, response
formats) stays `msgspec.Raw`, byte for byte.
"""

from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "content_filter"]


class ToolCall(msgspec.Struct, frozen=True, kw_only=True):
    """A call the model wants made."""

    id: str
    name: str
    arguments: str
    """JSON text, as the model wrote it."""


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a conversation."""

    role: Role
    content: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


class Passage(msgspec.Struct, frozen=True, kw_only=True):
    """A piece of a document, as search found it."""

    id: int
    document_id: str
    collection: str
    file: str
    """Path of the document as its owner knows it."""
    text: str
    page: int | None = None
    """Counted from 1; only where the format has pages."""
    line: int | None = None
    """Line the passage starts on, counted from 1; only where the format has lines."""
    heading: str = ""
    score: float = 0.0
    """0 to 1, higher is better; comparable within one search only."""

    def place(self) -> str:
        """Where in the file: `page 7`, `line 12`, or nothing."""
        if self.page is not None:
            return f"page {self.page}"
        return f"line {self.line}" if self.line is not None else ""


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """A claim's place in a document, checked against the passage it names."""

    number: int
    """As shown in the answer, counted from 1."""
    document_id: str
    file: str
    quote: str
    """Verbatim from the passage when `verified`; empty otherwise."""
    verified: bool
    page: int | None = None
    line: int | None = None


class ChatCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request for the next message."""

    model: str
    messages: tuple[Message, ...]
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    tools: msgspec.Raw | None = None
    """JSON array of tool definitions, as the caller wrote it."""
    tool_choice: msgspec.Raw | None = None
    response_format: msgspec.Raw | None = None
    whole: bool = False
    """Nobody waits for the first word: an engine may answer in one piece, which costs less."""
    passages: tuple[Passage, ...] = ()
    """What search found for a grounded call; the Reading room answers from these alone."""
    question: str = ""
    """The bare question of a grounded call, before passages were put around it."""
    nearest: str = ""
    """Heading or file nearest to a question the documents do not answer."""


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens, as the engine counted them."""

    prompt_tokens: int = 0
    completion_tokens: int = 0


class Text(msgspec.Struct, frozen=True, tag="text"):
    """A piece of the answer."""

    text: str


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning"):
    """A piece of the model's thinking, which is not part of the answer."""

    text: str


class ToolPart(msgspec.Struct, frozen=True, tag="tool"):
    """A piece of a tool call; the first piece of an `index` carries `id` and `name`."""

    index: int
    id: str = ""
    name: str = ""
    arguments: str = ""


class Done(msgspec.Struct, frozen=True, tag="done"):
    """The end of the answer; exactly one, always last."""

    finish: Finish
    usage: Usage
    refused: bool = False
    """The documents do not say: only the Reading room knows this of itself."""


Event = Text | Reasoning | ToolPart | Done


class EmbedCall(msgspec.Struct, frozen=True, kw_only=True):
    """A request for vectors."""

    model: str
    texts: tuple[str, ...]


class Embeddings(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors in the order of the texts; unit length, little-endian float32."""

    vectors: tuple[bytes, ...]
    dimensions: int
    usage: Usage


ModelKind = Literal["chat", "embed", "rerank"]


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model this house can serve."""

    name: str
    """As callers write it; unique in the house."""
    engine: str
    """Entry of the engines folder."""
    kind: ModelKind
    bytes: int = 0
    """Size of the weights on disk; 0 where an adopted server does not say."""
    path: str = ""
    """The GGUF file, for models of our own engine."""
    url: str = ""
    """Base address, for models behind an adopted server."""
    upstream_name: str = ""
    """What the adopted server calls it."""
    source: str = ""
    """Where it was found, in words: `added by hand`, `Ollama's cache`."""
    context_tokens: int = 0
    """Longest conversation it was trained for; 0 when unknown."""
    demo: bool = False
    """A demonstration model: labelled for what it is wherever it is shown."""
