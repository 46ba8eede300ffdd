"""Cuts the power of a disk under a running program, and asks what is still there.

A real ext4 filesystem lives in a file behind a loop device. A program works on it and prints
`ack ID` for everything it has acknowledged (to a file on another filesystem). At a random moment
its whole process tree is stopped, and the backing file is copied: that is what the disk had, and
nothing that was only in memory. The copy is mounted, a checker prints `found ID` for everything it
finds there and `problem TEXT` for everything that is wrong. What was acknowledged must be found.

`kill -9` shows nothing of this kind: the kernel still writes what a killed program left behind.

As a program, against anything:

    python tests/faults/power_cut.py --cuts 50 --results cuts.json \\
        --work 'python tests/faults/power_cut_store.py write {home}' \\
        --check 'python tests/faults/power_cut_store.py check {home}'
"""

import argparse
import contextlib
import json
import os
import random
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

DISK_BYTES = 384 * 2**20
_START_S = 60.0
_CHECK_S = 120.0


class Cut(msgspec.Struct, frozen=True, kw_only=True):
    """What one power cut showed."""

    after_s: float
    """Seconds of work after the first acknowledgement."""
    acknowledged: int
    found: int
    lost: tuple[str, ...]
    """Acknowledged, and not there."""
    problems: tuple[str, ...]
    """What else the checker said."""


class RigUnusable(Exception):
    """This machine cannot mount a file as a disk; says what was tried."""


class Disk:
    """A filesystem in a file."""

    def __init__(self, folder: Path) -> None:
        self.image = folder / "disk.img"
        self.place = folder / "disk"
        self.place.mkdir(parents=True)

    def make(self) -> None:
        """An empty ext4."""
        with self.image.open("wb") as file:
            file.truncate(DISK_BYTES)
        _run("mkfs.ext4", "-q", "-F", str(self.image))

    @contextlib.contextmanager
    def mounted(self) -> Iterator[Path]:
        """Where it is mounted, for as long as it is."""
        _run("mount", "-o", "loop", str(self.image), str(self.place))
        try:
            yield self.place
        finally:
            self._unmount()

    def _unmount(self) -> None:
        """A process that was killed a moment ago may still hold the place."""
        ends = time.monotonic() + 15
        while True:
            try:
                _run("umount", str(self.place))
                break
            except RigUnusable:
                if time.monotonic() > ends:
                    _run("umount", "-l", str(self.place))
                    raise
                time.sleep(0.05)


def cut(work: Sequence[str], check: Sequence[str], folder: Path, after_s: float) -> Cut:
    """Run `work` on a fresh disk, cut its power, and run `check` on what was left.

    Args:
        work: argument list; `{home}` in it becomes a folder on the disk. Prints `ack ID`.
        check: argument list, likewise. Prints `found ID` and `problem TEXT`.
        folder: for the disk and its copy; used up.
        after_s: seconds between the first acknowledgement and the cut.

    Raises:
        RigUnusable: no loop mounts here.
    """
    disk, copied = Disk(folder), folder / "after.img"
    disk.make()
    with disk.mounted() as place, _working(_filled(work, place), folder) as (tree, acks):
        _await_first(acks, tree)
        time.sleep(after_s)
        stopped = _stop(tree)
        acknowledged = _words(acks.read_text("utf-8"), "ack")
        _copy_still(disk.image, copied)
        for pid in stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    copied.replace(disk.image)  # the same place: a home may know where it lies
    with disk.mounted() as place:
        said = subprocess.run(
            _filled(check, place), check=False, capture_output=True, text=True, timeout=_CHECK_S
        )
    problems = _words(said.stdout, "problem")
    if said.returncode:
        problems.append(f"the checker failed: {said.stderr[-2000:]}")
    found = set(_words(said.stdout, "found"))
    return Cut(
        after_s=round(after_s, 3),
        acknowledged=len(acknowledged),
        found=len(found),
        lost=tuple(sorted(set(acknowledged) - found)),
        problems=tuple(problems),
    )


def usable(folder: Path) -> None:
    """Pass when this machine can do it; raises `RigUnusable` with what was tried."""
    if not shutil.which("mkfs.ext4", path=f"{os.environ['PATH']}:/usr/sbin:/sbin"):
        raise RigUnusable("there is no mkfs.ext4 (apt install e2fsprogs)")
    disk = Disk(folder)
    disk.make()
    with disk.mounted():
        pass


def summary(cuts: Sequence[Cut]) -> dict[str, object]:
    """The figures of a series, for a results file."""
    acknowledged = sorted(item.acknowledged for item in cuts)
    return {
        "cuts": len(cuts),
        "acknowledged": sum(acknowledged),
        "acknowledged_median": acknowledged[len(acknowledged) // 2] if acknowledged else 0,
        "lost": sum(len(item.lost) for item in cuts),
        "problems": sum(len(item.problems) for item in cuts),
        "each": [msgspec.to_builtins(item) for item in cuts],
    }


def moment(number: int) -> float:
    """Seconds of work before the cut with this number: spread, and the same each time."""
    return random.Random(number).uniform(0.3, 3.0)


def _filled(command: Sequence[str], place: Path) -> list[str]:
    home = place / "home"
    home.mkdir(exist_ok=True)
    return [word.replace("{home}", str(home)) for word in command]


@contextlib.contextmanager
def _working(command: Sequence[str], folder: Path) -> Iterator[tuple[int, Path]]:
    """The program, running, and the file in which it says what it acknowledged."""
    acks = Path(tempfile.mkstemp(prefix="acks-", dir=_memory(folder))[1])
    errors = folder / "errors"
    with acks.open("wb") as out, errors.open("wb") as err:
        running = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=err, start_new_session=True
        )
    try:
        yield running.pid, acks
    finally:
        for pid in _tree(running.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        running.wait()
        acks.unlink()


def _memory(folder: Path) -> Path:
    """A filesystem in memory for the acknowledgements, where there is one."""
    shared = Path("/dev/shm")
    return shared if os.access(shared, os.W_OK) else folder


def _await_first(acks: Path, pid: int) -> None:
    ends = time.monotonic() + _START_S
    while not acks.stat().st_size:
        if time.monotonic() > ends or _state(pid) in {"", "Z"}:
            message = "the program acknowledged nothing"
            raise AssertionError(message)
        time.sleep(0.01)


def _stop(root: int) -> list[int]:
    """Stop a process and everything below it; the root first, so that nothing more is said."""
    stopped: list[int] = []
    while new := [pid for pid in _tree(root) if pid not in stopped]:
        for pid in new:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGSTOP)
            stopped.append(pid)
    ends = time.monotonic() + 5
    while any(_state(pid) not in {"T", "Z", ""} for pid in stopped):
        assert time.monotonic() < ends, "a process does not stop"
        time.sleep(0.002)
    return stopped


def _tree(root: int) -> list[int]:
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                parents.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        found.append(todo.pop(0))
        todo += parents.get(found[-1], [])
    return found


def _state(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return ""


def _copy_still(source: Path, target: Path) -> None:
    """Copy the image; again if the kernel wrote to it meanwhile, so that it is of one moment."""
    while True:
        before = source.stat().st_mtime_ns
        _run("cp", "--sparse=always", str(source), str(target))
        if source.stat().st_mtime_ns == before:
            return


def _words(text: str, kind: str) -> list[str]:
    """What follows `kind` on every complete line that begins with it."""
    complete = text.rpartition("\n")[0]
    return [line[len(kind) + 1 :] for line in complete.splitlines() if line.startswith(f"{kind} ")]


def _run(*command: str) -> None:
    reach = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    ran = subprocess.run(command, check=False, capture_output=True, text=True, env=reach)
    if ran.returncode:
        message = f"{shlex.join(command)}: {ran.stderr.strip()}"
        raise RigUnusable(message)


def main() -> int:
    """Cut as often as asked; the exit code is 1 when anything was lost."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--cuts", type=int, default=5)
    parser.add_argument("--work", required=True, help="prints `ack ID`; {home} is a folder")
    parser.add_argument("--check", required=True, help="prints `found ID` and `problem TEXT`")
    parser.add_argument("--results", type=Path)
    asked = parser.parse_args()
    cuts: list[Cut] = []
    for number in range(asked.cuts):
        with tempfile.TemporaryDirectory(prefix="power-cut-") as folder:
            work, check = shlex.split(asked.work), shlex.split(asked.check)
            cuts.append(cut(work, check, Path(folder), moment(number)))
        print(number, msgspec.json.encode(cuts[-1]).decode(), flush=True)
    figures = summary(cuts)
    if asked.results:
        asked.results.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")
    print({key: value for key, value in figures.items() if key != "each"})
    return 1 if figures["lost"] or figures["problems"] else 0


if __name__ == "__main__":
    sys.exit(main())
