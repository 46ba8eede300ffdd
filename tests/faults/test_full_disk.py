"""A full disk: writes are refused in words, reads go on, and room makes everything well again."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from running import RunningHouse

pytestmark = [pytest.mark.slow, pytest.mark.root]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """40 MB that can be filled."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=40m", "tmpfs", str(disk)], check=False
    )
    if mounted.returncode:
        pytest.skip("this machine does not let its root mount a tmpfs")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_told_and_overcome(small_disk: Path) -> None:
    house = RunningHouse(small_disk / "home", "--lean").up()
    filler = small_disk / "filler"
    try:
        _, chat = house.request("POST", "/freehold/v1/chats", {})
        turns = f"/freehold/v1/chats/{chat['id']}/turns"
        body = {"text": "before", "parent_id": None, "model": "", "client_id": "before"}
        assert house.request("POST", turns, body)[0] == 202

        with filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\0" * 65536)
            except OSError:
                pass
        refused = []
        for number in range(400):
            text = "x" * 20_000
            body = {"text": text, "parent_id": None, "model": "", "client_id": f"full{number}"}
            status, said = house.request("POST", turns, body)
            if status != 202:
                refused.append((status, said))
                if len(refused) > 3:
                    break
        assert refused, "the disk was full and nobody said so"
        assert {status for status, _ in refused} <= {507, 503}, refused[0]
        assert any("full" in said["title"] or "room" in said["title"] for _, said in refused)
        status, upload = house.request(
            "PUT", "/freehold/v1/collections/c/files/big.txt", raw=b"y" * 500_000
        )
        assert status in {507, 503}, upload
        status, kept = house.request("GET", f"/freehold/v1/chats/{chat['id']}")
        assert status == 200
        assert any(turn["question"] == "before" for turn in kept["turns"])
        acknowledged = {turn["id"] for turn in kept["turns"]}

        filler.unlink()
        deadline = time.monotonic() + 15
        status = 0
        while status != 202 and time.monotonic() < deadline:
            body = {"text": "after", "parent_id": None, "model": "", "client_id": "after"}
            status, _ = house.request("POST", turns, body)
            time.sleep(0.1)
        assert status == 202
        _, kept = house.request("GET", f"/freehold/v1/chats/{chat['id']}")
        assert acknowledged <= {turn["id"] for turn in kept["turns"]}
    finally:
        filler.unlink(missing_ok=True)
        house.down()
