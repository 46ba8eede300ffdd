"""The lists in which LM Studio says more of its models than the OpenAI dialect can. Pure.

Source: LM Studio REST API, "List your models": `/api/v1/models`, and `/api/v0/models` before 0.4.
"""

import msgspec

from freehold.runtime.calls import ModelKind


class LmStudioModel(msgspec.Struct, frozen=True, kw_only=True):
    """A model of LM Studio's."""

    name: str
    kind: ModelKind
    bytes: int
    context_tokens: int


class _New(msgspec.Struct, frozen=True):
    type: str
    key: str
    size_bytes: int | None = None
    max_context_length: int | None = None


class _NewList(msgspec.Struct, frozen=True):
    models: tuple[_New, ...]


class _Old(msgspec.Struct, frozen=True):
    id: str
    type: str
    max_context_length: int | None = None


class _OldList(msgspec.Struct, frozen=True):
    data: tuple[_Old, ...]


def read_list(body: bytes) -> tuple[LmStudioModel, ...] | None:
    """The models of `/api/v1/models`; none at all when this is not that list.

    An LM Studio that does not know the path answers 200 with an error in it.
    """
    try:
        found = msgspec.json.decode(body, type=_NewList).models
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return tuple(
        LmStudioModel(
            name=item.key,
            kind="embed" if item.type.startswith("embed") else "chat",
            bytes=max(0, item.size_bytes or 0),
            context_tokens=max(0, item.max_context_length or 0),
        )
        for item in found
        if item.key
    )


def read_old_list(body: bytes) -> tuple[LmStudioModel, ...] | None:
    """The models of `/api/v0/models`; none at all when this is not that list."""
    try:
        found = msgspec.json.decode(body, type=_OldList).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return tuple(
        LmStudioModel(
            name=item.id,
            kind="embed" if item.type.startswith("embed") else "chat",
            bytes=0,
            context_tokens=max(0, item.max_context_length or 0),
        )
        for item in found
        if item.id
    )
