"""What an acknowledgement costs: database and bus beside the disk's own pace.

Run it with `scripts/bench store`; the README beside it says what is asked and how.
"""

import asyncio
import io
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / "src"))

import apsw  # noqa: E402
import msgspec  # noqa: E402
import uvloop  # noqa: E402

from freehold.core.clock import SystemClock  # noqa: E402
from freehold.core.errors import BusFailed  # noqa: E402
from freehold.core.log import Log  # noqa: E402
from freehold.runtime.bus.bus import Bus, TurnEvent  # noqa: E402
from freehold.runtime.store.connection import open_writer  # noqa: E402
from freehold.runtime.store.database import Database  # noqa: E402
from freehold.runtime.supervise.supervisor import Supervisor  # noqa: E402
from freehold.spec.home import Home  # noqa: E402

RESULTS = Path(__file__).parent / "results"
ROUNDS = 5
ROUND_S = 1.5
CROWDS = (1, 8, 32, 128)
KILLS = 20
holding: list[apsw.Connection] = []
"""Open connections that keep the floor's logs from being removed between rounds."""
BODY = "x" * 300
SCHEMA = "CREATE TABLE t(id INTEGER PRIMARY KEY, x TEXT NOT NULL);"
LOG = Log("bench", io.StringIO())
CLOCK = SystemClock()


class Turn(msgspec.Struct):
    id: str


def insert(connection: apsw.Connection) -> None:
    connection.execute("INSERT INTO t(x) VALUES (?)", (BODY,))


def floor(folder: Path, group: int) -> tuple[float, list[float]]:
    """Rows a second of a thread that only inserts and commits; and how long each commit took."""
    took: list[float] = []
    connection = open_writer(folder / "floor.sqlite")
    connection.execute(SCHEMA.replace("TABLE", "TABLE IF NOT EXISTS"))
    connection.wal_autocheckpoint(1000)
    other = apsw.Connection(str(folder / "floor.sqlite"))
    other.execute("SELECT count(*) FROM sqlite_master").fetchall()
    rows, start = 0, time.perf_counter()
    while (begun := time.perf_counter()) - start < ROUND_S:
        connection.execute("BEGIN IMMEDIATE")
        for _ in range(group):
            insert(connection)
        connection.execute("COMMIT")
        rows += group
        took.append(time.perf_counter() - begun)
    rate = rows / (time.perf_counter() - start)
    connection.close()
    holding.append(other)
    return rate, took


def sync_floor(folder: Path) -> float:
    """How often a second the disk syncs four kilobytes appended to a file."""
    count, start = 0, time.perf_counter()
    with (folder / "synced").open("ab", buffering=0) as file:
        while time.perf_counter() - start < ROUND_S:
            file.write(b"x" * 4096)
            os.fdatasync(file.fileno())
            count += 1
    return count / (time.perf_counter() - start)


async def crowd(act: Callable[[], Awaitable[object]], writers: int) -> tuple[float, list[float]]:
    """Acts a second by so many writers at once, and how long each act took in seconds."""
    took: list[float] = []
    ends = time.perf_counter() + ROUND_S

    async def write() -> None:
        while (begun := time.perf_counter()) < ends:
            await act()
            took.append(time.perf_counter() - begun)

    start = time.perf_counter()
    await asyncio.gather(*(write() for _ in range(writers)))
    return len(took) / (time.perf_counter() - start), took


def at(times: list[float], share: float) -> float:
    """A percentile, in milliseconds."""
    return round(sorted(times)[int(share * (len(times) - 1))] * 1000, 2)


async def measure_database(folder: Path) -> dict[str, object]:
    package = folder / "bench_steps"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "0001_first.sql").write_text(SCHEMA)
    sys.path.insert(0, str(folder))
    path = folder / "db" / "bench.sqlite"
    database = await Database.open(path, package.name, backups=folder / "backups", log=LOG)
    rates: dict[str, list[float]] = {f"floor {n}": [] for n in CROWDS}
    rates |= {f"store {n}": [] for n in CROWDS} | {"sync": []}
    times: dict[int, list[float]] = {n: [] for n in CROWDS}
    bare: list[float] = []
    for _ in range(ROUNDS):
        rates["sync"].append(sync_floor(folder))
        for writers in CROWDS:
            rate, took = floor(folder, writers)
            rates[f"floor {writers}"].append(rate)
            bare += took if writers == 1 else []
            rate, took = await crowd(lambda: database.write(insert), writers)
            rates[f"store {writers}"].append(rate)
            times[writers] += took
    await database.close()
    return {
        "bare_ms": {"p50": at(bare, 0.5), "p99": at(bare, 0.99)},
        "rates": {name: [round(rate, 1) for rate in each] for name, each in rates.items()},
        "ms": {n: {"p50": at(t, 0.5), "p99": at(t, 0.99)} for n, t in times.items()},
    }


def pss_mib(pid: int) -> float:
    """Memory of a process, shared pages by their share."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8")
    [line] = [line for line in text.splitlines() if line.startswith("Pss:")]
    return int(line.split()[1]) / 1024


async def until(condition: Callable[[], bool]) -> None:
    while not condition():
        await asyncio.sleep(0.002)


async def measure_kills(bus: Bus, supervisor: Supervisor) -> list[float]:
    """Seconds from a `kill -9` of the server to the next acknowledged turn.

    Six seconds of service lie between two kills: a child that is killed more often than it gets
    steady waits longer each time, on purpose.
    """
    away: list[float] = []
    for _ in range(KILLS):
        await asyncio.sleep(6.0)
        [server] = supervisor.children()
        start = time.perf_counter()
        os.kill(server.pid, signal.SIGKILL)
        await until(lambda: not bus.connected)
        await bus.publish_turn("asked", Turn(id="back"))
        away.append(time.perf_counter() - start)
    return away


async def measure_bus(folder: Path) -> dict[str, object]:
    home = Home(folder / "home")
    home.create()
    starts: list[float] = []
    for _ in range(ROUNDS):
        async with Supervisor(clock=CLOCK, log=LOG) as supervisor:
            begun = time.perf_counter()
            bus = await Bus.start(home, supervisor, CLOCK, LOG)
            starts.append(time.perf_counter() - begun)
            await bus.close()
    async with Supervisor(clock=CLOCK, log=LOG) as supervisor:
        bus = await Bus.start(home, supervisor, CLOCK, LOG)
        await asyncio.sleep(1)
        idle = pss_mib(supervisor.children()[0].pid)
        events = [
            TurnEvent(turn_id="turn_a", n=n, type="text", data=msgspec.Raw(b'{"t":"hello "}'))
            for n in range(1, 8001)
        ]
        begun = time.perf_counter()
        await bus.publish(events)
        async with bus.follow("turn_a", 0) as following:
            async for event in following:
                if event.n == len(events):
                    break
        replay_s = time.perf_counter() - begun
        one, one_took = await crowd(lambda: bus.publish_turn("asked", Turn(id="a")), 1)
        many, many_took = await crowd(lambda: bus.publish_turn("asked", Turn(id="a")), 32)
        busy = pss_mib(supervisor.children()[0].pid)
        try:
            away = await measure_kills(bus, supervisor)
        except BusFailed as error:
            sys.exit(f"the bus did not come back: {error}")
        await bus.close()
    return {
        "start_s": [round(each, 3) for each in starts],
        "idle_mib": round(idle, 1),
        "busy_mib": round(busy, 1),
        "replay_8000_s": round(replay_s, 3),
        "turns_per_s": {"1": round(one, 1), "32": round(many, 1)},
        "turn_ms_p99": {"1": at(one_took, 0.99), "32": at(many_took, 0.99)},
        "away_s": [round(each, 3) for each in away],
    }


def table(database: dict, bus: dict) -> list[tuple[str, str, str]]:  # type: ignore[type-arg]
    rates = {name: statistics.median(each) for name, each in database["rates"].items()}
    lines = [("syncs of 4 kB the disk does in a second", f"{rates['sync']:,.0f}", "")]
    for writers in CROWDS:
        share = rates[f"store {writers}"] / rates[f"floor {writers}"]
        ms = database["ms"][writers]
        lines += [
            (f"rows/s, bare, {writers} to a commit", f"{rates[f'floor {writers}']:,.0f}", ""),
            (
                f"rows/s, store, {writers} writers",
                f"{rates[f'store {writers}']:,.0f} ({share:.0%})",
                "at least 50 %" if writers == CROWDS[-1] else "",
            ),
            ("    p50, p99", f"{ms['p50']:.2f}, {ms['p99']:.1f} ms", ""),
        ]
        if writers == 1:
            over = ms["p50"] - database["bare_ms"]["p50"]
            lines.append(("    p50 above the bare commit", f"{over:.2f} ms", "0.3 ms"))
    away = sorted(bus["away_s"])
    p95 = away[int(0.95 * (len(away) - 1))]
    return [
        *lines,
        ("bus: start to first use", f"{statistics.median(bus['start_s']):.3f} s", "0.3 s"),
        ("bus: memory of the server, idle", f"{bus['idle_mib']:.1f} MiB", "20 MiB"),
        ("bus: turns/s on disk, 1 writer", f"{bus['turns_per_s']['1']:,.0f}", ""),
        ("bus: turns/s on disk, 32 writers", f"{bus['turns_per_s']['32']:,.0f}", ""),
        ("bus: 8,000 events published and replayed", f"{bus['replay_8000_s']:.2f} s", ""),
        (f"bus: back after kill -9, p50 of {len(away)}", f"{statistics.median(away):.2f} s", ""),
        (f"bus: back after kill -9, p95 of {len(away)}", f"{p95:.2f} s", "3 s"),
    ]


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            database = runner.run(measure_database(folder))
            bus = runner.run(measure_bus(folder))
    print(f"{'':<45} {'measured':>20}   bar")
    for what, measured, bar in table(database, bus):
        print(f"{what:<45} {measured:>20}   {bar}")
    RESULTS.mkdir(exist_ok=True)
    date = time.strftime("%Y-%m-%d")
    record = {
        "date": date,
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "database": database,
        "bus": bus,
    }
    path = RESULTS / f"{date}-{platform.machine()}-{os.cpu_count()}cores.json"
    path.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
