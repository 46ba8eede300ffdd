"""What every test may ask for, and what a test needs of the machine."""

import os
import shutil
from pathlib import Path

import pytest

from freehold.spec.environment import Environment, read_environment
from freehold.spec.home import Home

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip, by name, what this machine cannot run."""
    needs = {
        "root": (os.geteuid() == 0, "needs root"),
        "browser": (any(map(shutil.which, _BROWSERS)), "needs chromium (apt install chromium)"),
    }
    for item in items:
        for marker, (here, reason) in needs.items():
            if item.get_closest_marker(marker) and not here:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """A home folder of its own, made and empty."""
    made = Home(tmp_path / "home")
    made.create()
    return made


@pytest.fixture
def environment(tmp_path: Path, home: Home) -> Environment:
    """The environment of a user who has nothing but a home folder."""
    variables = {"HOME": str(tmp_path / "user"), "PATH": os.environ["PATH"]}
    return read_environment(variables, home.root)
