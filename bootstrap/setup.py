# ruff: noqa: INP001 - a script, run by its path
"""Make the environment that Freehold runs in; the standard library is all this needs.

`./freehold` calls it when `.venv` is missing or older than the lock. The new environment is built
beside the old one in `.venv.next` and takes its place only when it is complete, so that whatever
cuts the work short (Ctrl-C, a lost network, a power cut) leaves what was there before. Packages
come through the pip that lies beside this file, which honours the pip configuration of the
machine (mirrors, proxies, certificates), and each must have a hash that the lock names.
"""

import contextlib
import errno
import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, NoReturn

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
PIP = "pip-26.3-py3-none-any.whl"
PIP_SHA256 = "f3b60b20ffaadd4415ed7957212a38ac63fa4c5fa375bd0f4a797777940fad13"
STAMP = "freehold.stamp"
OPENMP = "requirements/openmp.lock"

INTERRUPTED = 130
UNREACHABLE = 5
REMEMBERED_LINES = 200


class Environment(NamedTuple):
    """One environment: where it goes and what goes into it."""

    folder: str
    locks: tuple[str, ...]
    """Requirement files; the first line of the last one names the whole set."""


ENVIRONMENTS = {
    "runtime": Environment(".venv", ("requirements/runtime.lock",)),
    "dev": Environment(".venv-dev", ("requirements/runtime.lock", "requirements/dev.lock")),
}

ERRORS = {
    "FH-SETUP-001": "No Python that Freehold runs on was found.",
    "FH-SETUP-002": "The folder of the environment cannot be written.",
    "FH-SETUP-003": "A folder stands where the environment goes, and Freehold did not make it.",
    "FH-SETUP-004": "This Python lacks a part of its standard library.",
    "FH-SETUP-005": "The pip that comes with Freehold is damaged.",
    "FH-SETUP-006": "No package index that has the packages can be reached.",
    "FH-SETUP-007": "A package is not the one that the lock names.",
    "FH-SETUP-008": "The disk is full.",
    "FH-SETUP-009": "A package has no build for this machine.",
    "FH-SETUP-010": "Installing the packages failed.",
}

OFFLINE_FIX = (
    "connect this machine and run it again, or name a mirror (PIP_INDEX_URL=URL) or a folder of"
    " wheels (PIP_NO_INDEX=1 PIP_FIND_LINKS=DIR)"
)
CAUSES = (
    # What pip prints, the code that says so, and the next step; the first that matches wins.
    (r"No space left on device", "FH-SETUP-008", "free about 600 MB and run it again"),
    (
        r"DO NOT MATCH THE HASHES",
        "FH-SETUP-007",
        "ask whoever runs the package mirror; nothing was installed",
    ),
    (
        r"ConnectionError|NameResolutionError|Timeout|ProxyError|SSLError|from versions: none",
        "FH-SETUP-006",
        OFFLINE_FIX,
    ),
    (
        r"No matching distribution|not a supported wheel",
        "FH-SETUP-009",
        "use Python 3.11 to 3.14 on 64-bit Linux with glibc, or an index that has the package",
    ),
)


def fail(code: str, where: str, why: str, fix: str, status: int = 1) -> NoReturn:
    """Say what went wrong in the form every error of Freehold has, and leave."""
    sys.stderr.write(f"error {code}  {where}\n  {why}\n  fix   {fix}\n")
    sys.exit(status)


class Progress:
    """One line that changes on a terminal; a line for each step elsewhere."""

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._name = ""
        self._terminal = sys.stderr.isatty()

    def package(self, name: str) -> None:
        """The next package is being fetched."""
        if name == self._name:
            return
        self._done, self._name = min(self._done + 1, self._total), name
        self.show(f"{self._done} of {self._total}  {name}")

    def fetched(self, done: int, total: int) -> None:
        """So many bytes of the package are here; shown on a terminal only."""
        if self._terminal and total:
            amount = f"{done / 1e6:.1f} of {total / 1e6:.1f} MB"
            self.show(f"{self._done} of {self._total}  {self._name}  {amount}")

    def show(self, text: str) -> None:
        """Say what is being done."""
        line = f"setting up  {text}"
        sys.stderr.write(f"\r\x1b[K{line}" if self._terminal else f"{line}\n")
        sys.stderr.flush()

    def close(self) -> None:
        """Leave the line empty for what comes next."""
        if self._terminal:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def first_line(file: Path) -> str:
    """The first line of a file, or nothing if there is no such file."""
    try:
        with file.open(encoding="utf-8") as lines:
            return lines.readline().strip()
    except FileNotFoundError:
        return ""


def complete(folder: Path, wanted: str) -> bool:
    """Whether the environment in `folder` is finished, current and has its Python."""
    return first_line(folder / STAMP) == wanted and os.access(folder / "bin/python", os.X_OK)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the lock that lets one set-up run at a time, waiting for another to finish."""
    lock = folder.with_name(folder.name + ".lock")
    try:
        held = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        why = f"{lock.parent} cannot be written: {(error.strerror or 'unknown reason').lower()}"
        fail("FH-SETUP-002", str(folder), why, "run it once as the owner of this folder")
    try:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.stderr.write("setting up  waiting for another start of freehold to finish\n")
            fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def vendored_pip() -> Path:
    """The pip beside this file, once its hash is the expected one."""
    wheel = HERE / PIP
    try:
        found = hashlib.sha256(wheel.read_bytes()).hexdigest()
    except OSError:
        found = "no file"
    if found != PIP_SHA256:
        why = f"its hash is {found[:16]} and should be {PIP_SHA256[:16]}"
        fix = "clone the repository again (git checkout bootstrap mends a changed file)"
        fail("FH-SETUP-005", f"bootstrap/{PIP}", why, fix)
    return wheel


def make_empty(folder: Path) -> Path:
    """Make an environment with no package but a path to the source; returns its site-packages."""
    # The real file, python3.11 and not python3: when the system moves to another Python the link
    # breaks, which a start notices, instead of meeting packages built for the old one.
    base = getattr(sys, "_base_executable", None) or sys.executable
    python = os.path.realpath(base)
    command = [python, "-I", "-m", "venv", "--without-pip", "--symlinks", str(folder)]
    made = subprocess.run(command, check=False, capture_output=True, text=True)
    if made.returncode:
        lines = (made.stderr or made.stdout).strip().splitlines() or ["venv failed"]
        if "No module named" in lines[-1]:
            fix = f"apt install python3 (beside python3-minimal); this is {python}"
            fail("FH-SETUP-004", python, lines[-1], fix)
        fail("FH-SETUP-010", str(folder), lines[-1], "mend that and run it again")
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = folder / "lib" / version / "site-packages"
    source = os.path.relpath(ROOT / "src", packages)
    (packages / "freehold.pth").write_text(f"{source}\n", encoding="utf-8")
    return packages


def follow(line: str, progress: Progress) -> None:
    """Turn one line of pip into progress."""
    if found := re.match(r"Collecting ([\w.-]+)|Processing .*?([\w.]+)-\d[^/]*\.whl", line):
        progress.package((found[1] or found[2]).replace("_", "-"))
    elif found := re.match(r"Progress (\d+) of (\d+)", line):
        progress.fetched(int(found[1]), int(found[2]))
    elif line.startswith("WARNING: Retrying"):
        progress.show("the package index does not answer, trying again")
    elif line.startswith("Installing collected packages"):
        progress.show("installing the packages")


def install(folder: Path, locks: tuple[Path, ...]) -> None:
    """Fetch and install every package that the locks name, and no other."""
    pip = vendored_pip()
    named = {
        found[1]
        for lock in locks
        for found in re.finditer(r"(?m)^([a-z0-9-]+)==\S+ *(?:\\|--hash)", lock.read_text("utf-8"))
    }
    progress = Progress(len(named))
    progress.show(
        f"Freehold, once: {len(named)} packages into {folder.name.removesuffix('.next')}"
    )
    options = "--require-hashes --no-deps --only-binary :all: --no-compile --no-user --no-input"
    quiet = "--disable-pip-version-check --no-warn-script-location --root-user-action ignore"
    shown = "--progress-bar raw --no-color"
    command = [str(folder / "bin/python"), "-I", f"{pip}/pip", "install"]
    command += [*options.split(), *quiet.split(), *shown.split()]
    for lock in locks:
        command += ["-r", str(lock)]
    remembered: list[str] = []
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as child:
        assert child.stdout is not None
        try:
            for line in child.stdout:
                follow(line, progress)
                if not line.startswith("Progress "):
                    remembered = [*remembered[1 - REMEMBERED_LINES :], line.rstrip()]
        except BaseException:
            child.terminate()
            raise
        finally:
            progress.close()
    if child.returncode:
        explain(remembered)
    if sys.platform == "linux":
        supply_openmp(folder)
    progress.show("preparing the first start")
    precompile(folder)
    progress.close()


def supply_openmp(folder: Path) -> None:
    """Give llama.cpp the one library it needs that a bare system may lack, libgomp.so.1.

    Wheels of other packages carry a copy; the smallest of them is fetched by its hash and nothing
    but that copy is kept. `./freehold` lets children find it.
    """
    probe = "import ctypes; ctypes.CDLL('libgomp.so.1')"
    command = [str(folder / "bin/python"), "-I", "-c", probe]
    if subprocess.run(command, check=False, capture_output=True).returncode == 0:
        return
    target = folder / "lib" / "openmp"
    with tempfile.TemporaryDirectory(dir=folder) as wheels:
        fetch_openmp(folder / "bin/python", Path(wheels))
        wheel = next(Path(wheels).glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            name = next(each for each in archive.namelist() if ".libs/libgomp-" in each)
            target.mkdir(parents=True)
            (target / "libgomp.so.1").write_bytes(archive.read(name))


def fetch_openmp(python: Path, target: Path) -> None:
    """Download the wheel that carries the library into `target`."""
    options = "--require-hashes --no-deps --only-binary :all: --disable-pip-version-check"
    command = [str(python), "-I", f"{vendored_pip()}/pip", "download", *options.split()]
    command += ["--progress-bar", "off", "-d", str(target), "-r", str(ROOT / OPENMP)]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode:
        explain((done.stdout + done.stderr).splitlines())


def explain(lines: list[str]) -> NoReturn:
    """Say why pip failed in Freehold's words, with pip's own last word."""
    said = "\n".join(lines)
    told = (
        [line for line in lines if line.startswith("ERROR")] or lines[-1:] or ["pip said nothing"]
    )
    word = told[0].removeprefix("ERROR: ")[:300]
    for pattern, code, fix in CAUSES:
        if re.search(pattern, said):
            why = f"{ERRORS[code].rstrip('.').lower()}\n  pip said: {word}"
            fail(code, "./freehold", why, fix, UNREACHABLE if code == "FH-SETUP-006" else 1)
    fix = "mend that and run it again; what was fetched is kept in pip's cache"
    fail("FH-SETUP-010", "./freehold", f"pip said: {word}", fix)


def precompile(folder: Path) -> None:
    """Compile packages and source now, so that no start pays for it."""
    packages = next(folder.glob("lib/python*/site-packages"))
    command = [str(folder / "bin/python"), "-I", "-m", "compileall", "-q", "-q", "-j", "0"]
    subprocess.run([*command, str(packages), str(ROOT / "src")], check=False, capture_output=True)


def point_scripts_at(folder: Path, built: Path) -> None:
    """Make the commands in `bin` name the folder that the environment moves to."""
    for script in (built / "bin").iterdir():
        if script.is_symlink() or not script.is_file():
            continue
        content = script.read_bytes()
        if content.startswith(b"#!"):
            line, rest = content.split(b"\n", 1)
            moved = line.replace(os.fsencode(built), os.fsencode(folder))
            script.write_bytes(moved + b"\n" + rest)


def put_in_place(folder: Path, built: Path) -> None:
    """Let the finished environment take the place of the old one."""
    old = folder.with_name(folder.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        folder.rename(old)
    built.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def set_up(environment: Environment) -> None:
    """Bring one environment to what its locks say."""
    folder = ROOT / environment.folder
    locks = tuple(ROOT / lock for lock in environment.locks)
    wanted = first_line(locks[-1])
    with alone(folder):
        if complete(folder, wanted):
            return
        if folder.exists() and not (folder / STAMP).exists():
            why = "it was not made by freehold, so it is left alone"
            fail("FH-SETUP-003", str(folder), why, f"mv {folder} {folder}.mine")
        built = folder.with_name(folder.name + ".next")
        if not complete(built, wanted):
            shutil.rmtree(built, ignore_errors=True)
            make_empty(built)
            install(built, locks)
            point_scripts_at(folder, built)
            (built / STAMP).write_text(f"{wanted}\n", encoding="utf-8")
        put_in_place(folder, built)


def main() -> int:
    """Set up the environment named by the one argument: runtime or dev."""
    try:
        set_up(ENVIRONMENTS[sys.argv[1]])
    except KeyboardInterrupt:
        sys.stderr.write("\nstopped; run it again and it goes on\n")
        return INTERRUPTED
    except OSError as error:
        code = "FH-SETUP-008" if error.errno == errno.ENOSPC else "FH-SETUP-002"
        why = f"{(error.strerror or str(error)).lower()}"
        fail(code, str(error.filename or ROOT), why, "mend that and run it again")
    return 0


if __name__ == "__main__":
    sys.exit(main())
