"""The repository speaks of itself alone: no path of the machine it was made on, no stray file."""

import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MACHINE = re.compile(
    r"(?<![\w.-])/(?:work|root|opt/[a-z]+)/[a-z.]|(?<![\w.-])/home/(?!ada\b|me\b|user\b|a\b)"
)
NOT_OURS = ("static/vendor/", ".whl", ".gguf", ".woff2", ".png")


def _tracked() -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [name for name in done.stdout.split("\0") if name]


def test_no_file_names_a_path_of_somebodys_machine() -> None:
    found = []
    for name in _tracked():
        file = ROOT / name
        if any(word in name for word in NOT_OURS) or not file.is_file():
            continue
        for number, line in enumerate(file.read_text("utf-8", "replace").splitlines(), 1):
            if MACHINE.search(line) and line not in Path(__file__).read_text("utf-8"):
                found.append(f"{name}:{number}: {line.strip()[:100]}")
    assert found == []


def test_what_is_made_while_working_is_not_kept() -> None:
    kept = re.compile(r"__pycache__|\.pyc$|^\.venv|\.(?:orig|rej|swp|log)$|^(?:dist|build)/")
    assert [name for name in _tracked() if kept.search(name)] == []


def test_the_scripts_that_are_named_can_be_run() -> None:
    for name in ("freehold", "scripts/check", "scripts/test", "scripts/bench", "scripts/lock",
                 "scripts/reference", ".ci/run"):  # fmt: skip
        assert (ROOT / name).stat().st_mode & 0o111, name
