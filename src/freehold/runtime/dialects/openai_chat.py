"""Reads a request in the OpenAI chat dialect. Pure.

Source: OpenAI API reference, "Create chat completion".
"""

from typing import Final, TypeVar

import msgspec

from freehold.runtime.calls import ChatCall, Message, Role, ToolCall
from freehold.runtime.dialects.strict_json import (
    Int64,
    check_depth,
    check_raw,
    decode_fields,
    decode_known,
    wrong,
)

Shape = TypeVar("Shape")

_ROLES: Final[dict[str, Role]] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}
_MOST_STOPS: Final = 16
_HOTTEST: Final = 2.0
_NO_LIMIT: Final = -1
"""What LM Studio's and llama.cpp's clients write for "no limit"."""
_LONGEST_NAME: Final = 300


class FreeholdOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a caller may ask of the house beyond the dialect."""

    documents: tuple[str, ...] | None = None
    """Collections to answer from; none at all when absent."""


class OpenAIChat(msgspec.Struct, frozen=True, kw_only=True):
    """A chat request, understood."""

    call: ChatCall
    stream: bool
    include_usage: bool
    freehold: FreeholdOptions
    ignored: tuple[str, ...]
    """Fields the house does not serve and left out, as they were written."""


class _Part(msgspec.Struct, frozen=True):
    type: str
    text: str | None = None
    refusal: str | None = None


class _Function(msgspec.Struct, frozen=True):
    name: str
    arguments: str


class _Called(msgspec.Struct, frozen=True):
    id: str
    function: _Function
    type: str = "function"


class _Message(msgspec.Struct, frozen=True):
    role: str
    content: str | tuple[_Part, ...] | None = None
    tool_calls: tuple[_Called, ...] | None = None
    tool_call_id: str | None = None
    function_call: msgspec.Raw = msgspec.Raw()


class _StreamOptions(msgspec.Struct, frozen=True):
    include_usage: bool | None = None


class _Chat(msgspec.Struct, frozen=True):
    model: str
    messages: tuple[_Message, ...]
    max_tokens: Int64 | None = None
    max_completion_tokens: Int64 | None = None
    temperature: float | None = None
    top_p: float | None = None
    seed: Int64 | None = None
    stop: str | tuple[str, ...] | None = None
    tools: msgspec.Raw = msgspec.Raw()
    tool_choice: msgspec.Raw = msgspec.Raw()
    response_format: msgspec.Raw = msgspec.Raw()
    stream: bool | None = None
    stream_options: _StreamOptions | None = None
    n: Int64 | None = None
    logprobs: bool | None = None
    top_logprobs: Int64 | None = None
    functions: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()
    audio: msgspec.Raw = msgspec.Raw()
    modalities: tuple[str, ...] | None = None
    freehold: FreeholdOptions | None = None


class _Tool(msgspec.Struct, frozen=True):
    type: str


_KNOWN: Final = frozenset(_Chat.__struct_fields__)


def read_chat(body: bytes) -> OpenAIChat:
    """Understand a chat request.

    Raises:
        BadRequest: it is not well formed, or asks for what the house cannot do; names the field.
    """
    ignored = ignored_fields(body, _KNOWN)
    asked = decode_known(body, _Chat)
    _refuse(asked)
    call = ChatCall(
        model=_model(asked.model),
        messages=_messages(asked.messages),
        max_tokens=_max_tokens(asked),
        temperature=_within("temperature", asked.temperature, _HOTTEST),
        top_p=_within("top_p", asked.top_p, 1.0),
        seed=asked.seed,
        stop=_stops(asked.stop),
        tools=(tools := _tools(asked.tools)),
        tool_choice=_tool_choice(asked.tool_choice) if tools is not None else None,
        response_format=_response_format(asked.response_format),
    )
    options = asked.stream_options
    return OpenAIChat(
        call=call,
        stream=bool(asked.stream),
        include_usage=bool(asked.stream and options and options.include_usage),
        freehold=asked.freehold or FreeholdOptions(),
        ignored=ignored,
    )


def ignored_fields(body: bytes, known: frozenset[str]) -> tuple[str, ...]:
    """Names of the fields of a body that nobody reads, each cut to 64 characters, at most 32.

    Raises:
        BadRequest: the body is no JSON object, or a field nests without end.
    """
    fields = decode_fields(body)
    for name, raw in fields.items():
        if name != "messages":
            check_depth(bytes(raw), name[:64])
    return tuple([name[:64] for name in fields if name not in known][:32])


def _refuse(asked: _Chat) -> None:
    """Stop at what would be answered wrongly if it were merely left out."""
    if asked.n is not None and asked.n != 1:
        raise wrong(
            at="n", why="the house gives one answer for each request", fix="send the request again"
        )
    if asked.logprobs or asked.top_logprobs:
        name = "logprobs" if asked.logprobs else "top_logprobs"
        raise wrong(
            at=name, why="the house does not give probabilities of tokens", fix="leave it out"
        )
    for name, raw in (("functions", asked.functions), ("function_call", asked.function_call)):
        if _given(raw):
            raise wrong(
                at=name, why="it was replaced in the dialect", fix="use `tools` and `tool_choice`"
            )
    if _given(asked.audio) or set(asked.modalities or ()) - {"text"}:
        name = "audio" if _given(asked.audio) else "modalities"
        raise wrong(at=name, why="the house answers in text here", fix="leave it out")


def _given(raw: msgspec.Raw) -> bool:
    return bytes(raw) not in {b"", b"null"}


def _model(name: str) -> str:
    if not name or len(name) > _LONGEST_NAME:
        raise wrong(at="model", why="it is empty or too long", fix="name one of `GET /v1/models`")
    return name


def _max_tokens(asked: _Chat) -> int | None:
    name, value = "max_completion_tokens", asked.max_completion_tokens
    if value is None:
        name, value = "max_tokens", asked.max_tokens
    if value is None or value == _NO_LIMIT:
        return None
    if value < 1:
        raise wrong(at=name, why="it must be at least 1")
    return value


def _within(name: str, value: float | None, highest: float) -> float | None:
    if value is not None and not 0 <= value <= highest:
        raise wrong(at=name, why=f"it must be between 0 and {highest:g}")
    return value


def _stops(given: str | tuple[str, ...] | None) -> tuple[str, ...]:
    stops = (given,) if isinstance(given, str) else given or ()
    if len(stops) > _MOST_STOPS or not all(stops):
        raise wrong(at="stop", why=f"it must be at most {_MOST_STOPS} texts, none of them empty")
    return stops


def _tools(raw: msgspec.Raw) -> msgspec.Raw | None:
    if not _given(raw):
        return None
    found = _shaped("tools", raw, tuple[_Tool, ...])
    return raw.copy() if found else None


def _tool_choice(raw: msgspec.Raw) -> msgspec.Raw | None:
    if not _given(raw):
        return None
    if not bytes(raw).startswith(b'"'):
        _shaped("tool_choice", raw, _Tool)
    elif _shaped("tool_choice", raw, str) not in {"none", "auto", "required"}:
        raise wrong(at="tool_choice", why="use none, auto, required or the name of a function")
    return raw.copy()


def _response_format(raw: msgspec.Raw) -> msgspec.Raw | None:
    if not _given(raw):
        return None
    found = _shaped("response_format", raw, _Tool)
    if found.type not in {"text", "json_object", "json_schema"}:
        raise wrong(at="response_format.type", why="use text, json_object or json_schema")
    return raw.copy() if found.type != "text" else None


def _shaped(name: str, raw: msgspec.Raw, kind: type[Shape]) -> Shape:
    """What is carried as written, once its outline and every value in it are sound."""
    check_raw(raw, name)
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        why = str(error).partition(" - at ")[0].replace("`", "")
        raise wrong(at=name, why=why[:1].lower() + why[1:]) from error


def _messages(given: tuple[_Message, ...]) -> tuple[Message, ...]:
    if not given:
        raise wrong(at="messages", why="it is empty", fix="send at least one message")
    return tuple([_message(place, item) for place, item in enumerate(given)])


def _message(place: int, given: _Message) -> Message:
    role = _ROLES.get(given.role)
    where = f"messages[{place}]"
    if role is None:
        why = f"{given.role[:40]!r} is not a role"
        raise wrong(at=f"{where}.role", why=why, fix=f"use one of {', '.join(_ROLES)}")
    if _given(given.function_call):
        raise wrong(
            at=f"{where}.function_call",
            why="it was replaced in the dialect",
            fix="use `tool_calls`",
        )
    if given.tool_calls and role != "assistant":
        raise wrong(at=f"{where}.tool_calls", why="only the assistant makes calls")
    if role == "tool" and not given.tool_call_id:
        raise wrong(
            at=f"{where}.tool_call_id", why="it is missing", fix="say which call this answers"
        )
    if given.content is None and role != "assistant":
        raise wrong(at=f"{where}.content", why="it is missing", fix="send a text or text parts")
    return Message(
        role=role,
        content=given.content
        if isinstance(given.content, str)
        else _joined(f"{where}.content", given.content or ()),
        tool_calls=tuple(
            [
                _called(f"{where}.tool_calls[{place}]", call)
                for place, call in enumerate(given.tool_calls or ())
            ]
        ),
        tool_call_id=given.tool_call_id or "" if role == "tool" else "",
    )


def _joined(where: str, parts: tuple[_Part, ...]) -> str:
    return "\n".join([_part(f"{where}[{place}]", part) for place, part in enumerate(parts)])


def _part(where: str, part: _Part) -> str:
    if part.type == "refusal" and part.refusal is not None:
        return part.refusal
    if part.type not in {"text", "input_text", "output_text"}:
        why = f"the house does not read {part.type[:40]!r} parts yet"
        raise wrong(at=f"{where}.type", why=why, fix="send text parts only")
    if part.text is None:
        raise wrong(at=f"{where}.text", why="it is missing")
    return part.text


def _called(where: str, call: _Called) -> ToolCall:
    if call.type != "function":
        raise wrong(at=f"{where}.type", why="only calls of type function are known")
    return ToolCall(id=call.id, name=call.function.name, arguments=call.function.arguments)
