"""A real nats-server, killed under load: turns are kept, tokens come again, readers go on."""

import asyncio
import io
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from freehold.core.clock import SystemClock
from freehold.core.errors import BusFailed, DiskFull, FreeholdError, TooLarge
from freehold.core.log import Log
from freehold.runtime.bus.bus import Bus, TurnEvent
from freehold.runtime.bus.connection import Connection
from freehold.runtime.bus.server import config, find_server
from freehold.runtime.supervise.supervisor import Supervisor
from freehold.spec.home import Home

LOG = Log("test", io.StringIO())
CLOCK = SystemClock()
DEADLINE_S = 30.0


class Turn(msgspec.Struct):
    id: str


def event(n: int, turn_id: str = "turn_a", data: bytes = b'{"t":"x"}') -> TurnEvent:
    return TurnEvent(turn_id=turn_id, n=n, type="text", data=msgspec.Raw(data))


@pytest.fixture
async def supervisor() -> AsyncIterator[Supervisor]:
    async with Supervisor(clock=CLOCK, log=LOG) as made:
        yield made


@pytest.fixture
async def bus(home: Home, supervisor: Supervisor) -> AsyncIterator[Bus]:
    made = await Bus.start(home, supervisor, CLOCK, LOG)
    yield made
    await made.close()


def kill(supervisor: Supervisor) -> None:
    [server] = supervisor.children()
    os.kill(server.pid, signal.SIGKILL)


async def back(bus: Bus, supervisor: Supervisor, restarts: int) -> None:
    """Wait until the bus is connected to a server that was started `restarts` times again."""
    async with asyncio.timeout(DEADLINE_S):
        while supervisor.children()[0].restarts < restarts or not bus.connected:
            await asyncio.sleep(0.005)


async def read(bus: Bus, last: int, after: int = 0, turn_id: str = "turn_a") -> list[int]:
    """Follow a turn up to its last event."""
    seen: list[int] = []
    async with asyncio.timeout(DEADLINE_S), bus.follow(turn_id, after) as events:
        async for item in events:
            assert item.turn_id == turn_id
            seen.append(item.n)
            if item.n >= last:
                break
    return seen


async def stored_turns(bus: Bus) -> list[str]:
    """Everything the stream on disk holds, in order."""
    messages: asyncio.Queue[bytes] = asyncio.Queue()
    asking = await Connection.make(bus._server.port, bus._server.token, 2**24)
    info = msgspec.json.decode(await asking.ask("$JS.API.STREAM.INFO.TURNS", b""))
    _, inbox = asking.subscribe(messages.put_nowait)
    options = {"deliver_subject": inbox, "deliver_policy": "all", "ack_policy": "none"}
    question = msgspec.json.encode({"stream_name": "TURNS", "config": options})
    await asking.ask("$JS.API.CONSUMER.CREATE.TURNS", question)
    async with asyncio.timeout(DEADLINE_S):
        found = [await messages.get() for _ in range(info["state"]["messages"])]
    asking.close()
    return [msgspec.msgpack.decode(payload, type=Turn).id for payload in found]


def test_the_configuration_passes_the_servers_own_check(home: Home) -> None:
    place = home.run / "nats.conf"
    place.write_text(config(home, "a-token"))
    checked = subprocess.run(
        [str(find_server()), "-c", str(place), "-t"], check=False, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr


async def test_the_server_listens_on_loopback_and_asks_for_its_token(
    bus: Bus, supervisor: Supervisor, home: Home
) -> None:
    with pytest.raises(BusFailed):
        await Connection.make(bus._server.port, "wrong", 2**20)
    [server] = supervisor.children()
    inodes = {str(link.readlink()) for link in Path(f"/proc/{server.pid}/fd").iterdir()}
    lines = Path(f"/proc/{server.pid}/net/tcp").read_text().splitlines()[1:]
    lines += Path(f"/proc/{server.pid}/net/tcp6").read_text().splitlines()[1:]
    listening = [
        line.split()[1].partition(":")[0]
        for line in lines
        if line.split()[3] == "0A" and f"socket:[{line.split()[9]}]" in inodes
    ]
    assert listening == ["0100007F"]
    assert (home.run / "nats.conf").stat().st_mode & 0o077 == 0
    arguments = Path(f"/proc/{server.pid}/cmdline").read_bytes()
    assert bus._server.token.encode() not in arguments


async def test_a_reader_gets_what_there_was_and_then_what_comes(bus: Bus) -> None:
    await bus.publish([event(n) for n in range(1, 101)])
    reading = asyncio.create_task(read(bus, 200))
    late = asyncio.create_task(read(bus, 200, after=150))
    other = asyncio.create_task(read(bus, 3, turn_id="turn_b"))
    for n in range(101, 201):
        await bus.publish([event(n)])
    await bus.publish([event(n, "turn_b") for n in (1, 2, 3)])
    assert await reading == list(range(1, 201))
    assert await late == list(range(151, 201))
    assert await other == [1, 2, 3]


async def test_a_reader_that_comes_late_gets_everything(bus: Bus) -> None:
    await bus.publish([event(n) for n in range(1, 5001)])
    assert await read(bus, 5000) == list(range(1, 5001))


async def test_large_events_travel_and_too_large_ones_are_refused(bus: Bus) -> None:
    large = b'{"t":"' + b"x" * 3_000_000 + b'"}'
    await bus.publish([event(1, data=large), event(2, data=large), event(3)])
    assert await read(bus, 3) == [1, 2, 3]
    with pytest.raises(TooLarge):
        await bus.publish([event(4, data=b'"' + b"x" * 9_000_000 + b'"')])
    await bus.publish([event(4)])
    assert await read(bus, 4, after=3) == [4]


async def test_turns_are_kept_over_a_restart_of_the_house(home: Home) -> None:
    for part in ("first", "second"):
        async with Supervisor(clock=CLOCK, log=LOG) as supervisor:
            bus = await Bus.start(home, supervisor, CLOCK, LOG)
            for number in range(20):
                await bus.publish_turn("asked", Turn(id=f"{part} {number}"))
            found = await stored_turns(bus)
            await bus.close()
    assert found == [f"{part} {number}" for part in ("first", "second") for number in range(20)]


@pytest.mark.slow
async def test_no_turn_is_lost_or_doubled_when_the_server_is_killed_under_load(
    bus: Bus, supervisor: Supervisor
) -> None:
    acknowledged: list[str] = []
    stop = asyncio.Event()

    async def publish(writer: int) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            await bus.publish_turn("finished", Turn(id=f"{writer} {number}"))
            acknowledged.append(f"{writer} {number}")

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        for writer in range(8):
            group.create_task(publish(writer))
        for restarts in range(1, 4):
            enough = len(acknowledged) + 200
            while len(acknowledged) < enough:
                await asyncio.sleep(0.005)
            kill(supervisor)
            await back(bus, supervisor, restarts)
        stop.set()
    found = await stored_turns(bus)
    assert len(found) == len(set(found))
    assert set(found) == set(acknowledged)


@pytest.mark.slow
async def test_readers_go_on_without_gap_or_double_when_the_server_is_killed(
    bus: Bus, supervisor: Supervisor
) -> None:
    written: list[TurnEvent] = []

    async def again() -> None:
        await bus.publish(written)

    bus.on_reconnect(again)
    last = 3000

    async def write() -> None:
        for n in range(1, last + 1):
            written.append(event(n))
            try:
                await bus.publish(written[-1:])
            except BusFailed:
                await asyncio.sleep(0.01)

    async def kill_twice() -> None:
        for restarts, place in ((1, last // 4), (2, last // 2)):
            while len(written) < place:
                await asyncio.sleep(0.001)
            kill(supervisor)
            await back(bus, supervisor, restarts)

    async with asyncio.timeout(60), asyncio.TaskGroup() as group:
        group.create_task(write())
        readers = [group.create_task(read(bus, last, after)) for after in (0, 5, 1000)]
        group.create_task(kill_twice())
    for reader, after in zip(readers, (0, 5, 1000), strict=True):
        assert reader.result() == list(range(after + 1, last + 1))
    assert await read(bus, last) == list(range(1, last + 1))


async def test_while_the_bus_is_away_publishing_says_so_and_a_turn_waits(
    bus: Bus, supervisor: Supervisor
) -> None:
    kill(supervisor)
    async with asyncio.timeout(DEADLINE_S):
        while bus.connected:
            await asyncio.sleep(0.001)
    with pytest.raises(BusFailed):
        await bus.publish([event(1)])
    await bus.publish_turn("asked", Turn(id="patient"))
    assert bus.connected
    assert await stored_turns(bus) == ["patient"]


async def test_a_reader_of_events_that_are_gone_is_told(
    bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.runtime.bus.follow._GAP_S", 0.1)
    await bus.publish([event(7)])
    with pytest.raises(BusFailed, match="the event after number 0"):
        await read(bus, 7)


async def test_a_reader_that_leaves_is_forgotten_by_the_server(bus: Bus) -> None:
    await bus.publish([event(1)])
    for _ in range(5):
        await read(bus, 1)
    asking = await Connection.make(bus._server.port, bus._server.token, 2**24)
    info = msgspec.json.decode(await asking.ask("$JS.API.STREAM.INFO.TOKENS", b""))
    asking.close()
    assert info["state"]["consumer_count"] == 0


async def test_a_hook_that_fails_does_not_keep_the_bus_away(
    bus: Bus, supervisor: Supervisor
) -> None:
    async def broken() -> None:
        raise BusFailed("on purpose")

    bus.on_reconnect(broken)
    kill(supervisor)
    await back(bus, supervisor, 1)
    await bus.publish([event(1)])


@pytest.mark.root
async def test_a_full_disk_is_said_and_the_bus_comes_back(
    tmp_path: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("freehold.runtime.bus.connection._ANSWER_S", 0.5)
    place = tmp_path / "small"
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(place)], check=True)
    try:
        home = Home(place / "home")
        home.create()
        bus = await Bus.start(home, supervisor, CLOCK, LOG)
        acknowledged: list[str] = []

        async def fill() -> None:
            for number in range(200):
                name = f"{number} " + "x" * 50_000
                await bus.publish_turn("asked", Turn(id=name))
                acknowledged.append(name)

        with pytest.raises(DiskFull):
            await fill()
        subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)
        async with asyncio.timeout(DEADLINE_S):
            while True:
                try:
                    await bus.publish_turn("asked", Turn(id="it goes on"))
                    break
                except FreeholdError:
                    await asyncio.sleep(0.05)
        found = await stored_turns(bus)
        await bus.close()
        await supervisor.stop("nats")
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)
    assert acknowledged
    assert set(acknowledged) <= set(found)
    assert found[-1] == "it goes on"
