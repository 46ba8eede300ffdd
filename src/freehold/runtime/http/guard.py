"""What no route should ever see: one look at the raw request before anything else.

The HTTP parser below is lenient where proxies differ (reliability study A2 (6): two Host headers,
none, 200 KB of headers all pass it); what two parsers may read differently is refused here.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from freehold.core.errors import BadRequest, NotAllowed, TooLarge
from freehold.core.units import KIB

HEADER_BYTES: Final = 16 * KIB
HEADER_COUNT: Final = 100
PATH_LONGEST: Final = 8192
_ONCE: Final = frozenset({
    "host", "authorization", "x-api-key", "api-key", "content-length", "content-type",
    "cookie", "origin", "x-freehold-csrf", "transfer-encoding", "last-event-id",
})  # fmt: skip
_SAFE_METHODS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_NAMES_WITH_SLASHES: Final = (b"/v1/models/", b"/freehold/v1/models/")
"""Names of models hold slashes, which the OpenAI clients encode."""
_ENCODED: Final = (b"%2f", b"%5c", b"%00", b"%2e%2e", b"%2e.", b".%2e")


class WrongHost(BadRequest):
    """The Host header names no name of this house."""

    code = "FH-CALL-010"
    status = 421


class HeadersTooLarge(TooLarge):
    """The headers are larger than anything a client of this house sends."""

    code = "FH-CALL-011"
    status = 431


def headers_of(raw: Sequence[tuple[bytes, bytes]]) -> dict[str, str]:
    """The headers by lower-case name.

    Raises:
        HeadersTooLarge: more than 16 KiB or 100 of them.
        BadRequest: one that may stand once stands twice, or holds a control character.
    """
    if len(raw) > HEADER_COUNT or sum(len(n) + len(v) + 4 for n, v in raw) > HEADER_BYTES:
        message = f"more than {HEADER_COUNT} headers or {HEADER_BYTES // KIB} KiB of them"
        raise HeadersTooLarge(message)
    found: dict[str, str] = {}
    for name_bytes, value_bytes in raw:
        name = name_bytes.decode("latin-1").lower()
        if name in found and name in _ONCE:
            message = f"the header {name!r} stands more than once"
            raise BadRequest(message, where=name)
        if b"\0" in value_bytes or b"\r" in value_bytes or b"\n" in value_bytes:
            message = f"the header {name!r} holds a control character"
            raise BadRequest(message, where=name)
        found[name] = value_bytes.decode("latin-1")
    return found


def check_host(headers: Mapping[str, str], names: frozenset[str]) -> None:
    """A page on another site must not reach this house under a name of its own (DNS rebinding).

    Raises:
        WrongHost: no Host header, or one that is not ours.
    """
    host = headers.get("host", "")
    if not is_ours(host, names):
        shown = host[:80] or "nothing"
        message = f"the Host header says {shown!r}, which is not a name of this house"
        raise WrongHost(
            message, where="host", fix="add the name under `access.hosts` in freehold.yaml"
        )


def is_ours(authority: str, names: frozenset[str]) -> bool:
    """Whether `name[:port]` is one of the house's names."""
    name, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        name = authority
    elif not (port.isascii() and port.isdigit()):
        return False
    return name.lower() in names


def check_path(raw_path: bytes) -> None:
    """Refuse what two readers of a path may resolve differently.

    Raises:
        BadRequest: `..`, `//`, a backslash, or an encoded slash, dot-dot or NUL.
    """
    lowered = raw_path.lower()
    if lowered.startswith(_NAMES_WITH_SLASHES):
        lowered = lowered.replace(b"%2f", b"/")
    if len(raw_path) > PATH_LONGEST or not raw_path.startswith(b"/"):
        raise BadRequest("the path is too long, or not a path")
    tricky = b"//" in lowered or b"\\" in lowered or any(code in lowered for code in _ENCODED)
    segments = lowered.split(b"/")
    if tricky or b".." in segments or b"." in segments:
        raise BadRequest(
            "the path is not in its plain form", fix="send it without `..`, `//` or `%2f`"
        )


def check_origin(method: str, headers: Mapping[str, str], names: frozenset[str]) -> None:
    """A change may only be asked for by our own page, or by no page at all.

    Raises:
        NotAllowed: the browser says that another site asks.
    """
    if method in _SAFE_METHODS:
        return
    origin = headers.get("origin")
    foreign = origin is not None and not is_ours(origin.partition("://")[2], names)
    if foreign or headers.get("sec-fetch-site") == "cross-site":
        raise NotAllowed("another site may not change anything here", where="origin")
