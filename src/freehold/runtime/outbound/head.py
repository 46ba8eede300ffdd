"""The head of a request as bytes, and the headers of a response: nothing gets injected.

Only headers named here cross: what a caller of the house sent never travels on by accident.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from freehold.core.errors import BadRequest
from freehold.runtime.outbound.address import Address

Header = tuple[str, str]

METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
IDEMPOTENT: Final = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS"})
CREDENTIALS: Final = frozenset({"authorization", "x-api-key", "api-key", "cookie"})
_ALLOWED: Final = CREDENTIALS | {
    "accept",
    "anthropic-version",
    "cache-control",
    "content-type",
    "idempotency-key",
    "if-match",
    "if-modified-since",
    "if-none-match",
    "if-range",
    "last-event-id",
    "origin",
    "range",
    "traceparent",
    "user-agent",
}
_NAME: Final = re.compile(r"[A-Za-z0-9-]{1,64}")
_VALUE: Final = re.compile(r"[\t\x20-\x7e]{0,16384}")
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


class Headers:
    """Headers of a response; names are matched without regard to case."""

    __slots__ = ("_raw",)

    def __init__(self, raw: Sequence[tuple[bytes, bytes]]) -> None:
        self._raw = raw

    def get(self, name: str, default: str = "") -> str:
        """The value of a header; several of one name are joined by a comma."""
        wanted = name.lower().encode()
        found = [value.decode("latin-1") for key, value in self._raw if key == wanted]
        return ", ".join(found) if found else default

    def __contains__(self, name: str) -> bool:
        wanted = name.lower().encode()
        return any(key == wanted for key, _ in self._raw)

    def __iter__(self) -> Iterator[Header]:
        return ((key.decode("latin-1"), value.decode("latin-1")) for key, value in self._raw)

    def __len__(self) -> int:
        return len(self._raw)


def write_head(method: str, address: Address, headers: Iterable[Header], length: int) -> bytes:
    """The request line and headers.

    Raises:
        BadRequest: a method, header name or header value that does not belong on the wire.
    """
    if method not in METHODS:
        message = f"{method[:20]!r} is not a method the house uses"
        raise BadRequest(message)
    lines = [
        f"{method} {address.target} HTTP/1.1\r\nhost: {address.host_header}\r\n",
        "user-agent: freehold\r\naccept-encoding: identity\r\n",
    ]
    for name, value in headers:
        lines.append(_line(name, value))
    if length or method in _WITH_BODY:
        lines.append(f"content-length: {length}\r\n")
    lines.append("\r\n")
    return "".join(lines).encode("ascii")


def _line(name: str, value: str) -> str:
    lower = name.lower()
    known = lower in _ALLOWED or lower.startswith("x-")
    if not known or _NAME.fullmatch(name) is None:
        message = f"the header {name[:64]!r} is not one the house sends"
        raise BadRequest(message, where=name[:64])
    if _VALUE.fullmatch(value) is None:
        message = (
            f"the value of the header {lower!r} holds characters that may not stand in a header"
        )
        raise BadRequest(
            message, where=lower, fix="leave out line breaks and letters beyond ASCII"
        )
    return f"{lower}: {value}\r\n"


def without_credentials(headers: Iterable[Header]) -> tuple[Header, ...]:
    """The headers that may follow a redirect to another origin."""
    return tuple(item for item in headers if item[0].lower() not in CREDENTIALS)
