"""What an engine says when it refuses, in the house's own errors. Pure.

Foreign words never pass as they are: they may hold markup, control characters, or a page of them.
"""

import html
import re
from typing import Final

import msgspec

from freehold.core.errors import (
    Busy,
    ContextTooLong,
    EngineRefused,
    EngineUnreachable,
    FreeholdError,
)

_LONGEST_WORDS: Final = 300
_TOO_LONG: Final = re.compile(
    r"context.{0,20}(length|size|window)|exceed_context|maximum context|too many tokens|"
    r"prompt is too long",
    re.IGNORECASE,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TAG: Final = re.compile(r"<[^>]{0,200}>")


class Problem(msgspec.Struct, frozen=True):
    """An error object, as servers of several makers write it."""

    message: str | None = None
    type: str | None = None
    code: int | str | None = None


class _ErrorBody(msgspec.Struct, frozen=True):
    error: Problem | str | None = None
    message: str | None = None
    detail: msgspec.Raw | None = None
    type: str | None = None
    code: int | str | None = None


def read_refusal(status: int, body: bytes, place: str) -> FreeholdError:
    """The error behind an answer that is not 200, in our words, with a cleaned bit of theirs."""
    try:
        found = msgspec.json.decode(body, type=_ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return refusal(place, status, Problem(message=body[:2000].decode("utf-8", "replace")))
    problem = found.error
    if isinstance(problem, str):
        problem = Problem(message=problem)
    if problem is None:
        detail = bytes(found.detail).decode("utf-8", "replace") if found.detail else None
        problem = Problem(message=found.message or detail, type=found.type, code=found.code)
    return refusal(place, status, problem)


def refusal(place: str, status: int, problem: Problem) -> FreeholdError:
    """The error behind a status and an error object; `place` says who is speaking."""
    words = clean(problem.message or "no reason given")
    told = f"{problem.type} {problem.code} {problem.message}"
    if status in {400, 413, 422, 500} and _TOO_LONG.search(told):
        message = f"{place} cannot read a conversation this long: {words}"
        return ContextTooLong(message, where=place, fix="shorten it, or take another model")
    if status in {401, 403}:
        message = f"{place} does not accept the house's key"
        return EngineRefused(message, where=place, fix="give the house a key for that server")
    if status == 429:  # noqa: PLR2004 - too many requests
        return Busy(f"{place} is busy: {words}", where=place, fix="try again shortly")
    if status >= 500 and status != 501:  # noqa: PLR2004 - the server's own fault
        message = f"{place} failed with status {status}: {words}"
        return EngineUnreachable(message, where=place, fix="see that server's log")
    return EngineRefused(f"{place} refused with status {status}: {words}", where=place)


def clean(words: str) -> str:
    """A foreign sentence, made fit for ours: one line, no markup, bounded."""
    if words.lstrip()[:1] == "<":
        words = html.unescape(_TAG.sub(" ", words))
    return " ".join(_CONTROL.sub(" ", words).split())[:_LONGEST_WORDS] or "no reason given"
