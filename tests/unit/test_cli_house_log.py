"""The log of the house: one file of bounded size, and a terminal that is told what matters."""

import io
import sys
from pathlib import Path

from freehold.cli.house_log import HouseLog, in_words, kept
from freehold.core.clock import ManualClock
from freehold.core.log import Log


class Screen(io.StringIO):
    def isatty(self) -> bool:
        return True


def _say_three(out: object) -> None:
    log = Log("bus", out, ManualClock())  # type: ignore[arg-type]
    log.info("child started", pid=12)
    log.warning("child ended", restarts=1)
    log.error("disk full")


def test_a_person_is_told_warnings_in_words_and_the_file_has_everything(tmp_path: Path) -> None:
    screen = Screen()
    log = HouseLog(tmp_path / "house.log", screen)
    _say_three(log)
    log.write("a traceback\n")
    log.close()
    told = screen.getvalue().splitlines()
    assert [line[9:] for line in told[:2]] == [
        "warning bus: child ended  restarts=1",
        "error   bus: disk full",
    ]
    assert told[2] == "a traceback"
    kept_lines = (tmp_path / "house.log").read_text().splitlines()
    assert len(kept_lines) == 4
    assert in_words(kept_lines[0])[9:] == "info    bus: child started  pid=12"


def test_a_service_manager_is_told_every_line_as_it_is(tmp_path: Path) -> None:
    out = io.StringIO()
    log = HouseLog(tmp_path / "house.log", out)
    _say_three(log)
    log.close()
    assert out.getvalue() == (tmp_path / "house.log").read_text()


def test_the_file_is_turned_over_before_it_grows_without_end(tmp_path: Path) -> None:
    path = tmp_path / "house.log"
    log = HouseLog(path, io.StringIO(), largest=1000)
    for number in range(100):
        log.write(f"line {number:03} {'x' * 40}\n")
    log.close()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["house.log", "house.log.1"]
    assert path.stat().st_size <= 1100
    assert path.read_text().splitlines()[-1].startswith("line 099")
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_line_may_come_in_pieces(tmp_path: Path) -> None:
    out = io.StringIO()
    log = HouseLog(tmp_path / "house.log", out)
    log.write("half ")
    assert out.getvalue() == ""
    log.write("whole\nrest")
    log.close()
    assert out.getvalue() == "half whole\nrest\n"


def test_standard_error_is_what_it_was_afterwards(tmp_path: Path) -> None:
    before = sys.stderr
    with kept(tmp_path / "house.log", watched=True):
        assert sys.stderr is not before
    assert sys.stderr is before
