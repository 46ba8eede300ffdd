"""Imports go down only; import-linter says so from pyproject.toml."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_imports_go_down_only() -> None:
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    done = subprocess.run(
        [sys.executable, "-c", command, "--no-cache"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


def test_the_runtime_is_not_needed_to_read_a_spec() -> None:
    code = (
        "import sys, freehold.spec.load, freehold.spec.up, freehold.spec.lock\n"
        "print(*sorted(m for m in sys.modules if m.startswith('freehold.') and\n"
        "      m.split('.')[1] not in {'spec', 'core'}))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
