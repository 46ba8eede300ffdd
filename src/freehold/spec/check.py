"""What a spec must keep beyond its form: one function is one rule is one code."""

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec

from freehold.spec.model.spec import Spec

_HOST: Final = re.compile(
    r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*",
    re.IGNORECASE,
)
_LAST_PORT: Final = 65535
_MOST_THREADS: Final = 1024
_SMALLEST_CONTEXT: Final = 512
_LARGEST_CONTEXT: Final = 4_194_304
_LONGEST_NAME: Final = 60


class Broken(msgspec.Struct, frozen=True):
    """One rule that a spec does not keep."""

    key: str
    message: str
    fix: str = ""


Rule = Callable[[Spec], Iterator[Broken]]


def version_is_known(spec: Spec) -> Iterator[Broken]:
    """`freehold` names a version of the format that this Freehold knows: 1."""
    if spec.freehold != 1:
        message = f"this Freehold knows version 1 of the format, not {spec.freehold}"
        yield Broken("freehold", message, "write `freehold: 1`, or use a newer Freehold")


def name_can_be_shown(spec: Spec) -> Iterator[Broken]:
    """`name` is one printable line of 1 to 60 characters."""
    if not (0 < len(spec.name.strip()) <= _LONGEST_NAME and spec.name.isprintable()):
        message = f"a name is one line of 1 to {_LONGEST_NAME} characters"
        yield Broken("name", message, "shorten it")


def address_is_this_machine(spec: Spec) -> Iterator[Broken]:
    """`access.bind` is an address that only this machine reaches."""
    fix = "write 127.0.0.1; for other machines put a reverse proxy with TLS in front"
    try:
        loopback = ipaddress.ip_address(spec.access.bind).is_loopback
    except ValueError:
        yield Broken("access.bind", f"{spec.access.bind!r} is not an address", fix)
        return
    if not loopback:
        message = f"{spec.access.bind} can be reached by other machines, without encryption"
        yield Broken("access.bind", message, fix)


def port_exists(spec: Spec) -> Iterator[Broken]:
    """`access.port` is a port, or 0 to let the system choose."""
    if not 0 <= spec.access.port <= _LAST_PORT:
        yield Broken("access.port", f"there is no port {spec.access.port}", "write 0 to 65535")


def hosts_are_names(spec: Spec) -> Iterator[Broken]:
    """Each of `access.hosts` is a host name without scheme, port or path."""
    for host in spec.access.hosts:
        if not _HOST.fullmatch(host):
            message = f"{host!r} is not a host name"
            yield Broken("access.hosts", message, "write the name alone, like ai.example.org")


def threads_fit(spec: Spec) -> Iterator[Broken]:
    """`models.threads` is 0 (as many as the machine has cores) to 1024."""
    if not 0 <= spec.models.threads <= _MOST_THREADS:
        message = f"{spec.models.threads} is not a number of threads"
        yield Broken("models.threads", message, "write 0 to use the machine's cores")


def context_is_sensible(spec: Spec) -> Iterator[Broken]:
    """`models.context` is 512 to 4194304 tokens."""
    if not _SMALLEST_CONTEXT <= spec.models.context <= _LARGEST_CONTEXT:
        message = f"a model cannot read {spec.models.context} tokens at once"
        yield Broken("models.context", message, "write a number like 8192")


def hub_is_an_address(spec: Spec) -> Iterator[Broken]:
    """`models.hub` is an https address, or http on this machine."""
    parts = urlsplit(spec.models.hub)
    local = parts.hostname in {"localhost", "127.0.0.1", "::1"}
    if not parts.hostname or parts.username or parts.scheme not in {"https", "http"}:
        message = f"{spec.models.hub!r} is not the address of a hub"
        yield Broken("models.hub", message, "write it like https://huggingface.co")
    elif parts.scheme == "http" and not local:
        message = "weights would come over an unprotected connection"
        yield Broken("models.hub", message, "write https://")


CHECKS: Final[Mapping[str, Rule]] = {
    "FH-SPEC-020": version_is_known,
    "FH-SPEC-021": name_can_be_shown,
    "FH-SPEC-022": address_is_this_machine,
    "FH-SPEC-023": port_exists,
    "FH-SPEC-024": hosts_are_names,
    "FH-SPEC-025": threads_fit,
    "FH-SPEC-026": context_is_sensible,
    "FH-SPEC-027": hub_is_an_address,
}
"""Every rule with its code; the docstring of a rule is its entry in the reference."""
