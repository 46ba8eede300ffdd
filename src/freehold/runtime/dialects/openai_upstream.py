"""The OpenAI dialect towards an engine: typed calls to requests, chunks to events. Pure.

Written from what vLLM, LM Studio, llama-server and their kin really send, not only from the
reference: a finish reason may be missing or unknown, tool calls may lack their index, an error may
arrive inside a stream that began with status 200.

Source: OpenAI API reference, "Create chat completion" and "Create embeddings"; llama.cpp
tools/server/README.md; vLLM "OpenAI-compatible server".
"""

import base64
import re
from collections.abc import Sequence
from typing import Final

import msgspec

from freehold.core.errors import EngineCut, FreeholdError
from freehold.runtime.calls import (
    ChatCall,
    Done,
    EmbedCall,
    Embeddings,
    Event,
    Finish,
    Message,
    Reasoning,
    Text,
    ToolPart,
    Usage,
)
from freehold.runtime.dialects.refusal import Problem, clean, refusal
from freehold.runtime.dialects.vectors import unit_vectors

_FINISHES: Final[dict[str, Finish]] = {
    "stop": "stop",
    "eos": "stop",
    "end_turn": "stop",
    "length": "length",
    "max_tokens": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "tool_use": "tool_calls",
    "content_filter": "content_filter",
}
_DONE: Final = b"[DONE]"
_HALF: Final = re.compile(
    rb"""
    ((?<!\\)(?:\\\\)*)                                # the backslash that follows is no text
    (?: \\ud[89ab][0-9a-f]{2} (?!\\ud[c-f])           # a first half that no second one follows
      | (?<!\\ud[89ab][0-9a-f]{2}) \\ud[c-f][0-9a-f]{2} )  # a second half without its first
    """,
    re.IGNORECASE | re.VERBOSE,
)


class _SentFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class _SentCall(msgspec.Struct, frozen=True):
    id: str
    function: _SentFunction
    type: str = "function"


class _SentMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    role: str
    content: str | None
    tool_calls: tuple[_SentCall, ...] = ()
    tool_call_id: str = ""


class _SentStreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool = True


class _SentChat(msgspec.Struct, frozen=True, omit_defaults=True):
    model: str
    messages: tuple[_SentMessage, ...]
    stream: bool
    stream_options: _SentStreamOptions | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    tools: msgspec.Raw | None = None
    tool_choice: msgspec.Raw | None = None
    response_format: msgspec.Raw | None = None


class _SentEmbed(msgspec.Struct, frozen=True):
    model: str
    input: tuple[str, ...]
    encoding_format: str = "base64"


class _Function(msgspec.Struct, frozen=True):
    name: str | None = None
    arguments: str | None = None


class _Call(msgspec.Struct, frozen=True):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None


class _Delta(msgspec.Struct, frozen=True):
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Choice(msgspec.Struct, frozen=True):
    delta: _Delta | None = None
    message: _Delta | None = None
    """In place of `delta` in an answer that was not streamed."""
    finish_reason: str | None = None
    index: int | None = None


class _Counted(msgspec.Struct, frozen=True):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None


class _Chunk(msgspec.Struct, frozen=True):
    choices: tuple[_Choice, ...] | None = None
    usage: _Counted | None = None
    error: Problem | str | None = None
    object: str | None = None
    message: str | None = None
    code: int | str | None = None


class _Vector(msgspec.Struct, frozen=True):
    embedding: str | tuple[float, ...]
    index: int | None = None


class _Vectors(msgspec.Struct, frozen=True):
    data: tuple[_Vector, ...]
    usage: _Counted | None = None


class ServedModel(msgspec.Struct, frozen=True):
    """A model as a server lists it, in the fields its kin have in common."""

    id: str
    object: str | None = None
    owned_by: str | None = None
    max_model_len: int | None = None
    """vLLM: longest conversation, in tokens."""
    meta: "ServedMeta | None" = None
    """llama-server: what the file says of itself."""


class ServedMeta(msgspec.Struct, frozen=True):
    """What llama-server tells of the file it serves."""

    n_ctx: int | None = None
    n_ctx_train: int | None = None
    size: int | None = None


class _Models(msgspec.Struct, frozen=True):
    data: tuple[ServedModel, ...]


_ENCODER: Final = msgspec.json.Encoder()
_CHUNKS: Final = msgspec.json.Decoder(_Chunk)


def write_chat(call: ChatCall, upstream_name: str) -> bytes:
    """A call as the body of a request, with usage asked for; streamed unless wanted whole."""
    return _ENCODER.encode(
        _SentChat(
            model=upstream_name,
            messages=tuple(map(_sent_message, call.messages)),
            stream=not call.whole,
            stream_options=None if call.whole else _SentStreamOptions(),
            max_tokens=call.max_tokens,
            temperature=call.temperature,
            top_p=call.top_p,
            seed=call.seed,
            stop=call.stop,
            tools=call.tools,
            tool_choice=call.tool_choice,
            response_format=call.response_format,
        )
    )


def _sent_message(message: Message) -> _SentMessage:
    calls = tuple(
        _SentCall(id=item.id, function=_SentFunction(item.name, item.arguments))
        for item in message.tool_calls
    )
    content = None if calls and not message.content else message.content
    return _SentMessage(message.role, content, calls, message.tool_call_id)


def write_embed(call: EmbedCall, upstream_name: str) -> bytes:
    """A call for vectors as the body of a request."""
    return _ENCODER.encode(_SentEmbed(upstream_name, call.texts))


class ChunkReader:
    """Turns the data of a stream's events, or one whole answer, into our events.

    Args:
        place: who is speaking, for error texts.
    """

    def __init__(self, place: str) -> None:
        self._place = place
        self._pieces = 0
        self._finish: Finish | None = None
        self._usage: _Counted | None = None
        self._calls: list[str] = []
        self._indexes: dict[int, int] = {}
        self.ended = False
        """Whether the server said that the answer is complete."""

    def read(self, data: bytes) -> Sequence[Event]:
        """Events of one server-sent event's `data`; `Done` comes from `done` alone.

        Raises:
            EngineRefused: the server refused inside its stream, before the answer began.
            EngineCut: it failed later, or sent what is not of the dialect.
        """
        if data[:1] != b"{":
            if data.strip() == _DONE:
                self.ended = True
                return ()
            if not data.strip():
                return ()
        chunk = self._chunk(data)
        if chunk.error is not None or chunk.object == "error":
            raise self._problem(chunk)
        if chunk.usage is not None:
            self._usage = chunk.usage
        for choice in chunk.choices or ():
            if not choice.index:
                return self._choice(choice)
        return ()

    def _chunk(self, data: bytes) -> _Chunk:
        """A chunk; halves of characters, cut between two tokens, become the replacement sign."""
        try:
            return _CHUNKS.decode(data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            mended = _HALF.sub(rb"\1\\ufffd", data)
            if mended != data:
                return self._chunk(mended)
            message = f"{self._place} sent a piece of answer that nobody can read"
            raise EngineCut(message, where=self._place) from error

    def done(self) -> Done:
        """The end of the answer. Raises `EngineCut` when the server never said that it is one."""
        if not self.ended and self._finish is None:
            message = f"{self._place} stopped in the middle of its answer"
            raise EngineCut(message, where=self._place, fix="ask again")
        counted = self._usage or _Counted()
        finish = self._finish or "stop"
        if self._calls and finish == "stop":
            finish = "tool_calls"
        usage = Usage(
            prompt_tokens=max(0, counted.prompt_tokens or 0),
            completion_tokens=self._pieces
            if counted.completion_tokens is None
            else max(0, counted.completion_tokens),
        )
        return Done(finish, usage)

    def _choice(self, choice: _Choice) -> Sequence[Event]:
        if choice.finish_reason:
            self._finish = _FINISHES.get(choice.finish_reason, "stop")
        delta = choice.delta or choice.message
        if delta is None:
            return ()
        found: list[Event] = []
        if thought := delta.reasoning_content or delta.reasoning:
            found.append(Reasoning(thought))
        if delta.content:
            found.append(Text(delta.content))
        if delta.tool_calls:
            found.extend([self._tool(call) for call in delta.tool_calls])
        self._pieces += len(found)
        return found

    def _tool(self, call: _Call) -> ToolPart:
        """A piece of a tool call, with an index even where the server gave none."""
        function = call.function or _Function()
        name = function.name or ""
        place = self._place_of(call, opens=bool(name or call.id))
        first = place == len(self._calls)
        if first:
            self._calls.append(call.id or f"call_{place}")
        return ToolPart(
            index=place,
            id=self._calls[place] if first else "",
            name=name if first else "",
            arguments=function.arguments or "",
        )

    def _place_of(self, call: _Call, *, opens: bool) -> int:
        """Our index of a call: as many as were opened before it."""
        if call.index is not None:
            return self._indexes.setdefault(call.index, len(self._calls))
        if call.id and call.id in self._calls:
            return self._calls.index(call.id)
        return len(self._calls) if opens or not self._calls else len(self._calls) - 1

    def _problem(self, chunk: _Chunk) -> FreeholdError:
        problem = chunk.error
        if isinstance(problem, str):
            problem = Problem(message=problem)
        problem = problem or Problem(message=chunk.message, code=chunk.code)
        if self._pieces:
            words = clean(problem.message or "no reason given")
            message = f"{self._place} failed in the middle of its answer: {words}"
            return EngineCut(message, where=self._place, fix="ask again")
        status = problem.code if isinstance(problem.code, int) else 400
        return refusal(self._place, status, problem)


def read_embeddings(body: bytes, call: EmbedCall, place: str) -> Embeddings:
    """The vectors of an answer, in the order asked for, brought to unit length.

    Raises:
        EngineCut: the answer is not of the dialect, or vectors are missing.
    """
    try:
        answer = msgspec.json.decode(body, type=_Vectors)
        items = sorted(enumerate(answer.data), key=lambda item: _index(*item))
        raw = [_floats(item.embedding) for _, item in items]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        message = f"{place} sent vectors that nobody can read"
        raise EngineCut(message, where=place) from error
    counted = answer.usage or _Counted()
    usage = Usage(prompt_tokens=max(0, counted.prompt_tokens or 0))
    return unit_vectors(raw, len(call.texts), usage, place)


def _index(place: int, item: _Vector) -> int:
    return place if item.index is None else item.index


def _floats(given: str | tuple[float, ...]) -> bytes | Sequence[float]:
    return base64.b64decode(given, validate=True) if isinstance(given, str) else given


def read_models(body: bytes, place: str) -> tuple[ServedModel, ...]:
    """The models a server lists. Raises `EngineCut` when the list is not of the dialect."""
    try:
        found = msgspec.json.decode(body, type=_Models).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        message = f"{place} sent a list of models that nobody can read"
        raise EngineCut(message, where=place) from error
    return tuple(item for item in found if item.id)
