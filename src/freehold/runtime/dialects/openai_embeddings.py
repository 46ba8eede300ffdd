"""Requests for vectors in the OpenAI dialect, and their answers. Pure.

Source: OpenAI API reference, "Create embeddings". Its own Python client always asks for base64.
"""

import base64
from typing import Final, Literal

import msgspec

from freehold.runtime.calls import EmbedCall, Embeddings
from freehold.runtime.dialects.strict_json import (
    Int64,
    check_depth,
    decode_fields,
    decode_known,
    wrong,
)

Encoding = Literal["float", "base64"]

_ENCODER: Final = msgspec.json.Encoder()
_MOST_TEXTS: Final = 2048
_LONGEST_NAME: Final = 300


class OpenAIEmbed(msgspec.Struct, frozen=True, kw_only=True):
    """A request for vectors, understood."""

    call: EmbedCall
    encoding: Encoding
    dimensions: int | None
    """Length the caller wants; `write_embeddings` refuses one the model does not have."""
    ignored: tuple[str, ...]


class _Embed(msgspec.Struct, frozen=True):
    model: str
    input: str | tuple[str | Int64 | tuple[Int64, ...], ...]
    encoding_format: str | None = None
    dimensions: Int64 | None = None


class _Vector(msgspec.Struct, frozen=True):
    index: int
    embedding: str | list[float]
    object: str = "embedding"


class _Usage(msgspec.Struct, frozen=True):
    prompt_tokens: int
    total_tokens: int


class _Vectors(msgspec.Struct, frozen=True):
    data: tuple[_Vector, ...]
    model: str
    usage: _Usage
    object: str = "list"


_KNOWN: Final = frozenset(_Embed.__struct_fields__)


def read_embeddings(body: bytes) -> OpenAIEmbed:
    """Understand a request for vectors.

    Raises:
        BadRequest: it is not well formed, or sends token ids; names the field.
    """
    fields = decode_fields(body)
    for name, raw in fields.items():
        if name != "input":
            check_depth(bytes(raw), name[:64])
    asked = decode_known(body, _Embed)
    if not asked.model or len(asked.model) > _LONGEST_NAME:
        raise wrong(at="model", why="it is empty or too long", fix="name one of `GET /v1/models`")
    return OpenAIEmbed(
        call=EmbedCall(model=asked.model, texts=_texts(asked.input)),
        encoding=_encoding(asked.encoding_format),
        dimensions=_dimensions(asked.dimensions),
        ignored=tuple([name[:64] for name in fields if name not in _KNOWN][:32]),
    )


def _texts(given: str | tuple[str | int | tuple[int, ...], ...]) -> tuple[str, ...]:
    items = (given,) if isinstance(given, str) else given
    if not items or len(items) > _MOST_TEXTS:
        raise wrong(at="input", why=f"it must hold 1 to {_MOST_TEXTS} texts")
    texts = tuple(item for item in items if isinstance(item, str))
    if len(texts) != len(items):
        why = "it holds token ids, which mean different words to each model"
        fix = "send texts; in LangChain, set check_embedding_ctx_length=False"
        raise wrong(at="input", why=why, fix=fix)
    if not all(texts):
        raise wrong(at="input", why="it holds an empty text", fix="leave empty texts out")
    return texts


def _encoding(given: str | None) -> Encoding:
    if given in {None, "float"}:
        return "float"
    if given == "base64":
        return "base64"
    raise wrong(at="encoding_format", why="use float or base64")


def _dimensions(given: int | None) -> int | None:
    if given is not None and given < 1:
        raise wrong(at="dimensions", why="it must be at least 1")
    return given


def write_embeddings(embeddings: Embeddings, asked: OpenAIEmbed) -> bytes:
    """Vectors as they were asked for.

    Raises:
        BadRequest: the caller wants another length than the model's.
    """
    if asked.dimensions not in {None, embeddings.dimensions}:
        why = f"the vectors of {asked.call.model} have {embeddings.dimensions} dimensions"
        raise wrong(at="dimensions", why=why, fix="leave it out")
    written = tuple(
        _Vector(place, _written(vector, asked.encoding))
        for place, vector in enumerate(embeddings.vectors)
    )
    count = embeddings.usage.prompt_tokens
    return _ENCODER.encode(_Vectors(written, asked.call.model, _Usage(count, count)))


def _written(vector: bytes, encoding: Encoding) -> str | list[float]:
    if encoding == "base64":
        return base64.b64encode(vector).decode("ascii")
    return [float(value) for value in memoryview(vector).cast("f")]
