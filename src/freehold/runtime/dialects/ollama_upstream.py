"""Ollama's own dialect towards an Ollama: typed calls to requests, lines to events. Pure.

Its own dialect and not its OpenAI one, because only this one can refuse what does not fit: left to
itself, Ollama drops the beginning of a long conversation and says nothing.

Source: Ollama API reference (`/api/chat`, `/api/embed`, `/api/tags`, `/api/show`);
ollama/api/types.go for `truncate` and `shift`.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from freehold.core.errors import EngineCut, EngineRefused
from freehold.runtime.calls import (
    ChatCall,
    Done,
    EmbedCall,
    Embeddings,
    Event,
    Finish,
    Message,
    ModelKind,
    Reasoning,
    Text,
    ToolPart,
    Usage,
)
from freehold.runtime.dialects.kinds import kind_by_name
from freehold.runtime.dialects.refusal import clean
from freehold.runtime.dialects.vectors import unit_vectors

_FINISHES: Final[dict[str, Finish]] = {"stop": "stop", "length": "length"}


class _SentFunction(msgspec.Struct, frozen=True):
    name: str
    arguments: msgspec.Raw


class _SentCall(msgspec.Struct, frozen=True):
    function: _SentFunction


class _SentMessage(msgspec.Struct, frozen=True, omit_defaults=True):
    role: str
    content: str
    tool_calls: tuple[_SentCall, ...] = ()
    tool_name: str = ""
    tool_call_id: str = ""


class _Options(msgspec.Struct, frozen=True, omit_defaults=True):
    num_predict: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: int | None = None
    stop: tuple[str, ...] = ()
    num_ctx: int | None = None


class _SentChat(msgspec.Struct, frozen=True, omit_defaults=True):
    model: str
    messages: tuple[_SentMessage, ...]
    options: _Options
    stream: bool
    truncate: bool
    shift: bool
    tools: msgspec.Raw | None = None
    format: msgspec.Raw | None = None


class _SentEmbed(msgspec.Struct, frozen=True):
    model: str
    input: tuple[str, ...]
    truncate: bool = False


class _SentShow(msgspec.Struct, frozen=True):
    model: str


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: msgspec.Raw = msgspec.Raw(b"{}")


class _Call(msgspec.Struct, frozen=True):
    function: _Function
    id: str | None = None


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None
    thinking: str | None = None
    tool_calls: tuple[_Call, ...] | None = None


class _Line(msgspec.Struct, frozen=True):
    message: _Message | None = None
    done: bool = False
    done_reason: str | None = None
    prompt_eval_count: int | None = None
    eval_count: int | None = None
    error: str | None = None


class _Vectors(msgspec.Struct, frozen=True):
    embeddings: tuple[tuple[float, ...], ...]
    prompt_eval_count: int | None = None


class _Schema(msgspec.Struct, frozen=True):
    schema: msgspec.Raw = msgspec.Raw()


class _Format(msgspec.Struct, frozen=True):
    type: str
    json_schema: _Schema | None = None


class TagDetails(msgspec.Struct, frozen=True):
    """What a listed model is made of."""

    family: str | None = None


class Tag(msgspec.Struct, frozen=True):
    """A model as `/api/tags` lists it."""

    name: str
    size: int = 0
    details: TagDetails | None = None
    remote_host: str | None = None
    """Set where Ollama only passes requests on, to a machine that is not this one."""

    @property
    def is_local(self) -> bool:
        """Whether its weights are here: a conversation with it stays on this machine."""
        return not self.remote_host and not self.name.endswith(("-cloud", ":cloud"))


class _Tags(msgspec.Struct, frozen=True):
    models: tuple[Tag, ...] | None = None


class Shown(msgspec.Struct, frozen=True):
    """What `/api/show` tells of a model, as far as the house asks."""

    kind: ModelKind
    context_tokens: int


class _Show(msgspec.Struct, frozen=True):
    capabilities: tuple[str, ...] | None = None
    model_info: dict[str, msgspec.Raw] | None = None


_ENCODER: Final = msgspec.json.Encoder()
_LINES: Final = msgspec.json.Decoder(_Line)
_UNREADABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def write_chat(call: ChatCall, upstream_name: str, context_tokens: int | None) -> bytes:
    """A call as the body of `/api/chat`; `context_tokens` is left to Ollama where none is given.

    Raises:
        EngineRefused: the call forces a tool, which Ollama has no word for.
    """
    choice = bytes(call.tool_choice) if call.tool_choice is not None else b'"auto"'
    if choice not in {b'"auto"', b'"none"'}:
        message = "Ollama cannot be made to use a tool"
        raise EngineRefused(message, where="tool_choice", fix="use auto or none")
    return _ENCODER.encode(
        _SentChat(
            model=upstream_name,
            messages=_messages(call.messages),
            options=_Options(
                num_predict=call.max_tokens,
                temperature=call.temperature,
                top_p=call.top_p,
                seed=call.seed,
                stop=call.stop,
                num_ctx=context_tokens,
            ),
            stream=True,
            truncate=False,
            shift=False,
            tools=call.tools if choice == b'"auto"' else None,
            format=_format(call.response_format),
        )
    )


def _messages(given: tuple[Message, ...]) -> tuple[_SentMessage, ...]:
    names = {call.id: call.name for message in given for call in message.tool_calls}
    return tuple(
        [
            _SentMessage(
                role=message.role,
                content=message.content,
                tool_calls=tuple(
                    [
                        _SentCall(_SentFunction(call.name, _object(call.arguments)))
                        for call in message.tool_calls
                    ]
                ),
                tool_name=names.get(message.tool_call_id, ""),
                tool_call_id=message.tool_call_id,
            )
            for message in given
        ]
    )


def _object(arguments: str) -> msgspec.Raw:
    """Arguments as the JSON object Ollama wants; what is none is put under one name."""
    try:
        msgspec.json.decode(arguments, type=dict[str, msgspec.Raw])
    except _UNREADABLE:
        return msgspec.Raw(_ENCODER.encode({"arguments": arguments} if arguments else {}))
    return msgspec.Raw(arguments.encode())


def _format(given: msgspec.Raw | None) -> msgspec.Raw | None:
    if given is None:
        return None
    asked = msgspec.json.decode(given, type=_Format)
    if asked.type == "json_schema" and asked.json_schema and bytes(asked.json_schema.schema):
        return asked.json_schema.schema.copy()
    return msgspec.Raw(b'"json"')


def write_embed(call: EmbedCall, upstream_name: str) -> bytes:
    """A call for vectors as the body of `/api/embed`; a text too long is refused, not cut."""
    return _ENCODER.encode(_SentEmbed(upstream_name, call.texts))


def write_show(upstream_name: str) -> bytes:
    """The body of `/api/show`."""
    return _ENCODER.encode(_SentShow(upstream_name))


class LineReader:
    """Turns the lines of an answer into events; `place` says who is speaking."""

    def __init__(self, place: str) -> None:
        self._place = place
        self._calls = 0

    def read(self, line: bytes) -> Iterator[Event]:
        """Events of one line; the last line gives `Done`.

        Raises:
            EngineCut: it failed in the middle, or sent what is not of the dialect.
        """
        try:
            found = _LINES.decode(line)
        except _UNREADABLE as error:
            message = f"{self._place} sent a piece of answer that nobody can read"
            raise EngineCut(message, where=self._place) from error
        if found.error is not None:
            message = f"{self._place} failed in the middle of its answer: {clean(found.error)}"
            raise EngineCut(message, where=self._place, fix="ask again")
        if found.message is not None:
            yield from self._pieces(found.message)
        if found.done:
            yield self._done(found)

    def _pieces(self, message: _Message) -> Iterator[Event]:
        if message.thinking:
            yield Reasoning(message.thinking)
        if message.content:
            yield Text(message.content)
        for call in message.tool_calls or ():
            place, self._calls = self._calls, self._calls + 1
            yield ToolPart(
                index=place,
                id=call.id or f"call_{place}",
                name=call.function.name,
                arguments=bytes(call.function.arguments).decode("utf-8", "replace"),
            )

    def _done(self, found: _Line) -> Done:
        usage = Usage(
            prompt_tokens=max(0, found.prompt_eval_count or 0),
            completion_tokens=max(0, found.eval_count or 0),
        )
        finish = _FINISHES.get(found.done_reason or "stop", "stop")
        return Done("tool_calls" if self._calls and finish == "stop" else finish, usage)


def read_embeddings(body: bytes, call: EmbedCall, place: str) -> Embeddings:
    """The vectors of an answer. Raises `EngineCut` when they cannot be read or are missing."""
    try:
        found = msgspec.json.decode(body, type=_Vectors)
    except _UNREADABLE as error:
        message = f"{place} sent vectors that nobody can read"
        raise EngineCut(message, where=place) from error
    usage = Usage(prompt_tokens=max(0, found.prompt_eval_count or 0))
    return unit_vectors(found.embeddings, len(call.texts), usage, place)


def read_tags(body: bytes, place: str) -> tuple[Tag, ...]:
    """Models on that machine; those it would pass on to another are left out.

    Raises:
        EngineCut: this is not what Ollama answers.
    """
    try:
        found = msgspec.json.decode(body, type=_Tags).models
    except _UNREADABLE as error:
        message = f"{place} sent a list of models that nobody can read"
        raise EngineCut(message, where=place) from error
    return tuple(tag for tag in found or () if tag.name and tag.is_local)


def read_show(body: bytes, tag: Tag) -> Shown:
    """What is known of a model; what the answer does not tell is guessed from its name."""
    guess = kind_by_name(f"{tag.name} {tag.details.family if tag.details else ''}")
    try:
        found = msgspec.json.decode(body, type=_Show)
    except _UNREADABLE:
        return Shown(guess, 0)
    told = found.capabilities or ()
    kind: ModelKind = guess
    if "completion" in told:
        kind = "chat"
    elif "embedding" in told:
        kind = "embed"
    return Shown(kind, _context(found.model_info or {}))


def _context(info: dict[str, msgspec.Raw]) -> int:
    """The length under its architecture's name: `llama.context_length`."""
    for name, raw in info.items():
        if name.endswith(".context_length") and bytes(raw).isdigit():
            return int(bytes(raw)[:9])
    return 0
