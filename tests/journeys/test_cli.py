"""The command line against a real house: everything that other programs rely on in its JSON."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

FREEHOLD = [sys.executable, "-I", "-X", "utf8", "-m", "freehold"]


def _runs(pid: int) -> bool:
    """Whether a process does; one that only waits to be buried does not."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


class House:
    """A house of its own, spoken to by command only."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.key_file = root / "admin.key"
        user = root / "user"
        user.mkdir()
        self.environment = {"HOME": str(user), "PATH": os.environ["PATH"]}

    def run(
        self, *words: str, code: int = 0, text: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*FREEHOLD, *words, "--home", str(self.home)],
            input=text,
            stdin=subprocess.DEVNULL if text is None else None,
            capture_output=True,
            text=True,
            env=self.environment,
            check=False,
            timeout=120,
        )
        assert done.returncode == code, f"{words}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def data(self, *words: str, code: int = 0) -> Any:
        envelope = json.loads(self.run(*words, "--json", code=code).stdout)
        assert set(envelope) == {"schema", "ok", "data", "error", "warnings"}
        assert envelope["ok"] is (code == 0)
        return envelope["data"] if code == 0 else envelope["error"]

    def up(self, *words: str) -> Any:
        return self.data(
            "up", "--detach", "--headless", "--admin-token-file", str(self.key_file),
            "--port", "0", "--lean", *words,
        )  # fmt: skip


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = House(tmp_path_factory.mktemp("house"))
    made.up()
    yield made
    made.run("down")


@pytest.fixture(scope="module")
def papers(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("papers")
    (folder / "lease.md").write_text(
        "# Lease\n\nThe rent of the lighthouse is 740 euro per month.\n\n"
        "The deposit is 1480 euro, held at the harbour bank.\n"
    )
    (folder / "deep").mkdir()
    (folder / "deep" / "boat.txt").write_text("The boat Marigold sails on Thursday at noon.\n")
    (folder / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing more")
    added = house.data("docs", "add", str(folder), "--collection", "papers")
    assert added["files"] == 2
    assert added["passages"] >= 2
    assert added["unchanged"] == 0
    assert [set(each) for each in added["failed"]] == [{"file", "reason"}]
    assert added["failed"][0]["file"].endswith("broken.pdf")
    return folder


def test_up_answers_when_the_house_serves(tmp_path: Path) -> None:
    house = House(tmp_path)
    found = house.up()
    assert {"url", "pid", "ready_s"} <= set(found)
    assert found["url"].startswith("http://127.0.0.1:")
    assert found["ready_s"] > 0
    assert _runs(found["pid"])
    assert house.data("down") == {"stopped": True, "pid": found["pid"]}
    assert house.data("down") == {"stopped": False, "pid": None}
    assert not (house.home / "run" / "house.json").exists()
    assert not _runs(found["pid"])


def test_the_admin_key_is_left_for_its_owner_and_the_same_command_starts_again(
    tmp_path: Path,
) -> None:
    house = House(tmp_path)
    house.up()
    key = house.key_file.read_text()
    assert key.startswith("fh-")
    assert house.key_file.stat().st_mode & 0o777 == 0o600
    house.run("down")
    house.up()
    assert house.key_file.read_text() == key
    house.run("down")
    house.key_file.write_text("fh-" + "0" * 40)
    error = house.data(
        "up", "--detach", "--headless", "--admin-token-file", str(house.key_file),
        "--port", "0", "--lean", code=7,
    )  # fmt: skip
    assert "not an admin key of this house" in error["title"]
    house.run("down")


def test_a_second_up_names_the_pid_that_holds_the_home(house: House) -> None:
    pid = json.loads((house.home / "run" / "house.json").read_bytes())["pid"]
    error = house.data("up", "--detach", code=7)
    assert error["code"] == "FH-HOUSE-006"
    assert f"pid {pid}" in error["title"]


def test_a_port_in_use_names_who_holds_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        error = house.data("up", "--detach", "--port", str(port), "--lean", code=1)
    assert error["code"] == "FH-HOUSE-007"
    assert f"(pid {os.getpid()})" in error["title"]
    house.run("down")


def test_status_names_the_state_and_every_child(house: House) -> None:
    found = house.data("status")
    assert found["state"] == "ok"
    assert found["children"]
    for child in found["children"]:
        assert set(child) == {"name", "pid", "state", "restarts"}
    assert "nats" in house.run("status").stdout


def test_a_new_key_is_the_only_thing_on_standard_output(house: House) -> None:
    made = house.run("key", "new", "--name", "a program")
    assert made.stdout.startswith("fh-")
    assert len(made.stdout.split()) == 1
    assert house.data("key", "new", "--name", "another")["key"].startswith("fh-")
    names = {key["name"] for key in house.data("key", "ls")["keys"]}
    assert {"a program", "another"} <= names
    house.run("key", "revoke", "another")
    assert "another" not in {key["name"] for key in house.data("key", "ls")["keys"]}
    assert house.data("key", "revoke", "another", code=1)["code"] == "FH-CALL-003"


def test_models_are_listed_with_the_reading_room_first_of_all(house: House) -> None:
    models = house.data("models", "ls")["models"]
    assert all({"name", "engine", "kind", "resident", "bytes"} <= set(each) for each in models)
    assert "freehold/reading-room" in {each["name"] for each in models}


def test_a_broken_model_file_is_refused_in_words(house: House, tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\x03\x00\x00\x00")
    error = house.data("models", "add", str(broken), code=1)
    assert error["code"].startswith("FH-")
    assert error["title"]


def test_adding_the_same_folder_again_changes_nothing(house: House, papers: Path) -> None:
    again = house.data("docs", "add", str(papers), "--collection", "papers")
    assert (again["files"], again["unchanged"]) == (0, 2)


def test_a_search_finds_the_place(house: House, papers: Path) -> None:
    del papers
    hits = house.data("docs", "search", "rent of the lighthouse", "--limit", "2")["hits"]
    assert 1 <= len(hits) <= 2
    assert set(hits[0]) == {"file", "page", "line", "text", "score"}
    assert hits[0]["file"].endswith("lease.md")
    assert hits[0]["line"] >= 1
    assert hits[0]["page"] is None
    assert "740 euro" in hits[0]["text"]


def test_an_answer_cites_what_it_quotes(house: House, papers: Path) -> None:
    del papers
    found = house.data("ask", "What is the rent of the lighthouse?", "--collection", "papers")
    assert set(found) == {"answer", "model", "refused", "citations"}
    assert found["refused"] is False
    assert "740 euro" in found["answer"]
    first = found["citations"][0]
    assert set(first) == {"file", "page", "line", "quote", "verified"}
    assert first["file"].endswith("lease.md")
    assert first["verified"] is True


def test_what_the_documents_do_not_say_is_refused(house: House, papers: Path) -> None:
    del papers
    found = house.data("ask", "Who won the chess championship in Lisbon?")
    assert found["refused"] is True
    assert found["citations"] == []


def test_a_question_can_come_from_standard_input(house: House, papers: Path) -> None:
    del papers
    told = house.run("ask", "-", text="When does the Marigold sail?\n").stdout
    assert "Thursday" in told
    assert "boat.txt" in told


def test_a_model_nobody_has_is_an_error_that_names_it(house: House, papers: Path) -> None:
    del papers
    error = house.data("ask", "What is the rent?", "--model", "nobody/has-this", code=1)
    assert error["code"] == "FH-CALL-004"
    assert "nobody/has-this" in error["title"]


def test_documents_are_listed_and_forgotten(house: House, tmp_path: Path) -> None:
    note = tmp_path / "note.txt"
    note.write_text("The cellar key hangs behind the clock.\n")
    house.run("docs", "add", str(note), "--collection", "notes")
    listed = house.data("docs", "ls", "--collection", "notes")["documents"]
    assert [each["state"] for each in listed] == ["indexed"]
    house.run("docs", "rm", listed[0]["id"])
    assert house.data("docs", "ls", "--collection", "notes")["documents"] == []
    assert note.exists()


def test_logs_are_readable_and_hold_no_secret(house: House) -> None:
    key = house.key_file.read_text().strip()
    told = house.run("logs", "--lines", "1000").stdout
    assert "house ready" in told
    assert key not in told
    token = (house.home / "run" / "cli.token").read_text().strip()
    for log in (house.home / "logs").glob("*.log"):
        text = log.read_text(errors="replace")
        assert key not in text
        assert token not in text
    assert house.run("logs", "no-such", code=1).stderr.startswith("error FH-CALL-003")


def test_open_gives_the_address(house: House) -> None:
    assert house.data("open")["url"].startswith("http://127.0.0.1:")


def test_a_house_in_the_foreground_stops_in_order_on_ctrl_c(tmp_path: Path) -> None:
    house = House(tmp_path)
    words = [*FREEHOLD, "up", "--home", str(house.home), "--port", "0", "--lean", "--no-open"]
    with subprocess.Popen(
        words, env=house.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        line = child.stdout.readline()
        assert "Freehold is at http://127.0.0.1:" in line
        assert "/#token=" in line
        children = house.data("status")["children"]
        child.send_signal(signal.SIGINT)
        assert child.wait(20) == 0
    assert not (house.home / "run" / "house.json").exists()
    for each in children:
        assert not _runs(each["pid"])
    house.data("status", code=5)


def test_a_house_that_was_killed_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    house = House(tmp_path)
    pid = house.up()["pid"]
    children = [each["pid"] for each in house.data("status")["children"]]
    os.kill(pid, signal.SIGKILL)
    for each in (pid, *children):
        handle = _pidfd(each)
        if handle is not None:
            assert select.select([handle], [], [], 20)[0], f"{each} lives on"
            os.close(handle)
    assert house.data("status", code=5)["code"] == "FH-HOUSE-005"
    again = house.up()
    assert again["pid"] != pid
    assert house.data("status")["state"] == "ok"
    house.run("down")


def _pidfd(pid: int) -> int | None:
    """A handle that becomes readable when the process ends; nothing if it already has."""
    try:
        return os.pidfd_open(pid)
    except ProcessLookupError:
        return None
