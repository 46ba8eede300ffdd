"""Runs one child: launches it, waits for its end, and launches it again."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NoReturn

from freehold.core.clock import Clock
from freehold.core.errors import ChildFailed, FreeholdError
from freehold.core.log import Log, redact
from freehold.core.units import Seconds
from freehold.runtime.supervise import leash
from freehold.runtime.supervise.backoff import Crashes, after_crash
from freehold.runtime.supervise.child import Child, ChildSpec
from freehold.runtime.supervise.output import Output
from freehold.runtime.supervise.process import Process

_LEASH: Final = str(Path(leash.__file__))


class Keeper:
    """One child with everything that belongs to it; used by the supervisor alone."""

    def __init__(
        self, spec: ChildSpec, clock: Clock, log: Log, environment: Mapping[str, str]
    ) -> None:
        self.child = Child(spec.name)
        self._spec = spec
        self._clock = clock
        self._log = log
        self._environment = {**environment, **spec.environment}
        self._output = Output(spec.log)
        self._process: Process | None = None
        self._crashes = Crashes()
        self._ready_since = Seconds(0.0)
        self._task: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """Keep the launched child alive until `stop`."""
        self._task = asyncio.get_running_loop().create_task(
            self._keep(), name=f"keep {self.child.name}"
        )

    async def launch(self) -> None:
        """Start the process and return when it is ready.

        Raises:
            ChildFailed: it is not running any more, and why.
        """
        self.child.state = "starting"
        try:
            process = await self._spawn()
            await self._become_ready(process)
        except BaseException:
            await self._end(grace_s=0.0)
            self.child.state = "stopped"
            raise
        self.child.state = "ready"
        self._ready_since = self._clock.now()
        self._log.info("child started", child=self.child.name, pid=self.child.pid)

    async def stop(self) -> None:
        """End the child and stop keeping it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        await self._end(grace_s=self._spec.grace_s)
        self.child.state = "stopped"
        self._log.info("child stopped", child=self.child.name)

    async def _keep(self) -> None:
        """Wait for the child's end and launch it again, for ever; ends when it may not restart."""
        while self._process is not None:
            await asyncio.wait((self._process.ended,))
            code = self._process.ended.result()
            up_s = self._clock.now() - self._ready_since
            self.child.state = "backoff"
            await self._end(grace_s=0.0)
            self._log.warning(
                "child ended", child=self.child.name, how=_ending(code), words=self._last_words()
            )
            if self._spec.restart:
                await self._restart(up_s)
        self.child.state = "stopped"

    async def _restart(self, up_s: float) -> None:
        """Try until the child is ready again, waiting longer each time."""
        while True:
            verdict = after_crash(self._crashes, self._clock.now(), up_s)
            self._crashes = verdict.crashes
            self.child.state = "degraded" if verdict.crashes.degraded else "backoff"
            await self._clock.sleep(verdict.wait_s)
            self.child.restarts += 1
            try:
                await self.launch()
                if self._spec.on_restart is not None:
                    await self._spec.on_restart(self.child)
            except FreeholdError as broken:
                self._log.warning("child failed again", child=self.child.name, why=str(broken))
                await self._end(grace_s=0.0)
                up_s = 0.0
            else:
                return

    async def _spawn(self) -> Process:
        spec = self._spec
        argv = spec.argv
        if shutil.which(argv[0], path=self._environment.get("PATH")) is None:
            message = f"{spec.name} could not be run: there is no program {argv[0]}"
            raise ChildFailed(message, where=argv[0])
        if spec.leash:
            argv = (sys.executable, "-I", "-S", _LEASH, str(os.getpid()), *argv)
        self._output.forget()
        try:
            self._process = await Process.start(
                argv,
                output=self._output,
                environment=self._environment,
                cwd=spec.cwd,
                keep_stdin=spec.keep_stdin,
                capture_line=spec.capture_line,
            )
        except OSError as broken:
            message = f"{spec.name} could not be run: {broken.strerror}"
            raise ChildFailed(message, where=argv[0]) from broken
        self.child.pid = self._process.pid
        return self._process

    async def _become_ready(self, process: Process) -> None:
        """Wait for the child's own sign, its end, or the time limit, whichever is first."""
        limit_s = self._spec.ready_timeout_s
        sign = asyncio.get_running_loop().create_task(self._await_sign(process))
        try:
            await asyncio.wait(
                (sign, process.ended), timeout=limit_s, return_when=asyncio.FIRST_COMPLETED
            )
            if sign.done() and not process.ended.done():
                sign.result()
                return
        finally:
            sign.cancel()
            await asyncio.gather(sign, return_exceptions=True)
        if process.ended.done():
            await self._end(grace_s=0.0)  # so that its last words are in
            self._fail(f"ended with {_ending(process.ended.result())} before it was ready")
        self._fail(f"was not ready within {limit_s:g} s")

    async def _await_sign(self, process: Process) -> None:
        if self._spec.capture_line:
            self.child.first_line = await process.first_line
        if self._spec.ready is not None:
            try:
                await self._spec.ready(self.child)
            except OSError as broken:
                self._fail(f"did not get ready: {broken}")

    def _fail(self, what: str) -> NoReturn:
        words = self._last_words()
        message = f"{self.child.name} {what}"
        raise ChildFailed(f"{message}: {words}" if words else message, where=str(self._spec.log))

    def _last_words(self) -> str:
        return redact(self._output.tail())

    async def _end(self, grace_s: float) -> None:
        """Make sure that nothing of the process is left; safe to call at any time."""
        process, self._process = self._process, None
        self.child.pid = 0
        if process is not None:
            await process.end(grace_s)


def _ending(code: int) -> str:
    """How a process ended, in words: `code 2`, `signal SIGKILL`."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"code {code}"
