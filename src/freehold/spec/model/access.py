"""The section `access`: where the house listens, and by which names it is known."""

import msgspec


class Access(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the house listens."""

    bind: str = "127.0.0.1"
    """Address to listen on. Only this machine's own (`127.0.0.1`, `::1`): for others, put a
    reverse proxy with TLS in front and name it in `hosts`."""
    port: int = 4747
    """Port of everything: pages, API, metrics. `0` lets the system choose."""
    hosts: tuple[str, ...] = ()
    """Further names (without port) under which a reverse proxy may ask for the house."""
