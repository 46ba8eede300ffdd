"""What the power-cut rig runs on its disk: database, blobs and bus, through their public doors.

Usage: power_cut_store.py write HOME      writes for ever, prints `ack ID`
       power_cut_store.py check HOME      prints `found ID` and `problem TEXT`
       power_cut_store.py careless HOME   as `write`, without syncing: the rig must see the loss
"""

import asyncio
import hashlib
import io
import itertools
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import apsw
import msgspec

from freehold.core.clock import SystemClock
from freehold.core.log import Log
from freehold.core.units import Bytes
from freehold.runtime.bus.bus import Bus
from freehold.runtime.bus.connection import Connection
from freehold.runtime.store.blobs import Blobs
from freehold.runtime.store.database import Database
from freehold.runtime.supervise.supervisor import Supervisor
from freehold.spec.home import Home

SCHEMA = "CREATE TABLE t(id TEXT PRIMARY KEY, body BLOB NOT NULL);"
LOG = Log("power cut", io.StringIO())
CLOCK = SystemClock()


class Turn(msgspec.Struct):
    id: str


def acknowledge(name: str) -> None:
    os.write(1, f"ack {name}\n".encode())


def package(home: Home) -> str:
    folder = home.root / "power_cut_steps"
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    (folder / "0001_first.sql").write_text(SCHEMA)
    sys.path.insert(0, str(home.root))
    return folder.name


async def open_database(home: Home) -> Database:
    path = home.db / "house.sqlite"
    return await Database.open(path, package(home), backups=home.backups, log=LOG)


async def write_rows(database: Database, writer: int) -> None:
    for number in itertools.count():
        name = f"row-{writer}-{number}"
        body = hashlib.sha256(name.encode()).digest() * 40

        def work(connection: apsw.Connection, name: str = name, body: bytes = body) -> None:
            connection.execute("INSERT INTO t VALUES (?, ?)", (name, body))

        await database.write(work)
        acknowledge(name)
        if writer >= 8:
            await asyncio.sleep(0.01)


async def write_turns(bus: Bus) -> None:
    for number in itertools.count():
        await bus.publish_turn("asked", Turn(id=f"turn-{number}"))
        acknowledge(f"turn-{number}")


async def write_blobs(blobs: Blobs) -> None:
    for number in itertools.count():

        async def content(number: int = number) -> AsyncIterator[bytes]:
            yield b"%d" % number * 10_000

        blob = await blobs.put(content(), Bytes(1_000_000))
        acknowledge(f"blob-{blob.sha256}")
        await asyncio.sleep(0.02)


async def write(home: Home) -> None:
    home.create()
    database = await open_database(home)
    async with Supervisor(clock=CLOCK, log=LOG) as supervisor:
        bus = await Bus.start(home, supervisor, CLOCK, LOG)
        async with asyncio.TaskGroup() as group:
            for writer in range(10):
                group.create_task(write_rows(database, writer))
            group.create_task(write_turns(bus))
            group.create_task(write_blobs(Blobs(home.blobs)))


async def careless(home: Home) -> None:
    home.create()
    with (home.root / "notes").open("ab", buffering=0) as file:
        for number in itertools.count():
            file.write(b"found note-%d\n" % number)
            acknowledge(f"note-{number}")
            await asyncio.sleep(0.005)


async def check(home: Home) -> None:
    if (home.root / "notes").exists() or not (home.db / "house.sqlite").exists():
        notes = home.root / "notes"
        print(notes.read_text("utf-8", "replace") if notes.exists() else "", end="")
        return
    await check_rows(home)
    await check_turns(home)
    for path in home.blobs.glob("??/*"):
        if hashlib.sha256(path.read_bytes()).hexdigest() == path.parent.name + path.name:
            print(f"found blob-{path.parent.name}{path.name}")
        else:
            print(f"problem the blob {path.name} is not what its name says")


async def check_rows(home: Home) -> None:
    database = await open_database(home)
    found = await database.read(lambda c: c.execute("SELECT id, body FROM t").fetchall())
    for name, body in found:
        if body == hashlib.sha256(str(name).encode()).digest() * 40:
            print(f"found {name}")
        else:
            print(f"problem the row {name} holds something else")
    checked = await database.read(lambda c: c.execute("PRAGMA integrity_check").fetchall())
    if checked != [("ok",)]:
        print(f"problem integrity_check says {checked}")
    await database.write(lambda c: c.execute("INSERT INTO t VALUES ('after the cut', x'00')"))
    await database.close()


async def check_turns(home: Home) -> None:
    async with Supervisor(clock=CLOCK, log=LOG) as supervisor:
        bus = await Bus.start(home, supervisor, CLOCK, LOG)
        messages: asyncio.Queue[bytes] = asyncio.Queue()
        asking = await Connection.make(bus._server.port, bus._server.token, 2**24)
        info = msgspec.json.decode(await asking.ask("$JS.API.STREAM.INFO.TURNS", b""))
        _, inbox = asking.subscribe(messages.put_nowait)
        config = {"deliver_subject": inbox, "deliver_policy": "all", "ack_policy": "none"}
        question = msgspec.json.encode({"stream_name": "TURNS", "config": config})
        await asking.ask("$JS.API.CONSUMER.CREATE.TURNS", question)
        for _ in range(info["state"]["messages"]):
            turn = msgspec.msgpack.decode(await messages.get(), type=Turn)
            print(f"found {turn.id}")
        asking.close()
        await bus.publish_turn("asked", Turn(id="after the cut"))
        await bus.close()


if __name__ == "__main__":
    verbs = {"write": write, "check": check, "careless": careless}
    asyncio.run(verbs[sys.argv[1]](Home(Path(sys.argv[2]).resolve())))
