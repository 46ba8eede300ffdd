"""Kill the house or any of its children at random, under load; nothing acknowledged is lost."""

import http.client
import json
import os
import random
import signal
import statistics
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from running import RunningHouse

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

BAD_LUCK = (OSError, http.client.HTTPException, ValueError, KeyError, TypeError)


class Load:
    """Asks and uploads without pause, and remembers what was acknowledged."""

    def __init__(self, house: RunningHouse) -> None:
        self.house = house
        self.turns: dict[str, tuple[str, str]] = {}
        self.files: dict[str, str] = {}
        self.keys: list[str] = []
        self.refused: list[tuple[int, object]] = []
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(act,), daemon=True)
            for act in (self._ask, self._upload, self._key)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, act: object) -> None:
        number = 0
        while not self._stop.is_set():
            number += 1
            try:
                act(number)  # type: ignore[operator]
            except BAD_LUCK:
                time.sleep(0.02)

    def _took(self, status: int, body: object) -> bool:
        if status >= 500 and status not in {502, 503, 507}:
            self.refused.append((status, body))
        return status in {200, 202}

    def _ask(self, number: int) -> None:
        status, chat = self.house.request("POST", "/freehold/v1/chats", {}, timeout_s=5)
        if not self._took(status, chat):
            return
        question = f"question {number} of {chat['id']}"
        body = {"text": question, "parent_id": None, "model": "", "client_id": f"c{number}"}
        path = f"/freehold/v1/chats/{chat['id']}/turns"
        status, turn = self.house.request("POST", path, body, timeout_s=5)
        if self._took(status, turn):
            self.turns[turn["id"]] = (chat["id"], question)

    def _upload(self, number: int) -> None:
        name = f"note-{number}-{random.randrange(10**9)}.txt"
        text = f"The marmalade number {name} is on shelf {number}."
        status, body = self.house.request(
            "PUT", f"/freehold/v1/collections/load/files/{name}", raw=text.encode(), timeout_s=5
        )
        if self._took(status, body):
            self.files[name] = text
        time.sleep(0.01)

    def _key(self, number: int) -> None:
        status, body = self.house.request(
            "POST", "/freehold/v1/keys", {"name": f"k{number}"}, timeout_s=5
        )
        if self._took(status, body):
            self.keys.append(body["key"])
        time.sleep(0.05)


def wait_well(house: RunningHouse, limit_s: float = 30) -> None:
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        try:
            status, body = house.request("GET", "/health", timeout_s=2)
            if status == 200 and body["status"] == "ok":
                return
        except BAD_LUCK:
            pass
        time.sleep(0.01)
    raise AssertionError("the house did not become well again")


def lost(house: RunningHouse, load: Load) -> list[str]:
    gone = []
    for turn_id, (chat_id, question) in load.turns.items():
        status, chat = house.request("GET", f"/freehold/v1/chats/{chat_id}")
        found = {t["id"]: t["question"] for t in chat["turns"]} if status == 200 else {}
        if found.get(turn_id) != question:
            gone.append(turn_id)
    listed = {d["file"]: d for d in documents(house)}
    gone += [name for name in load.files if name not in listed]
    admin = house.key
    for key in load.keys[-200:]:
        house.key = key
        if house.request("GET", "/freehold/v1/session")[0] != 200:
            gone.append(key[:10])
    house.key = admin
    return gone


def documents(house: RunningHouse) -> Iterator[dict[str, object]]:
    after = ""
    while after is not None:
        _, page = house.request(
            "GET", f"/freehold/v1/documents?collection=load&after={after}&limit=1000"
        )
        yield from page["documents"]
        after = page["next"]


def test_nothing_acknowledged_is_lost_to_a_hundred_kills(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    kills = int(request.config.getoption("--kills", 100) or 100)
    chance = random.Random(4747)
    house = RunningHouse(tmp_path / "home", "--lean").up()
    back_s: list[float] = []
    try:
        with Load(house) as load:
            for _ in range(kills):
                time.sleep(chance.uniform(0.05, 0.4))
                victims = [c["pid"] for c in house.data("status")["children"] if c["pid"]]
                victim = chance.choice([house.pid, *victims])
                start = time.monotonic()
                if victim == house.pid:
                    house.kill()
                    house.up()
                else:
                    os.kill(victim, signal.SIGKILL)
                wait_well(house)
                back_s.append(time.monotonic() - start)
        wait_well(house)
        gone = lost(house, load)
        counts = {"turns": len(load.turns), "files": len(load.files), "keys": len(load.keys)}
        p95 = statistics.quantiles(back_s, n=20)[-1] if len(back_s) > 1 else back_s[0]
        report = {"kills": kills, "acknowledged": counts, "lost": len(gone), "back_p95_s": p95}
        print("\n" + json.dumps(report))
        assert gone == []
        assert not load.refused, load.refused[:3]
        assert min(counts.values()) > 0
    finally:
        house.down()
