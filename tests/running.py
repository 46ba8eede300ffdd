"""A real house in a process of its own, as a person starts it."""

import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DEMO = ROOT / "src" / "freehold" / "catalog" / "demo"


class RunningHouse:
    """A house that was started with `freehold up`, and ways to talk to it."""

    def __init__(self, home: Path, *flags: str) -> None:
        self.home = home
        self.flags = flags
        self.url = ""
        self.pid = 0
        self.key = ""
        self.ready_s = 0.0

    def environment(self) -> dict[str, str]:
        """A new user's: an empty home, nothing of this machine's settings."""
        kept = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        return {**kept, "HOME": str(self.home.parent), "PYTHONPATH": str(ROOT / "src")}

    def cli(self, *words: str, timeout_s: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "freehold", "--home", str(self.home), *words],
            env=self.environment(), capture_output=True, text=True, timeout=timeout_s, check=False,
        )  # fmt: skip

    def data(self, *words: str, timeout_s: float = 60) -> Any:
        """The `data` of a command's `--json` envelope."""
        done = self.cli("--json", *words, timeout_s=timeout_s)
        envelope = json.loads(done.stdout)
        assert envelope["ok"], (envelope, done.stderr)
        return envelope["data"]

    def up(self) -> "RunningHouse":
        token = self.home.with_suffix(".key")
        data = self.data(
            "up", "--detach", "--headless", "--admin-token-file", str(token), "--port", "0",
            *self.flags,
        )  # fmt: skip
        self.url, self.pid, self.ready_s = data["url"], data["pid"], data["ready_s"]
        self.key = token.read_text().strip()
        return self

    def down(self) -> None:
        self.cli("down")

    def kill(self, number: int = signal.SIGKILL) -> None:
        os.kill(self.pid, number)
        deadline = time.monotonic() + 10
        while Path(f"/proc/{self.pid}").exists() and time.monotonic() < deadline:
            if Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                break
            time.sleep(0.01)

    def request(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None,
        headers: dict[str, str] | None = None, timeout_s: float = 30,
    ) -> tuple[int, Any]:  # fmt: skip
        """One request with the admin's key; the status, and the body as JSON where it is."""
        data = raw if raw is not None else (None if body is None else json.dumps(body).encode())
        sent = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(
            self.url + path, data=data, method=method, headers={**sent, **(headers or {})}
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as reply:
                status, content = reply.status, reply.read()
        except urllib.error.HTTPError as error:
            status, content = error.code, error.read()
        try:
            return status, json.loads(content)
        except ValueError:
            return status, content

    def events(self, path: str, *, timeout_s: float = 30) -> Iterator[tuple[int, str, Any]]:
        """Server-sent events: number, type, data."""
        request = urllib.request.Request(
            self.url + path, headers={"Authorization": f"Bearer {self.key}"}
        )
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:
            event: dict[str, str] = {}
            for line in reply:
                text = line.decode().rstrip("\n")
                if not text and event:
                    yield int(event.get("id", 0)), event["event"], json.loads(event["data"])
                    event = {}
                elif text and not text.startswith(":"):
                    name, _, value = text.partition(": ")
                    event[name] = value
