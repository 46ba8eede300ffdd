"""The way in: a port that says who has it, and a note of who runs here."""

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import msgspec

from freehold.core.errors import HouseError, PortInUse
from freehold.runtime.port_holder import holder_of
from freehold.spec.home import Home
from freehold.spec.up import Running

_BACKLOG: Final = 1024


def listen(bind: str, port: int) -> socket.socket:
    """A listening socket; the port is ours before anything else is started.

    Raises:
        PortInUse: somebody else has it; the message says who, where the system tells.
        HouseError: the address is not one of this machine.
    """
    family = socket.AF_INET6 if ":" in bind else socket.AF_INET
    taken = socket.socket(family, socket.SOCK_STREAM)
    try:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind((bind, port))
        taken.listen(_BACKLOG)
        taken.setblocking(False)  # noqa: FBT003 - the socket module's own signature
    except OSError as error:
        taken.close()
        if error.errno == errno.EADDRINUSE:
            holder = holder_of(port)
            by = f" by {holder}" if holder else ""
            message = f"port {port} is taken{by}"
            fix = "stop that program, or choose another port with --port"
            raise PortInUse(message, where=f"{bind}:{port}", fix=fix) from error
        message = f"cannot listen on {bind} port {port}: {error.strerror}"
        raise HouseError(message, where="access.bind", fix="use 127.0.0.1") from error
    return taken


@contextmanager
def announced(home: Home, running: Running) -> Iterator[None]:
    """Say in `run/house.json` who runs here, for as long as it is true."""
    new = home.running.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(running))
    new.chmod(0o600)
    new.replace(home.running)
    try:
        yield
    finally:
        home.running.unlink(missing_ok=True)
