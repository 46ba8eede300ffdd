"""`./freehold` on a machine that has a Python and nothing else, from a fresh clone."""

import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTHON = os.path.realpath(getattr(sys, "_base_executable", sys.executable))


def _bare_path(folder: Path, *, python: str | None = PYTHON) -> str:
    """A PATH with the few programs every Debian has, and perhaps a Python."""
    folder.mkdir()
    for name in ("sh", "readlink", "dirname", "cat", "sleep", "git"):
        found = shutil.which(name)
        assert found, name
        (folder / name).symlink_to(found)
    if python:
        (folder / "python3").symlink_to(python)
    return str(folder)


def _environment(path: str, home: Path) -> dict[str, str]:
    """Nothing but a home, a path, and where this machine gets packages from."""
    kept = {name: value for name, value in os.environ.items() if name.startswith("PIP_")}
    return {**kept, "PATH": path, "HOME": str(home)}


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """The repository as it is committed and changed now, as somebody else would have it."""
    target = tmp_path / "freehold"
    subprocess.run(["git", "clone", "-q", "--depth", "1", f"file://{ROOT}", target], check=True)
    names = ["freehold", "bootstrap", "requirements", "src"]
    for name in names:
        source = ROOT / name
        if source.is_dir():
            shutil.rmtree(target / name)
            shutil.copytree(source, target / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target / name)
    return target


@pytest.fixture
def user(tmp_path: Path) -> Path:
    home = tmp_path / "user"
    home.mkdir()
    config = Path.home() / ".config" / "pip"
    if config.is_dir():  # where this machine gets packages from is not the question
        shutil.copytree(config, home / ".config" / "pip")
    return home


def _run(
    clone: Path, environment: dict[str, str], *words: str, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(clone / "freehold"), *words],
        env=environment,
        cwd=cwd or clone.parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )


@pytest.mark.slow
def test_a_fresh_clone_sets_itself_up_and_then_starts_at_once(
    clone: Path, user: Path, tmp_path: Path
) -> None:
    environment = _environment(_bare_path(tmp_path / "bin"), user)
    first = _run(clone, environment, "version", "--json")
    assert first.returncode == 0, first.stderr
    assert json.loads(first.stdout)["schema"] == "freehold/version@1"
    steps = re.findall(r"^setting up  (\d+) of (\d+)  (\S+)$", first.stderr, re.MULTILINE)
    total = int(steps[0][1])
    assert [int(number) for number, _, _ in steps] == list(range(1, total + 1))
    assert {"msgspec", "xllamacpp"} <= {name for _, _, name in steps}
    left = {entry.name for entry in clone.iterdir() if entry.name.startswith(".venv")}
    assert left == {".venv", ".venv.lock"}

    second = _run(clone, environment, "version")
    assert (second.returncode, second.stderr) == (0, "")

    # A link to it, a folder with a module named like one of ours, and another place: all the same.
    link = tmp_path / "bin" / "freehold"
    link.symlink_to(clone / "freehold")
    (user / "click.py").write_text("raise SystemExit('taken from the current folder')")
    third = subprocess.run(
        ["freehold", "version"],
        env=environment, cwd=user, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (third.returncode, third.stderr) == (0, "")

    moved = clone.rename(tmp_path / "moved here")
    fourth = _run(moved, environment, "version")
    assert (fourth.returncode, fourth.stderr) == (0, "")

    # The lock changes: the next start brings the environment up to date, and only that.
    lock = moved / "requirements" / "runtime.lock"
    lock.write_text(lock.read_text().replace("runtime ", "runtime 0", 1))
    fifth = _run(moved, environment, "version")
    assert fifth.returncode == 0, fifth.stderr
    assert "setting up" in fifth.stderr
    status = subprocess.run(
        ["git", "status", "--porcelain", "--", ".venv", ".venv.lock"],
        cwd=moved, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert status.stdout == "", "what the launcher makes is ignored by git"


@pytest.mark.slow
def test_an_interrupted_set_up_leaves_nothing_half_done_and_goes_on(
    clone: Path, user: Path, tmp_path: Path
) -> None:
    environment = _environment(_bare_path(tmp_path / "bin"), user)
    with subprocess.Popen(
        [str(clone / "freehold"), "version"],
        env=environment,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as child:
        assert child.stderr is not None
        for line in child.stderr:
            if " 3 of " in line:
                os.killpg(child.pid, signal.SIGINT)
                break
        rest = child.stderr.read()
    assert child.returncode in {130, -signal.SIGINT}, rest
    assert "run it again and it goes on" in rest
    assert not (clone / ".venv").exists()

    # Two at once: one does the work, both come through.
    both = [
        subprocess.Popen(
            [str(clone / "freehold"), "version"],
            env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(2)
    ]  # fmt: skip
    told = [child.communicate(timeout=500) for child in both]
    assert [child.returncode for child in both] == [0, 0], told
    assert sum("1 of " in error for _, error in told) == 1


def test_without_a_network_the_error_says_what_to_do(
    clone: Path, user: Path, tmp_path: Path
) -> None:
    environment = _environment(_bare_path(tmp_path / "bin"), user)
    shutil.rmtree(user / ".config", ignore_errors=True)
    for name in [name for name in environment if name.startswith("PIP_")]:
        del environment[name]
    environment |= {
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_INDEX_URL": "http://127.0.0.1:9/simple",
        "PIP_RETRIES": "0",
    }
    done = _run(clone, environment, "version")
    assert done.returncode == 5
    assert "error FH-SETUP-006  ./freehold\n" in done.stderr
    assert "PIP_INDEX_URL" in done.stderr.partition("fix   ")[2]
    assert "Traceback" not in done.stderr
    assert not (clone / ".venv").exists()


def test_a_package_that_is_not_the_locked_one_is_refused(
    clone: Path, user: Path, tmp_path: Path
) -> None:
    lock = clone / "requirements" / "runtime.lock"
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    shutil.copy2(next((clone / "bootstrap").glob("*.whl")), wheels)
    version = next(wheels.iterdir()).name.split("-")[1]
    lock.write_text(
        f"# freehold environment 1 x\npip=={version} \\\n    --hash=sha256:{'0' * 64}\n"
    )
    environment = _environment(_bare_path(tmp_path / "bin"), user)
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels)}
    done = _run(clone, environment, "version")
    assert done.returncode == 1
    assert "error FH-SETUP-007" in done.stderr
    assert not (clone / ".venv").exists()


def test_a_damaged_pip_is_refused(clone: Path, user: Path, tmp_path: Path) -> None:
    wheel = next((clone / "bootstrap").glob("*.whl"))
    wheel.write_bytes(wheel.read_bytes()[:-1])
    done = _run(clone, _environment(_bare_path(tmp_path / "bin"), user), "version")
    assert done.returncode == 1
    assert "error FH-SETUP-005" in done.stderr


def test_a_folder_that_is_not_ours_is_left_alone(clone: Path, user: Path, tmp_path: Path) -> None:
    (clone / ".venv").mkdir()
    (clone / ".venv" / "precious").touch()
    done = _run(clone, _environment(_bare_path(tmp_path / "bin"), user), "version")
    assert done.returncode == 1
    assert "error FH-SETUP-003" in done.stderr
    assert (clone / ".venv" / "precious").exists()


def test_a_python_that_is_too_old_is_named_with_a_way_to_a_newer_one(
    clone: Path, user: Path, tmp_path: Path
) -> None:
    path = _bare_path(tmp_path / "bin", python=None)
    old = Path(path) / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit\nexit 1\n')
    old.chmod(0o755)
    done = _run(clone, _environment(path, user), "version")
    assert done.returncode == 1
    assert "error FH-SETUP-001" in done.stderr
    assert "found: python3 (Python 3.9.2)" in done.stderr
    assert "apt install python3" in done.stderr
    old.unlink()
    none = _run(clone, _environment(path, user), "version")
    assert "found: none" in none.stderr


def test_a_newer_python_beside_an_old_one_is_found(
    clone: Path, user: Path, tmp_path: Path
) -> None:
    path = _bare_path(tmp_path / "bin", python=None)
    old = Path(path) / "python3"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Python 3.9.2" && exit\nexit 1\n')
    old.chmod(0o755)
    (Path(path) / "python3.11").symlink_to(PYTHON)
    (clone / ".venv").mkdir()  # stops the set-up right after the choice
    done = _run(clone, _environment(path, user), "version")
    assert "error FH-SETUP-003" in done.stderr


@pytest.mark.slow
def test_a_system_without_openmp_is_given_the_library(tmp_path: Path) -> None:
    spec = importlib.util.spec_from_file_location("setup_of_freehold", ROOT / "bootstrap/setup.py")
    assert spec is not None
    assert spec.loader is not None
    setup = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(setup)
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    # A Python that says of the system's library what one on a bare system would say.
    python.write_text(
        f'#!/bin/sh\ncase "$*" in *ctypes*) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n'
    )
    python.chmod(0o755)
    setup.supply_openmp(tmp_path)
    library = tmp_path / "lib" / "openmp"
    assert [file.name for file in library.iterdir()] == ["libgomp.so.1"]
    load = "import ctypes; ctypes.CDLL('libgomp.so.1'); print(open('/proc/self/maps').read())"
    done = subprocess.run(
        [sys.executable, "-I", "-c", load],
        env={"LD_LIBRARY_PATH": str(library)}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert str(library / "libgomp.so.1") in done.stdout
