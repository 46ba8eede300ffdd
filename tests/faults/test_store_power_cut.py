"""The power fails while database, blobs and bus are writing; nothing acknowledged is lost."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults import power_cut
from faults.power_cut import Cut

WORKLOAD = str(Path(__file__).with_name("power_cut_store.py"))
HOUSE = str(Path(__file__).with_name("power_cut_house.py"))
CHECK = (sys.executable, WORKLOAD, "check", "{home}")

pytestmark = [pytest.mark.root, pytest.mark.slow]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    cuts = metafunc.config.getoption("--cuts", default=5)
    if "number" in metafunc.fixturenames:
        metafunc.parametrize("number", range(cuts))
    if "house_number" in metafunc.fixturenames:
        metafunc.parametrize("house_number", range((cuts + 4) // 5))


@pytest.fixture(scope="module", autouse=True)
def _rig(tmp_path_factory: pytest.TempPathFactory) -> None:
    try:
        power_cut.usable(tmp_path_factory.mktemp("rig"))
    except power_cut.RigUnusable as why:
        pytest.skip(f"no file can be mounted as a disk here: {why}")


@pytest.fixture(scope="module")
def cuts(request: pytest.FixtureRequest) -> Iterator[dict[str, list[Cut]]]:
    made: dict[str, list[Cut]] = {"store": [], "house": []}
    yield made
    results = request.config.getoption("--cut-results", default=None)
    if results is not None:
        figures = {name: power_cut.summary(each) for name, each in made.items()}
        results.write_text(json.dumps(figures, indent=1) + "\n")


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2] / "src"))


def test_power_cut_loses_nothing_acknowledged(
    number: int, tmp_path: Path, cuts: dict[str, list[Cut]]
) -> None:
    work = (sys.executable, WORKLOAD, "write", "{home}")
    seen = power_cut.cut(work, CHECK, tmp_path, power_cut.moment(number))
    cuts["store"].append(seen)
    assert seen.acknowledged > 10
    assert seen.lost == ()
    assert seen.problems == ()


def test_power_cut_of_a_whole_house_loses_nothing_acknowledged(
    house_number: int, tmp_path: Path, cuts: dict[str, list[Cut]]
) -> None:
    work = (sys.executable, HOUSE, "write", "{home}")
    check = (sys.executable, HOUSE, "check", "{home}")
    seen = power_cut.cut(work, check, tmp_path, power_cut.moment(1000 + house_number))
    cuts["house"].append(seen)
    assert seen.acknowledged > 3
    assert seen.lost == ()
    assert seen.problems == ()


def test_power_cut_rig_sees_what_a_careless_program_loses(tmp_path: Path) -> None:
    work = (sys.executable, WORKLOAD, "careless", "{home}")
    seen = power_cut.cut(work, CHECK, tmp_path, after_s=1.0)
    assert seen.lost
