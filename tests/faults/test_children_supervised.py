"""Real children: ready, late, crashing, stubborn, talkative; none is ever left behind."""

import asyncio
import io
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from freehold.core.clock import SystemClock
from freehold.core.errors import ChildFailed
from freehold.core.log import Log
from freehold.runtime.supervise.supervisor import Child, ChildSpec, Supervisor

DEADLINE_S = 20.0


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE_S):
        while not condition():
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    async with Supervisor(clock=SystemClock(), log=Log("test", io.StringIO())) as made:
        yield made


@pytest.fixture
def spec(tmp_path: Path) -> Callable[..., ChildSpec]:
    def make(script: str, **more: object) -> ChildSpec:
        name = str(more.pop("name", "child"))
        log = tmp_path / f"{name}.log"
        return ChildSpec(name=name, argv=("/bin/sh", "-c", script), log=log, **more)  # type: ignore[arg-type]

    return make


async def test_start_returns_when_the_child_says_that_it_is_ready(
    supervisor: Supervisor, spec: Callable[..., ChildSpec], tmp_path: Path
) -> None:
    async def there(_child: Child) -> None:
        await until((tmp_path / "there").exists)

    child = await supervisor.start(spec(f"touch {tmp_path}/there; exec sleep 100", ready=there))
    assert child.state == "ready"
    assert alive(child.pid)


async def test_the_first_line_is_handed_over_and_not_logged(
    supervisor: Supervisor, spec: Callable[..., ChildSpec], tmp_path: Path
) -> None:
    seen: list[str] = []

    async def read(child: Child) -> None:
        seen.append(child.first_line)

    script = "echo '{\"port\": 1}'; echo second; echo aside >&2; exec sleep 100"
    child = await supervisor.start(spec(script, capture_line=True, ready=read))
    assert seen == [child.first_line] == ['{"port": 1}']
    log = tmp_path / "child.log"
    await until(lambda: log.exists() and log.read_text().count("\n") == 2)
    assert set(log.read_text().split()) == {"second", "aside"}


async def test_a_child_that_ends_early_fails_with_its_last_words(
    supervisor: Supervisor, spec: Callable[..., ChildSpec]
) -> None:
    async def never(_child: Child) -> None:
        await asyncio.Event().wait()

    with pytest.raises(ChildFailed, match=r"ended with code 3 before it was ready: no such flag"):
        await supervisor.start(spec("echo no such flag; exit 3", ready=never))
    assert supervisor.children() == ()


async def test_a_child_that_is_never_ready_is_ended(
    supervisor: Supervisor, spec: Callable[..., ChildSpec]
) -> None:
    pids: list[int] = []

    async def never(child: Child) -> None:
        pids.append(child.pid)
        await asyncio.Event().wait()

    with pytest.raises(ChildFailed, match=r"was not ready within 0\.2 s"):
        await supervisor.start(spec("exec sleep 100", ready=never, ready_timeout_s=0.2))
    assert pids
    assert not alive(pids[0])


async def test_a_program_that_does_not_exist_is_named(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    with pytest.raises(ChildFailed, match="there is no program no-such-program"):
        await supervisor.start(
            ChildSpec(name="x", argv=("no-such-program",), log=tmp_path / "x.log")
        )


async def test_a_secret_in_its_last_words_is_blanked(
    supervisor: Supervisor, spec: Callable[..., ChildSpec]
) -> None:
    with pytest.raises(ChildFailed) as failed:
        await supervisor.start(
            spec("echo token=abcdefgh123; exit 1", capture_line=False, ready=_never)
        )
    assert "abcdefgh123" not in str(failed.value)


async def _never(_child: Child) -> None:
    await asyncio.Event().wait()


async def test_a_killed_child_is_started_again_and_its_owner_told(
    supervisor: Supervisor, spec: Callable[..., ChildSpec]
) -> None:
    told: list[int] = []

    async def again(child: Child) -> None:
        told.append(child.pid)

    child = await supervisor.start(spec("exec sleep 100", on_restart=again))
    before = child.pid
    os.kill(before, signal.SIGKILL)
    await until(lambda: bool(told))
    assert told == [child.pid]
    assert child.pid != before
    assert (child.state, child.restarts) == ("ready", 1)


async def test_a_grandchild_that_holds_the_pipes_does_not_hide_the_end_of_its_parent(
    supervisor: Supervisor, spec: Callable[..., ChildSpec]
) -> None:
    child = await supervisor.start(spec("sleep 100 & exec sleep 100"))
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: child.restarts == 1 and child.state == "ready")


async def test_a_child_that_may_not_restart_stays_stopped(
    supervisor: Supervisor, spec: Callable[..., ChildSpec]
) -> None:
    child = await supervisor.start(spec("exec sleep 100", restart=False))
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: child.state == "stopped")
    assert child.restarts == 0
    assert (await supervisor.start(spec("exec sleep 100"))).state == "ready"


async def test_a_child_asked_to_stop_gets_its_grace_and_then_none(
    supervisor: Supervisor, spec: Callable[..., ChildSpec], tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    polite = f"trap 'echo polite >> {marks}; exit 0' TERM; echo up; while :; do sleep 0.05; done"
    stubborn = "trap '' TERM; echo up; while :; do sleep 0.05; done"
    await supervisor.start(spec(polite, name="polite", capture_line=True))
    child = await supervisor.start(spec(stubborn, name="stubborn", capture_line=True, grace_s=0.3))
    pid = child.pid
    await supervisor.stop("polite")
    await supervisor.stop("stubborn")
    assert marks.read_text() == "polite\n"
    assert not alive(pid)
    assert supervisor.children() == ()


async def test_the_end_of_its_input_tells_a_child_that_we_are_gone(
    supervisor: Supervisor, spec: Callable[..., ChildSpec], tmp_path: Path
) -> None:
    script = f"trap '' TERM; echo up; cat; echo gone > {tmp_path}/gone"
    await supervisor.start(spec(script, capture_line=True))
    await supervisor.stop("child")
    assert (tmp_path / "gone").exists()


async def test_children_stop_in_the_reverse_of_their_order(
    spec: Callable[..., ChildSpec], tmp_path: Path
) -> None:
    marks = tmp_path / "marks"
    async with Supervisor(clock=SystemClock(), log=Log("test", io.StringIO())) as supervisor:
        for name in ("first", "second", "third"):
            script = f"trap 'echo {name} >> {marks}; exit 0' TERM; echo up; "
            script += "while :; do sleep 0.05; done"
            await supervisor.start(spec(script, name=name, capture_line=True))
        assert [child.name for child in supervisor.children()] == ["first", "second", "third"]
    assert marks.read_text().split() == ["third", "second", "first"]


async def test_a_child_sees_only_the_variables_it_was_given(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_THE_SHELL", "x")
    log = tmp_path / "env.log"
    argv = ("/bin/sh", "-c", "env; echo .; exec sleep 100")
    await supervisor.start(ChildSpec(name="env", argv=argv, log=log, environment={"GIVEN": "yes"}))
    await until(lambda: log.exists() and "\n.\n" in log.read_text())
    names = {line.partition("=")[0] for line in log.read_text().splitlines()}
    assert {"GIVEN", "PATH", "LANG"} <= names
    assert "SECRET_OF_THE_SHELL" not in names


async def test_a_flood_of_words_never_stops_the_child_or_the_house(
    supervisor: Supervisor, spec: Callable[..., ChildSpec], tmp_path: Path
) -> None:
    script = f"head -c 12000000 /dev/zero | tr '\\0' 'x'; touch {tmp_path}/done; exec sleep 100"
    await supervisor.start(spec(script))
    await until((tmp_path / "done").exists)
    await supervisor.stop("child")
    sizes = [path.stat().st_size for path in tmp_path.glob("child.log*")]
    assert sizes
    assert max(sizes) <= 5_000_000


async def test_a_stop_during_the_wait_for_a_restart_ends_the_keeping(
    supervisor: Supervisor, spec: Callable[..., ChildSpec]
) -> None:
    child = await supervisor.start(spec("exec sleep 100"))
    os.kill(child.pid, signal.SIGKILL)
    await until(lambda: child.state == "backoff")
    await supervisor.stop("child")
    assert supervisor.children() == ()


_PARENT = """
import asyncio, io, sys
from pathlib import Path
from freehold.core.clock import SystemClock
from freehold.core.log import Log
from freehold.runtime.supervise.supervisor import ChildSpec, Supervisor

tied = "from freehold.runtime.supervise.leash import tie; tie(); print('up', flush=True); " \\
       "import time; time.sleep(100)"

async def main():
    async with Supervisor(clock=SystemClock(), log=Log("parent", io.StringIO())) as s:
        a = await s.start(ChildSpec(name="foreign", argv=("sleep", "100"), log=Path(sys.argv[1]),
                                    keep_stdin=False))
        b = await s.start(ChildSpec(name="python", argv=(sys.executable, "-c", tied),
                                    log=Path(sys.argv[1]), leash=False, capture_line=True,
                                    environment={"PYTHONPATH": sys.argv[2]}))
        print(a.pid, b.pid, flush=True)
        await asyncio.sleep(100)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
async def test_no_child_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    source = str(Path(__file__).parents[2] / "src")
    parent = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _PARENT, str(tmp_path / "log"), source),
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source},
    )
    assert parent.stdout is not None
    async with asyncio.timeout(DEADLINE_S):
        pids = [int(word) for word in (await parent.stdout.readline()).split()]
    assert len(pids) == 2
    assert all(map(alive, pids))
    parent.kill()
    await parent.wait()
    await until(lambda: not any(map(alive, pids)))


@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize(("words", "tied"), [(b"", False), (b"left to read", True)])
async def test_an_input_that_ended_before_the_tie_says_that_the_parent_is_gone(
    kind: str, words: bytes, tied: bool
) -> None:
    if kind == "pipe":
        theirs, ours = os.pipe()
    else:
        theirs, ours = (end.detach() for end in socket.socketpair())
    os.write(ours, words) if words else None
    os.close(ours)
    source = str(Path(__file__).parents[2] / "src")
    script = "from freehold.runtime.supervise.leash import tie; tie(); print('tied')"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", script),
        stdin=theirs,
        stdout=asyncio.subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": source},
    )
    os.close(theirs)
    async with asyncio.timeout(DEADLINE_S):
        said, _ = await child.communicate()
    assert (said == b"tied\n") == tied


@pytest.mark.skipif(sys.platform != "linux", reason="PR_SET_PDEATHSIG is Linux's")
async def test_a_child_whose_parent_died_before_it_was_tied_ends_at_once() -> None:
    leash = Path(__file__).parents[2] / "src/freehold/runtime/supervise/leash.py"
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-I", "-S", str(leash), "1", "sleep", "100"),
        stdin=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(DEADLINE_S):
        assert await child.wait() == 127
