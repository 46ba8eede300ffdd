"""What the house itself costs: start, memory, and the time it adds to a completion.

Run it with `scripts/bench house`; the README beside it says what is asked and how.
"""

import asyncio
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests")]

from freehold.runtime.outbound.client import Client  # noqa: E402
from running import DEMO, RunningHouse  # noqa: E402

RESULTS = Path(__file__).parent / "results"
PROMPT = {
    "model": "freehold-tiny-q8_0",
    "messages": [{"role": "user", "content": "What is the capital of Norvania?"}],
    "temperature": 0,
    "max_tokens": 16,
}


def help_s() -> list[float]:
    """Wall seconds of `./freehold --help`, 20 warm runs."""
    times = []
    for run in range(21):
        start = time.perf_counter()
        subprocess.run([ROOT / "freehold", "--help"], stdout=subprocess.DEVNULL, check=True)
        if run:
            times.append(time.perf_counter() - start)
    return times


def ready_s(folder: Path) -> tuple[list[float], list[float]]:
    """Seconds to ready, as the house says and as the shell waits, over 5 warm starts."""
    said, waited = [], []
    for run in range(6):
        house = RunningHouse(folder / "ready", "--lean")
        start = time.perf_counter()
        house.up()
        if run:
            waited.append(time.perf_counter() - start)
            said.append(house.ready_s)
        house.down()
    return said, waited


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    below: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        below.setdefault(parent, []).append(int(stat.parent.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += below.get(one, [])
    return found


def pss_mib(pid: int) -> dict[str, float]:
    """Proportional set size of each process of the house, MiB."""
    sizes = {}
    for one in tree(pid):
        try:
            lines = Path(f"/proc/{one}/smaps_rollup").read_text("utf-8").splitlines()
            words = Path(f"/proc/{one}/comm").read_text("utf-8").strip()
        except OSError:
            continue
        pss = next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        sizes[f"{one} {words}"] = round(pss / 1024, 1)
    return sizes


def idle_mib(folder: Path) -> dict[str, Any]:
    """Memory of a house that has documents, meaning, and nothing to do."""
    house = RunningHouse(folder / "idle").up()
    try:
        house.data("docs", "add", str(DEMO / "documents"), timeout_s=120)
        meaning: dict[str, Any] = {}
        deadline = time.monotonic() + 180
        while time.monotonic() < deadline:
            meaning = house.request("GET", "/freehold/v1/collections")[1]["meaning"]
            if meaning["state"] in {"on", "unavailable", "off"}:
                break
            time.sleep(1)
        house.data("docs", "search", "a place to keep boats")
        awake = pss_mib(house.pid)
        time.sleep(90)  # longer than the embedding child stays awake
        asleep = pss_mib(house.pid)
        return {"meaning": meaning, "awake_mib": awake, "asleep_mib": asleep}
    finally:
        house.down()


async def overhead_ms(folder: Path) -> dict[str, list[float]]:
    """The same completion of the same llama-server, asked directly and through the house, in turn.

    The server is one that the house adopts on its usual port, so that both go to one process.
    """
    server = subprocess.Popen(
        [sys.executable, "-c", SERVER, str(DEMO / "freehold-tiny-q8_0.gguf")],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    address = server.stdout.readline().strip()
    house = RunningHouse(folder / "overhead", "--lean").up()
    try:
        models = house.data("models", "ls")["models"]
        adopted = next(m["name"] for m in models if m["engine"].startswith("llama"))
        ways = {
            "direct": (address, "x", str(PROMPT["model"])),
            "house": (house.url, house.key, adopted),
        }
        return await timed_in_turn(ways)
    finally:
        house.down()
        server.kill()
        server.wait()


async def timed_in_turn(ways: dict[str, tuple[str, str, str]]) -> dict[str, list[float]]:
    """Milliseconds of 300 completions each way, after 20 that do not count."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    async with Client() as client:
        for run in range(320):
            order = list(ways) if run % 2 else list(reversed(ways))
            for way in order:
                url, key, model = ways[way]
                body = json.dumps({**PROMPT, "model": model}).encode()
                headers = (
                    ("authorization", f"Bearer {key}"),
                    ("content-type", "application/json"),
                )
                start = time.perf_counter()
                reply = await client.request(
                    "POST", f"{url}/v1/chat/completions", headers=headers, body=body
                )
                took = (time.perf_counter() - start) * 1000
                assert reply.status == 200, reply.body
                if run >= 20:
                    times[way].append(took)
    return times


SERVER = """
import sys
import xllamacpp as x
p = x.CommonParams()
p.model.path = sys.argv[1]
p.n_ctx = 4096; p.n_parallel = 2; p.cpuparams.n_threads = 1
p.hostnames = ["127.0.0.1"]; p.port = 8080; p.ui = False; p.verbosity = 0
s = x.Server(p)
print(s.listening_address, flush=True)
sys.stdin.read()
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        help_times = help_s()
        said, waited = ready_s(folder)
        times = asyncio.run(overhead_ms(folder))
        idle = idle_mib(folder)
    added = statistics.median(times["house"]) - statistics.median(times["direct"])
    asleep = sum(idle["asleep_mib"].values())
    rows = [
        ("freehold --help, median of 20", f"{statistics.median(help_times):.3f} s", "<= 0.15 s"),
        ("ready after a warm up, as it says", f"{statistics.median(said):.2f} s", "<= 2 s"),
        ("… as the shell waits", f"{statistics.median(waited):.2f} s", ""),
        (
            f"idle, meaning {idle['meaning'].get('state')}, asleep",
            f"{asleep:.0f} MiB",
            "<= 200 MiB",
        ),
        ("added to a completion, p50", f"{added:.2f} ms", "<= 2 ms"),
        ("… direct p50", f"{statistics.median(times['direct']):.2f} ms", ""),
    ]
    for what, measured, bar in rows:
        print(f"{what:<45} {measured:>12}   {bar}")
    RESULTS.mkdir(exist_ok=True)
    stamp = time.strftime("%Y-%m-%d")
    python = platform.python_version()
    record = {
        "date": stamp,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {python}",
        "help_s": help_times,
        "ready_said_s": said,
        "ready_waited_s": waited,
        "idle": idle,
        "completion_ms": times,
    }
    (RESULTS / f"{stamp}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
