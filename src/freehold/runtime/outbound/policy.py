"""Which machines a request may reach, decided on the IP address it really connects to.

Names prove nothing: a name can resolve to loopback, and to something else a moment later. The
client resolves, asks here about each address, and connects to that very address.
"""

import enum
import ipaddress
from typing import Final

from freehold.core.errors import RefusedForSafety

Ip = ipaddress.IPv4Address | ipaddress.IPv6Address


class Policy(enum.Enum):
    """How far a request may go."""

    LOOPBACK_ONLY = "loopback only"
    """This machine: engines, the bus, the house itself."""
    PUBLIC = "public only"
    """The open internet and nothing else: addresses that come out of documents and callers."""
    ANY = "any"
    """Wherever the owner says: addresses written in the owner's own settings."""


# Source: IANA IPv4 and IPv6 special-purpose address registries. Written out, because
# `ipaddress.is_global` of Python 3.11 lets NAT64, 6to4, multicast and others through.
_NOT_PUBLIC: Final = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.31.196.0/24",
        "192.52.193.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "192.175.48.0/24",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
)
_PUBLIC_V6: Final = ipaddress.ip_network("2000::/3")
_NOT_PUBLIC_V6: Final = tuple(
    ipaddress.ip_network(text)
    for text in ("2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20")
)


def read_ip(text: str) -> Ip | None:
    """The IP address written in `text`, taken out of IPv6 wrapping; none if it is a name."""
    try:
        found = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        return found.ipv4_mapped
    return found


def is_public(ip: Ip) -> bool:
    """Whether this is an ordinary address of the open internet."""
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC)
    return ip in _PUBLIC_V6 and not any(ip in network for network in _NOT_PUBLIC_V6)


def is_allowed(policy: Policy, ip: Ip) -> bool:
    """Whether a request under `policy` may connect to `ip`."""
    if policy is Policy.LOOPBACK_ONLY:
        return ip.is_loopback
    if policy is Policy.PUBLIC:
        return is_public(ip)
    return not (ip.is_multicast or ip.is_unspecified or str(ip) == "255.255.255.255")


def require(policy: Policy, ip: Ip, place: str) -> None:
    """Let a connection pass or stop it.

    Raises:
        RefusedForSafety: the policy does not reach that far.
    """
    if not is_allowed(policy, ip):
        message = f"{place} is at {ip}, where this request may not go ({policy.value})"
        raise RefusedForSafety(message, where=place, fix="use an address this request may reach")
