"""What the power-cut rig runs on its disk: the whole house, talked to over HTTP as people do.

Usage: power_cut_house.py write HOME      starts a house, asks and uploads, prints `ack ID`
       power_cut_house.py check HOME      starts it again, prints `found ID` and `problem TEXT`
"""

import contextlib
import itertools
import os
import subprocess
import sys
import threading
import time
import urllib.error
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

sys.path[:0] = [str(Path(__file__).parents[1])]

from running import RunningHouse  # noqa: E402

START_S = 30.0
WENT_WRONG = (OSError, urllib.error.URLError, ValueError, KeyError, TypeError)


class ForegroundHouse(RunningHouse):
    """A house that is a child of this process, so that it stops when the power does."""

    def start(self) -> subprocess.Popen[bytes]:
        token = self.home.with_suffix(".key")
        flags = ("up", "--headless", "--admin-token-file", str(token), "--port", "0", "--lean")
        record = self.home / "run" / "house.json"
        record.unlink(missing_ok=True)
        running = subprocess.Popen(
            [sys.executable, "-m", "freehold", "--home", str(self.home), *flags],
            env=self.environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        ends = time.monotonic() + START_S
        while time.monotonic() < ends and running.poll() is None:
            with contextlib.suppress(*WENT_WRONG):
                self.url = msgspec.json.decode(record.read_bytes())["url"]
                self.key = token.read_text().strip()
                if self.request("GET", "/health", timeout_s=2)[0] == 200:
                    return running
            time.sleep(0.02)
        running.kill()
        sys.exit("the house did not start")


def acknowledge(name: str) -> None:
    os.write(1, f"ack {name}\n".encode())


def content(name: str) -> bytes:
    return f"The marmalade of {name} is on the upper shelf.\n".encode() * 50


def ask(house: RunningHouse, number: int) -> None:
    _, chat = house.request("POST", "/freehold/v1/chats", {})
    body = {
        "text": f"where is {number}",
        "parent_id": None,
        "model": "",
        "client_id": f"c{number}",
    }
    status, turn = house.request("POST", f"/freehold/v1/chats/{chat['id']}/turns", body)
    if status == 202:
        acknowledge(f"turn-{turn['id']}")


def upload(house: RunningHouse, number: int) -> None:
    name = f"note-{number}.txt"
    path = f"/freehold/v1/collections/cut/files/{name}"
    if house.request("PUT", path, raw=content(name))[0] == 200:
        acknowledge(f"file-{name}")


def new_key(house: RunningHouse, number: int) -> None:
    if house.request("POST", "/freehold/v1/keys", {"name": f"k{number}"})[0] in {200, 201}:
        acknowledge(f"key-k{number}")


def write(home: Path) -> None:
    house = ForegroundHouse(home)
    running = house.start()

    def repeat(act: Any) -> None:
        for number in itertools.count():
            with contextlib.suppress(*WENT_WRONG):
                act(house, number)

    for act in (ask, upload, new_key):
        threading.Thread(target=repeat, args=(act,), daemon=True).start()
    running.wait()


def pages(house: RunningHouse, path: str, name: str, mark: str) -> Iterator[dict[str, Any]]:
    """Every item of a listing; `mark` is the query parameter that asks for the next page."""
    after: str | None = ""
    while after is not None:
        query = f"{mark}={after}&limit=200" if after else "limit=200"
        _, page = house.request("GET", f"{path}{'&' if '?' in path else '?'}{query}")
        yield from page[name]
        after = page.get("next") or None


def check(home: Path) -> None:
    house = ForegroundHouse(home)
    running = house.start()
    for chat in pages(house, "/freehold/v1/chats", "chats", "before"):
        for turn in house.request("GET", f"/freehold/v1/chats/{chat['id']}")[1]["turns"]:
            print(f"found turn-{turn['id']}")
            if turn["state"] in {"queued", "writing"}:
                print(f"problem the turn {turn['id']} is still {turn['state']}")
    for document in pages(house, "/freehold/v1/documents?collection=cut", "documents", "after"):
        print(f"found file-{document['file']}")
        status, kept = house.request("GET", f"/freehold/v1/documents/{document['id']}/file")
        if status != 200 or kept != content(document["file"]):
            print(f"problem the file {document['file']} is not what was sent ({status})")
    for key in house.request("GET", "/freehold/v1/keys")[1]["keys"]:
        print(f"found key-{key['name']}")
    running.terminate()
    if running.wait(30):
        print(f"problem the house ended with {running.returncode}")


if __name__ == "__main__":
    {"write": write, "check": check}[sys.argv[1]](Path(sys.argv[2]).resolve())
