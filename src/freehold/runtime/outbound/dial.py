"""Makes connections: looks the name up, asks the policy about every address, connects to it."""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Final

from freehold.core.errors import EngineUnreachable
from freehold.runtime.outbound.address import Address
from freehold.runtime.outbound.connection import Connection
from freehold.runtime.outbound.policy import Policy, read_ip, require

Resolve = Callable[[str, int], Awaitable[tuple[str, ...]]]
"""Name and port to IP addresses, in the order to try. Raises `OSError` for an unknown name."""

_CONNECT_S: Final = 5.0


class Dialer:
    """Connects under one policy."""

    def __init__(
        self, policy: Policy, resolve: Resolve | None, tls: ssl.SSLContext | None
    ) -> None:
        self._policy = policy
        self.resolve = resolve or look_up
        self.tls = tls

    async def connect(self, address: Address, deadline: float) -> Connection:
        """A new connection, by `deadline` (loop time) and within 5 s.

        Raises:
            RefusedForSafety: an address of the host is out of the policy's reach.
            EngineUnreachable: nobody took the connection, or its certificate is not good.
        """
        until = min(deadline, asyncio.get_running_loop().time() + _CONNECT_S)
        try:
            async with asyncio.timeout_at(until):
                return await self._connect_to_any(address)
        except TimeoutError:
            message = f"{address.place} did not take the connection in time"
            fix = "check the address, and that no firewall stands between"
            raise EngineUnreachable(message, where=address.place, fix=fix) from None

    async def _connect_to_any(self, address: Address) -> Connection:
        found = (address.host,) if read_ip(address.host) else await self._names(address)
        for text in found:
            if (ip := read_ip(text)) is not None:
                require(self._policy, ip, address.place)
        problem = EngineUnreachable(f"{address.host} has no address", where=address.place)
        for text in found:
            try:
                return await self._connect_to(address, text)
            except EngineUnreachable as error:
                problem = error
        raise problem

    async def _names(self, address: Address) -> tuple[str, ...]:
        try:
            return await self.resolve(address.host, address.port)
        except (OSError, UnicodeError) as error:
            message = f"the name {address.host} is not known here"
            fix = "check the name and this machine's network"
            raise EngineUnreachable(message, where=address.place, fix=fix) from error

    async def _connect_to(self, address: Address, ip: str) -> Connection:
        loop = asyncio.get_running_loop()
        context = self._context() if address.secure else None
        try:
            _, connection = await loop.create_connection(
                lambda: Connection(loop, address.place, secure=address.secure),
                ip,
                address.port,
                ssl=context,
                server_hostname=address.host if context else None,
            )
        except ssl.SSLError as error:
            reason = getattr(error, "verify_message", "") or error.reason or "handshake failed"
            message = f"{address.place} cannot be trusted: {str(reason).lower()}"
            fix = "check the address, and its certificate"
            raise EngineUnreachable(message, where=address.place, fix=fix) from error
        except OSError as error:
            raise _unreachable(address, error) from error
        self._check_peer(address, connection)
        return connection

    def _check_peer(self, address: Address, connection: Connection) -> None:
        """The far end is what was looked up; asked again, because here is where it counts."""
        reached = read_ip(connection.peer)
        if reached is None:
            return
        try:
            require(self._policy, reached, address.place)
        except BaseException:
            connection.abort()
            raise

    def _context(self) -> ssl.SSLContext:
        if self.tls is None:
            self.tls = ssl.create_default_context()
        return self.tls


async def look_up(host: str, port: int) -> tuple[str, ...]:
    """Ask the system's resolver."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(item[4][0]) for item in found))


def _unreachable(address: Address, error: OSError) -> EngineUnreachable:
    if isinstance(error, ConnectionRefusedError):
        what, fix = "refused the connection", "start the server there, or correct the address"
    else:
        what = f"cannot be reached ({(error.strerror or 'no route').lower()})"
        fix = "check the address and this machine's network"
    return EngineUnreachable(f"{address.place} {what}", where=address.place, fix=fix)
