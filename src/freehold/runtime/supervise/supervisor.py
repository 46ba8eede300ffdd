"""Keeps the house's child processes: in order up, in reverse order down, restarted in between."""

import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from freehold.core.clock import Clock
from freehold.core.errors import ChildFailed
from freehold.core.log import Log
from freehold.runtime.supervise.child import Child, ChildSpec, ChildState
from freehold.runtime.supervise.keeper import Keeper

__all__ = ["Child", "ChildSpec", "ChildState", "Supervisor"]

_PLAIN: Final[Mapping[str, str]] = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}


class Supervisor:
    """Owns every child process of the house; leaving its context stops them all.

    Args:
        clock: times crashes and waits.
        log: what happened to the children is told here.
        environment: variables every child gets (PATH, LANG, HOME of the house); a plain set
            without HOME when not given.
    """

    def __init__(
        self, *, clock: Clock, log: Log, environment: Mapping[str, str] | None = None
    ) -> None:
        self._clock = clock
        self._log = log.named("supervise")
        self._environment = _PLAIN if environment is None else environment
        self._keepers: dict[str, Keeper] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        for name in reversed(self._keepers.copy()):
            await self.stop(name)

    async def start(self, spec: ChildSpec) -> Child:
        """Start a child and return when it is ready; from then on it is kept alive.

        Must be called on the main thread: the kernel ties a child to the thread that started it.

        Raises:
            ChildFailed: it could not be run, ended early, or was not ready in time; the message
                carries its last words. Also when a child of that name is already here.
        """
        assert threading.current_thread() is threading.main_thread(), "start children there only"
        before = self._keepers.get(spec.name)
        if before is not None and before.child.state != "stopped":
            message = f"a child called {spec.name} is already here"
            raise ChildFailed(message, fix="stop it first")
        keeper = Keeper(spec, self._clock, self._log, self._environment)
        self._keepers[spec.name] = keeper
        try:
            await keeper.launch()
        except BaseException:
            self._keepers.pop(spec.name, None)
            raise
        keeper.watch()
        return keeper.child

    async def stop(self, name: str) -> None:
        """End a child: end of input and SIGTERM, then after its grace SIGKILL.

        Nothing to do when no child has that name.
        """
        keeper = self._keepers.pop(name, None)
        if keeper is not None:
            await keeper.stop()

    def children(self) -> tuple[ChildState, ...]:
        """Every child in the order they were started."""
        return tuple(
            ChildState(name=child.name, pid=child.pid, state=child.state, restarts=child.restarts)
            for child in (keeper.child for keeper in self._keepers.values())
        )
