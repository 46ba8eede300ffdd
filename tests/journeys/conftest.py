"""Houses for the journeys."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from running import RunningHouse


@pytest.fixture(scope="module")
def demo_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    """A house with the tiny real model and no embeddings, shared by a file's tests."""
    home = tmp_path_factory.mktemp("demo") / "home"
    house = RunningHouse(home, "--demo", "--lean").up()
    yield house
    house.down()


@pytest.fixture
def lean_house(tmp_path: Path) -> Iterator[RunningHouse]:
    """A house without any language model, not started yet."""
    house = RunningHouse(tmp_path / "home", "--lean")
    yield house
    house.down()
