"""Lists of models, as one superset that the clients of several dialects read. Pure.

Source: OpenAI API reference, "List models"; Anthropic API reference, "List Models" (the paging
fields and `display_name`); Codex reads a second list called `models`.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from freehold.runtime.calls import Model

_ENCODER: Final = msgspec.json.Encoder()


class _Model(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    created: int
    owned_by: str
    display_name: str
    object: str = "model"
    type: str = "model"


class _Slug(msgspec.Struct, frozen=True):
    slug: str
    display_name: str


class _Models(msgspec.Struct, frozen=True, kw_only=True):
    data: tuple[_Model, ...]
    first_id: str | None
    last_id: str | None
    models: tuple[_Slug, ...]
    has_more: bool = False
    object: str = "list"


def write_models(models: Sequence[Model], created: int) -> bytes:
    """The list; `created` is in seconds since 1970 (the house does not know when a model was)."""
    data = tuple(_model(model, created) for model in models)
    return _ENCODER.encode(
        _Models(
            data=data,
            first_id=data[0].id if data else None,
            last_id=data[-1].id if data else None,
            models=tuple(_Slug(model.id, model.display_name) for model in data),
        )
    )


def write_model(model: Model, created: int) -> bytes:
    """One model of the list."""
    return _ENCODER.encode(_model(model, created))


def _model(model: Model, created: int) -> _Model:
    return _Model(
        id=model.name,
        created=created,
        owned_by=f"freehold:{model.engine}",
        display_name=f"{model.name} (demonstration)" if model.demo else model.name,
    )
