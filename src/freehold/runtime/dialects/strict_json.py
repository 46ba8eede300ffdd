"""JSON from outside, read strictly: either typed values, or a `BadRequest` that names the field.

What a lenient reader lets through and a database or an engine then breaks on is refused here:
NaN, numbers beyond 64 bits, halves of surrogate pairs, NUL, nesting without end.
"""

import functools
import itertools
import json
import math
import re
from typing import Annotated, Any, Final, TypeVar, cast

import msgspec

from freehold.core.errors import BadRequest

Kind = TypeVar("Kind")

Int64 = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]

DEEPEST: Final = 64
"""Levels of nesting a body may have."""

_STRINGS: Final = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
_STEPS: Final = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_PLACE: Final = re.compile(r" - at `\$?(?P<path>[^`]*)`$")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_NOT_A_NUMBER: Final = object()


def decode(body: bytes, kind: type[Kind]) -> Kind:
    """Read `body` as `kind`; fields that `kind` does not have are skipped.

    Raises:
        BadRequest: the body is no JSON, or a field is not what it must be; `where` is its path.
    """
    check_depth(body, "the body")
    return decode_known(body, kind)


def decode_fields(body: bytes) -> dict[str, msgspec.Raw]:
    """The fields of an object, none of them looked into. Raises `BadRequest` as `decode`."""
    return decode_known(body, dict[str, msgspec.Raw])


def decode_known(body: bytes, kind: type[Kind]) -> Kind:
    """As `decode`, for a body of which the caller has checked the depth where it matters."""
    try:
        found = _decoder(cast("Any", kind)).decode(body)
    except msgspec.ValidationError as error:
        raise _not_valid(str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _not_json(body, str(error)) from error
    if b"\\u0000" in body and (problem := _odd(body)) is not None:
        raise problem
    return found  # type: ignore[no-any-return]


def check_raw(raw: msgspec.Raw, where: str) -> None:
    """See that JSON which is only carried is sound all through. Raises `BadRequest`."""
    try:
        msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        why = "it holds a number or text that no engine can read"
        raise wrong(at=where, why=why) from error


def wrong(*, at: str, why: str, fix: str = "") -> BadRequest:
    """The error for a field: `at` is its path, `why` begins in lower case."""
    return BadRequest(f"{at} is not right: {why}", where=at, fix=fix)


@functools.lru_cache(maxsize=64)
def _decoder(kind: Any) -> Any:  # noqa: ANN401 - the cache cannot carry the type through
    return msgspec.json.Decoder(kind)


def check_depth(body: bytes, where: str) -> None:
    """See that a piece of JSON does not nest without end. Raises `BadRequest`."""
    if body.count(b"[") + body.count(b"{") <= DEEPEST:
        return
    brackets = _STRINGS.sub(b"", body).translate(None, _NOT_BRACKETS)
    levels = itertools.accumulate(map(_STEPS.__getitem__, brackets))
    if max(levels, default=0) > DEEPEST:
        raise _too_deep(where)


def _too_deep(where: str) -> BadRequest:
    return wrong(at=where, why=f"it nests deeper than {DEEPEST} levels", fix="send it flatter")


def _not_valid(text: str) -> BadRequest:
    """Turn the decoder's own sentence into ours, with the path as `where`."""
    found = _PLACE.search(text)
    why = (text[: found.start()] if found else text).replace("`", "").replace(" | ", " or ")
    why = why[:1].lower() + why[1:]
    where = found["path"].lstrip(".") if found else ""
    missing = re.search(r"missing required field (\w+)", why)
    if missing is not None:
        where = f"{where}.{missing[1]}".lstrip(".")
        why = "it is missing"
    return wrong(at=where or "the body", why=why)


def _not_json(body: bytes, why: str) -> BadRequest:
    return _odd(body) or BadRequest(
        f"the body is not JSON: {why[:120].lower()}", fix="send a UTF-8 encoded JSON object"
    )


def _odd(body: bytes) -> BadRequest | None:
    """The first value that is JSON by a lenient reader and still cannot be served."""
    try:
        value = json.loads(body.decode("utf-8"), parse_constant=lambda _: _NOT_A_NUMBER)
    except UnicodeDecodeError:
        return BadRequest("the body is not UTF-8", fix="send a UTF-8 encoded JSON object")
    except RecursionError:
        return _too_deep("the body")
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        return BadRequest("the body is not JSON", where=place, fix="send a JSON object")
    except ValueError:
        return BadRequest("the body holds a number too long to read", fix="write it shorter")
    return _odd_value(value)


def _odd_value(value: object) -> BadRequest | None:
    waiting: list[tuple[str, object]] = [("", value)]
    while waiting:
        where, item = waiting.pop()
        if (why := _oddity(item)) is not None:
            return wrong(at=where.lstrip(".") or "the body", why=why)
        if isinstance(item, dict):
            for key, inner in reversed(item.items()):
                if (why := _oddity(key)) is not None:
                    return wrong(at=where.lstrip(".") or "the body", why=f"in a name, {why}")
                waiting.append((f"{where}.{key[:64]}", inner))
        elif isinstance(item, list):
            waiting.extend(
                (f"{where}[{place}]", inner) for place, inner in reversed([*enumerate(item)])
            )
    return None


def _oddity(item: object) -> str | None:
    if isinstance(item, str):
        if _SURROGATE.search(item):
            return "it holds half of a surrogate pair"
        return "it holds a NUL character" if "\0" in item else None
    if item is _NOT_A_NUMBER or (isinstance(item, float) and not math.isfinite(item)):
        return "it is not a finite number"
    return None
