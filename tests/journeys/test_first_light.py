"""The first evening: start, drop a folder, ask, use the API. Without any language model."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from running import RunningHouse

pytestmark = pytest.mark.slow

LEASE = """# Lease

## Subletting

The tenant shall not sublet the whole of the flat without written consent of the landlord.

## Guests

Guests who stay more than fourteen nights are to be announced beforehand.
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    documents = tmp_path / "contracts"
    (documents / "old").mkdir(parents=True)
    (documents / "lease.md").write_text(LEASE)
    (documents / "old" / "insurance.txt").write_text(
        "The insurance pays for broken windows.\nThe deductible is 250 euros a year.\n"
    )
    (documents / "broken.pdf").write_bytes(b"%PDF-1.7 nothing else")
    (documents / "empty.txt").write_bytes(b"")
    return documents


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_up_down_status_and_a_second_up(lean_house: RunningHouse) -> None:
    house = lean_house.up()
    status = house.data("status")
    assert status["state"] == "ok"
    children = status["children"]
    assert [c["state"] for c in children] == ["ready"] * len(children)
    second = house.cli("up", "--detach", "--lean", "--port", "0")
    assert second.returncode == 7
    assert str(house.pid) in second.stderr
    house.down()
    assert not alive(house.pid)
    assert not any(alive(c["pid"]) for c in children)
    assert house.cli("status").returncode in {0, 5}
    again = house.up()
    assert again.pid != 0


def test_a_killed_house_leaves_no_orphan_and_starts_again(lean_house: RunningHouse) -> None:
    house = lean_house.up()
    children = house.data("status")["children"]
    house.kill()
    deadline = time.monotonic() + 10
    while any(alive(c["pid"]) for c in children) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not any(alive(c["pid"]) for c in children)
    assert house.up().pid


def test_a_taken_port_names_who_has_it(lean_house: RunningHouse, tmp_path: Path) -> None:
    house = lean_house.up()
    other = RunningHouse(tmp_path / "other", "--lean")
    port = house.url.rpartition(":")[2]
    done = other.cli("up", "--detach", "--lean", "--port", port)
    assert done.returncode == 1
    assert str(house.pid) in done.stderr
    assert port in done.stderr


def test_documents_are_read_found_changed_and_removed(
    lean_house: RunningHouse, folder: Path
) -> None:
    house = lean_house.up()
    first = house.data("docs", "add", str(folder))
    assert first["files"] == 2
    assert {Path(f["file"]).name for f in first["failed"]} == {"broken.pdf", "empty.txt"}
    assert all(f["reason"] for f in first["failed"])
    second = house.data("docs", "add", str(folder))
    assert (second["files"], second["unchanged"]) == (0, 2)
    hits = house.data("docs", "search", "sublet the flat", "--limit", "3")["hits"]
    assert hits[0]["file"].endswith("lease.md")
    assert hits[0]["line"] in range(1, 7)
    assert "sublet" in hits[0]["text"]

    (folder / "lease.md").write_text("The tenant may keep a small dog.\n")
    changed = house.data("docs", "add", str(folder))
    assert (changed["files"], changed["unchanged"]) == (1, 1)
    assert "dog" in house.data("docs", "search", "dog")["hits"][0]["text"]
    assert not any("sublet" in h["text"] for h in house.data("docs", "search", "sublet")["hits"])

    (folder / "lease.md").unlink()
    house.data("docs", "add", str(folder))
    assert not any("dog" in h["text"] for h in house.data("docs", "search", "dog")["hits"])


def test_the_reading_room_quotes_and_refuses(lean_house: RunningHouse, folder: Path) -> None:
    house = lean_house.up()
    house.data("docs", "add", str(folder))
    said = house.data("ask", "May the tenant sublet the flat without consent?")
    assert said["model"] == "freehold/reading-room"
    assert not said["refused"]
    assert "No language model is loaded" in said["answer"]
    quote = said["citations"][0]
    assert quote["file"].endswith("lease.md")
    assert quote["verified"]
    assert quote["quote"] in LEASE
    other = house.data("ask", "How far away is the planet Neptune?")
    assert other["refused"]
    assert not other["citations"]


def test_what_is_on_disk_survives_a_kill(lean_house: RunningHouse, folder: Path) -> None:
    house = lean_house.up()
    house.data("docs", "add", str(folder))
    key = house.data("key", "new", "--name", "kept")["key"]
    _, chat = house.request("POST", "/freehold/v1/chats", {})
    _, turn = house.request(
        "POST", f"/freehold/v1/chats/{chat['id']}/turns",
        {"text": "Who pays for broken windows?", "parent_id": None, "model": "", "client_id": "1"},
    )  # fmt: skip
    house.kill()
    house.up()
    _, kept = house.request("GET", f"/freehold/v1/chats/{chat['id']}")
    assert [t["id"] for t in kept["turns"]] == [turn["id"]]
    assert kept["turns"][0]["state"] in {"cut", "done"}
    assert house.data("docs", "search", "windows")["hits"]
    house.key = key
    assert house.request("GET", "/v1/models")[0] == 200


def test_the_envelope_and_the_health_are_as_promised(lean_house: RunningHouse) -> None:
    house = lean_house.up()
    done = house.cli("--json", "status")
    envelope = json.loads(done.stdout)
    assert envelope["schema"] == "freehold/status@1"
    status, health = house.request("GET", "/health", headers={"Authorization": ""})
    assert status == 200
    assert health["status"] == "ok"
    assert set(health["classes"]) == {"chat", "embed", "documents"}


def test_ctrl_c_stops_everything_in_order(tmp_path: Path) -> None:
    house = RunningHouse(tmp_path / "home", "--lean")
    running = subprocess.Popen(
        [sys.executable, "-m", "freehold", "--home", str(house.home), "up", "--lean",
         "--port", "0", "--no-open"],
        env=house.environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    deadline = time.monotonic() + 20
    while not (house.home / "run" / "house.json").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    children = house.data("status")["children"]
    assert children
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=15)
    assert running.returncode in {0, 130}
    assert "set-up token" in out
    assert not any(alive(c["pid"]) for c in children)
    assert not (house.home / "run" / "house.json").exists()
    os.kill(os.getpid(), 0)
