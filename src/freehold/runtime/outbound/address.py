"""An address as the client takes it: strictly read, so that two parsers can never disagree.

What other parsers mend (a backslash, a stray space, a user name in front of the host), this one
refuses: a difference between two readings of one address is how requests are smuggled to where
they must not go.
"""

import functools
import re
from typing import Final

import msgspec

from freehold.core.errors import BadRequest

_LONGEST: Final = 8192
_PORTS: Final = {"http": 80, "https": 443}
_HIGHEST_PORT: Final = 65535
_SHAPE: Final = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252})|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<target>/[!$%&'()*+,\-./0-9:;=@A-Z_a-z~?\[\]]*|\?[!$%&'()*+,\-./0-9:;=@A-Z_a-z~?\[\]]*)?"
)


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request goes."""

    secure: bool
    host: str
    """Name or IP address, lower case, without brackets."""
    port: int
    target: str
    """Path and query, as they go on the wire; begins with `/`."""

    @property
    def place(self) -> str:
        """Host and port as people read them: `127.0.0.1:11434`, `[::1]:8080`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def host_header(self) -> str:
        """Value of the Host header; the port only where it is not the usual one."""
        usual = _PORTS["https" if self.secure else "http"]
        return self.place.removesuffix(f":{usual}") if self.port == usual else self.place

    @property
    def origin(self) -> tuple[bool, str, int]:
        """What credentials and kept connections belong to."""
        return (self.secure, self.host, self.port)


@functools.lru_cache(maxsize=512)
def read_address(url: str) -> Address:
    """Read an address.

    Raises:
        BadRequest: it is not a plain `http` or `https` address.
    """
    found = _SHAPE.fullmatch(url) if len(url) <= _LONGEST else None
    port = int(found["port"] or _PORTS[found["scheme"]]) if found else 0
    if found is None or not 0 < port <= _HIGHEST_PORT:
        message = f"{url[:200]!r} is not an address the house can call"
        raise BadRequest(
            message, fix="write `http://host:port/path`, percent-encoded, no user name"
        )
    target = found["target"] or "/"
    return Address(
        secure=found["scheme"] == "https",
        host=found["host"].strip("[]").lower(),
        port=port,
        target=target if target.startswith("/") else f"/{target}",
    )
