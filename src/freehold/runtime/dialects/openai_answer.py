"""Writes answers in the OpenAI chat dialect: whole, or as the chunks of a stream. Pure.

Beyond the dialect an answer may carry an object `freehold` with its citations and whether the
documents said nothing; official clients leave it aside.

Source: OpenAI API reference, "The chat completion object" and "The chat completion chunk object".
"""

from typing import Final

import msgspec

from freehold.core.errors import EngineCut, ErrorCard
from freehold.runtime.calls import (
    Citation,
    Done,
    Event,
    Finish,
    Reasoning,
    Text,
    ToolCall,
    ToolPart,
    Usage,
)
from freehold.runtime.dialects.sse import DONE, write_data

_ENCODER: Final = msgspec.json.Encoder()


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    text: str
    reasoning: str
    tool_calls: tuple[ToolCall, ...]
    done: Done


class Gathering:
    """Puts the events of an answer together."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._reasoning: list[str] = []
        self._calls: dict[int, list[str]] = {}
        self._done: Done | None = None

    def add(self, event: Event) -> None:
        """Take the next event."""
        match event:
            case Text(text):
                self._text.append(text)
            case Reasoning(text):
                self._reasoning.append(text)
            case ToolPart(index, id=call_id, name=name, arguments=arguments):
                call = self._calls.setdefault(index, ["", "", ""])
                call[0] += call_id
                call[1] += name
                call[2] += arguments
            case Done():
                self._done = event

    def answer(self) -> Answer:
        """All of it. Raises `EngineCut` when the end never came."""
        if self._done is None:
            raise EngineCut
        return Answer(
            text="".join(self._text),
            reasoning="".join(self._reasoning),
            tool_calls=tuple(
                ToolCall(id=call[0], name=call[1], arguments=call[2])
                for _, call in sorted(self._calls.items())
            ),
            done=self._done,
        )


class _Function(msgspec.Struct, frozen=True, omit_defaults=True):
    name: str | msgspec.UnsetType = msgspec.UNSET
    arguments: str | msgspec.UnsetType = msgspec.UNSET


class _Call(msgspec.Struct, frozen=True, omit_defaults=True):
    index: int | msgspec.UnsetType = msgspec.UNSET
    id: str | msgspec.UnsetType = msgspec.UNSET
    type: str | msgspec.UnsetType = msgspec.UNSET
    function: _Function | msgspec.UnsetType = msgspec.UNSET


class _Message(msgspec.Struct, frozen=True):
    content: str | None
    role: str = "assistant"
    refusal: None = None
    reasoning_content: str | msgspec.UnsetType = msgspec.UNSET
    tool_calls: tuple[_Call, ...] | msgspec.UnsetType = msgspec.UNSET


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: Finish
    index: int = 0
    logprobs: None = None


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int


class FreeholdNote(msgspec.Struct, frozen=True, kw_only=True):
    """What the house adds to an answer from documents."""

    refused: bool
    """The documents do not say."""
    citations: tuple[Citation, ...] = ()


class _Completion(msgspec.Struct, frozen=True):
    id: str
    created: int
    model: str
    choices: tuple[_Choice, ...]
    usage: _Usage
    object: str = "chat.completion"
    freehold: FreeholdNote | msgspec.UnsetType = msgspec.UNSET


class _Error(msgspec.Struct, frozen=True):
    message: str
    type: str
    code: str
    param: str | None


class _ErrorBody(msgspec.Struct, frozen=True):
    error: _Error


def write_completion(
    answer: Answer,
    *,
    answer_id: str,
    model: str,
    created: int,
    note: FreeholdNote | None = None,
) -> bytes:
    """A whole answer; `created` is in seconds since 1970, `model` as the caller named it."""
    calls = tuple(
        _Call(
            id=call.id,
            type="function",
            function=_Function(name=call.name, arguments=call.arguments),
        )
        for call in answer.tool_calls
    )
    message = _Message(
        content=answer.text if answer.text or not calls else None,
        reasoning_content=answer.reasoning or msgspec.UNSET,
        tool_calls=calls or msgspec.UNSET,
    )
    return _ENCODER.encode(
        _Completion(
            id=answer_id,
            created=created,
            model=model,
            choices=(_Choice(message, answer.done.finish),),
            usage=_usage(answer.done.usage),
            freehold=note or msgspec.UNSET,
        )
    )


class ChunkWriter:
    """Writes one answer as a stream: `first`, `event` for each but `Done`, then `last`.

    When the answer breaks off, `failed` instead of `last`: then no `[DONE]` follows, so that no
    client takes half an answer for a whole one.
    """

    def __init__(self, *, answer_id: str, model: str, created: int, include_usage: bool) -> None:
        lead = {"id": answer_id, "object": "chat.completion.chunk", "created": created}
        text = _ENCODER.encode({**lead, "model": model})[:-1]
        self._lead = b"data: " + text + b',"choices":[{"index":0,"delta":'
        self._bare = b"data: " + text + b',"choices":[]'
        self._usage = b',"usage":null' if include_usage else b""
        self._tail = b',"logprobs":null,"finish_reason":null}]' + self._usage + b"}\n\n"
        self._include_usage = include_usage

    def first(self) -> bytes:
        """The chunk that opens an answer."""
        return self._lead + b'{"role":"assistant","content":"","refusal":null}' + self._tail

    def event(self, event: Text | Reasoning | ToolPart) -> bytes:
        """The chunk of an event."""
        match event:
            case Text(text):
                delta = b'{"content":' + _ENCODER.encode(text) + b"}"
            case Reasoning(text):
                delta = b'{"reasoning_content":' + _ENCODER.encode(text) + b"}"
            case _:
                delta = _ENCODER.encode({"tool_calls": [_part(event)]})
        return self._lead + delta + self._tail

    def last(self, done: Done, note: FreeholdNote | None = None) -> bytes:
        """The end: the finish reason with the note, usage if it was asked for, and `[DONE]`.

        The note rides on the chunk with the finish reason: a chunk without choices is one that
        many clients only expect when they asked for usage.
        """
        added = b"" if note is None else b',"freehold":' + _ENCODER.encode(note)
        reason = _ENCODER.encode(done.finish)
        end = b'{},"logprobs":null,"finish_reason":' + reason + b"}]" + self._usage
        pieces = [self._lead + end + added + b"}\n\n"]
        if self._include_usage:
            usage = _ENCODER.encode(_usage(done.usage))
            pieces.append(self._bare + b',"usage":' + usage + b"}\n\n")
        return b"".join([*pieces, DONE])

    def failed(self, card: ErrorCard, status: int) -> bytes:
        """The answer broke off; nothing follows."""
        return write_data(write_error(card, status))


def _part(part: ToolPart) -> _Call:
    """A piece of a tool call; only the first one names the call and its function."""
    opens = bool(part.id or part.name)
    return _Call(
        index=part.index,
        id=part.id if opens else msgspec.UNSET,
        type="function" if opens else msgspec.UNSET,
        function=_Function(
            name=part.name if opens else msgspec.UNSET,
            arguments=part.arguments,
        ),
    )


def _usage(usage: Usage) -> _Usage:
    total = usage.prompt_tokens + usage.completion_tokens
    return _Usage(usage.prompt_tokens, usage.completion_tokens, total)


_TYPES: Final = {
    401: "authentication_error",
    403: "permission_error",
    429: "rate_limit_error",
}
_SERVER: Final = 500
_OF_CALLER: Final = "FH-CALL-"
"""Only these errors have a field of the request as their place; others have a server."""


def write_error(card: ErrorCard, status: int) -> bytes:
    """An error as the dialect's clients show it: message with the fix, our code, the field."""
    kind = _TYPES.get(status, "server_error" if status >= _SERVER else "invalid_request_error")
    message = f"{card.title}; {card.fix}" if card.fix else card.title
    field = card.where if card.code.startswith(_OF_CALLER) else ""
    return _ENCODER.encode(_ErrorBody(_Error(message, kind, card.code, field or None)))
