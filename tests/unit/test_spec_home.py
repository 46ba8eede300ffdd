"""Where a house stands, who holds it, and the file with the admin key."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from freehold.core.errors import HouseAlreadyRunning, RefusedForSafety, StoreFailed
from freehold.spec.environment import read_environment
from freehold.spec.home import Home
from freehold.spec.lock import hold, holder
from freehold.spec.token_file import read_key, write_key

KEY = "fh-0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("variables", "root"),
    [
        ({"HOME": "/home/ada"}, "/home/ada/.local/share/freehold"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "/data"}, "/data/freehold"),
        ({"HOME": "/home/ada", "XDG_DATA_HOME": "data"}, "/home/ada/.local/share/freehold"),
        ({"HOME": "/home/ada", "FREEHOLD_HOME": "/srv/house"}, "/srv/house"),
        ({"HOME": "/home/ada", "FREEHOLD_HOME": "~/house"}, "/home/ada/house"),
    ],
)
def test_the_home_is_found_in_the_environment(variables: dict[str, str], root: str) -> None:
    assert read_environment(variables).home.root == Path(root)


def test_the_home_of_the_command_line_wins(tmp_path: Path) -> None:
    variables = {"HOME": "/home/ada", "FREEHOLD_HOME": "/srv/house"}
    assert read_environment(variables, tmp_path).home.root == tmp_path


def test_children_are_told_only_what_they_need() -> None:
    variables = {"HOME": "/h", "PATH": "/bin", "AWS_SECRET_ACCESS_KEY": "x", "HF_TOKEN": "hf_x"}
    found = read_environment(variables)
    assert dict(found.children) == {"HOME": "/h", "PATH": "/bin"}
    assert found.hub_token == "hf_x"


def test_colour_is_off_when_asked() -> None:
    assert read_environment({"HOME": "/h"}).colour
    assert not read_environment({"HOME": "/h", "NO_COLOR": "1"}).colour
    assert not read_environment({"HOME": "/h", "TERM": "dumb"}).colour


def test_the_rooms_are_closed_to_others(tmp_path: Path) -> None:
    home = Home(tmp_path / "a" / "home")
    home.create()
    home.logs.chmod(0o755)
    home.create()
    for room in (home.root, home.db, home.run, home.logs, home.bus, home.backups):
        assert room.stat().st_mode & 0o777 == 0o700


def test_a_home_whose_place_is_taken_is_an_error_with_a_way_out(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(StoreFailed) as caught:
        Home(tmp_path / "home").create()
    assert "--home" in caught.value.fix


def test_a_held_home_names_its_holder(home: Home) -> None:
    assert holder(home) is None
    with hold(home):
        assert holder(home) == os.getpid()
        with pytest.raises(HouseAlreadyRunning, match=f"pid {os.getpid()}"), hold(home):
            pass
    assert holder(home) is None


def test_the_lock_goes_with_its_process_however_it_ends(home: Home) -> None:
    code = (
        "import sys, time\n"
        "from pathlib import Path\n"
        "from freehold.spec.home import Home\n"
        "from freehold.spec.lock import hold\n"
        f"with hold(Home(Path({str(home.root)!r}))):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-I", "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == b"held\n"
        assert holder(home) == child.pid
        child.kill()
    assert holder(home) is None
    with hold(home):
        assert holder(home) == os.getpid()


def test_looking_at_the_lock_is_not_holding_it(home: Home) -> None:
    with hold(home):
        pass
    for _ in range(50):
        assert holder(home) is None
        with hold(home):
            pass


def test_a_missing_or_empty_token_file_is_filled_for_its_owner_only(tmp_path: Path) -> None:
    for name in ("missing", "empty"):
        file = tmp_path / name
        if name == "empty":
            file.touch(0o644)
        assert read_key(file) == ""
        write_key(file, KEY)
        assert read_key(file) == KEY
        assert file.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == ["empty", "missing"]


def test_a_token_file_with_something_in_it_is_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{KEY}\n")
    with pytest.raises(RefusedForSafety):
        write_key(file, "fh-another")
    assert read_key(file) == KEY
    file.write_text("a diary")
    with pytest.raises(RefusedForSafety):
        read_key(file)
    with pytest.raises(RefusedForSafety):
        read_key(Path("/dev/null"))


def test_a_token_file_in_no_folder_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed) as caught:
        read_key(tmp_path / "none" / "token")
    assert caught.value.fix == f"mkdir -p {tmp_path / 'none'}"
