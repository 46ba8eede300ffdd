"""The shelf: models added, pulled, adopted, served and lent, each under one name."""

import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from fakes.hub import FakeHub
from freehold.core.clock import ManualClock
from freehold.core.errors import BadRequest, Conflict, ModelUnknown
from freehold.core.log import Log
from freehold.runtime.calls import Model
from freehold.runtime.engines.contract import Workshop
from freehold.runtime.engines.llama_server import LlamaServer
from freehold.runtime.models.shelf import READING_ROOM, Shelf
from freehold.runtime.outbound.client import Client
from freehold.runtime.store.database import Database
from freehold.runtime.supervise.supervisor import Supervisor
from freehold.spec.environment import Environment
from freehold.spec.home import Home
from freehold.spec.model.models import Models
from freehold.spec.model.spec import Spec
from freehold.spec.up import UpOptions

TINY = Path(__file__).parents[2] / "src/freehold/catalog/demo/freehold-tiny-q8_0.gguf"


class Server:
    """An engine that finds what a test says runs."""

    def __init__(self) -> None:
        self.running: tuple[Model, ...] = ()

    async def find(self) -> tuple[Model, ...]:
        return self.running


class Place:
    def __init__(
        self, shelf: Shelf, engine: LlamaServer, server: Server, clock: ManualClock
    ) -> None:
        self.shelf, self.engine, self.server, self.clock = shelf, engine, server, clock

    async def names(self) -> list[str]:
        return [model.name for model in await self.shelf.models()]


@pytest.fixture(autouse=True)
def no_service_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("freehold.spec.caches.SYSTEM_OLLAMA", ())


@pytest.fixture
def options(home: Home, environment: Environment) -> UpOptions:
    spec = Spec(models=Models())
    return UpOptions(
        home=home, environment=environment, spec=spec, bind="127.0.0.1", port=0, lean=True
    )


@asynccontextmanager
async def place(options: UpOptions) -> AsyncIterator[Place]:
    clock, home = ManualClock(), options.home
    with (home.root / "test.log").open("a") as out:
        log = Log("test", out)
        async with Client() as client, Supervisor(clock=clock, log=log) as supervisor:
            workshop = Workshop(
                client=client, supervisor=supervisor, clock=clock, log=log, threads=1
            )
            database = await Database.open(
                home.db / "house.sqlite",
                "freehold.runtime.store.house",
                backups=home.backups,
                log=log,
            )
            engine, server = LlamaServer(workshop), Server()
            engines = {"llama-server": engine, "ollama": server}
            shelf = await Shelf.open(database, engines, options, workshop)
            try:
                yield Place(shelf, engine, server, clock)
            finally:
                await shelf.close()
                await database.close()


def copy(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copyfile(TINY, path))


async def test_an_empty_house_has_the_reading_room_and_answers_with_it(
    options: UpOptions,
) -> None:
    async with place(options) as here:
        assert await here.names() == [READING_ROOM]
        assert (await here.shelf.find("")).name == READING_ROOM


async def test_a_file_that_is_added_stays_where_it_lies_and_is_there_after_a_restart(
    options: UpOptions, tmp_path: Path
) -> None:
    path = copy(tmp_path / "My Model-Q8_0.gguf")
    async with place(options) as here:
        model = await here.shelf.add(path)
        assert (model.name, model.engine, model.kind) == (
            "My-Model-Q8_0", "llama-server", "chat",
        )  # fmt: skip
        assert (model.bytes, model.context_tokens) == (path.stat().st_size, 2048)
        assert await here.shelf.add(path) == model
        assert (await here.shelf.find("")).name == model.name
    async with place(options) as here:
        assert await here.shelf.find("my-model-q8_0") == model
        await here.shelf.remove(model.name)
        assert await here.names() == [READING_ROOM]
    assert path.exists()


async def test_two_files_of_one_name_get_two_names(options: UpOptions, tmp_path: Path) -> None:
    async with place(options) as here:
        await here.shelf.add(copy(tmp_path / "a/model.gguf"))
        await here.shelf.add(copy(tmp_path / "b/model.gguf"))
        assert await here.names() == ["model", "model-2", READING_ROOM]


async def test_a_damaged_file_is_not_added(options: UpOptions, tmp_path: Path) -> None:
    path = tmp_path / "cut.gguf"
    path.write_bytes(TINY.read_bytes()[:500_000])
    async with place(options) as here:
        with pytest.raises(BadRequest, match="cut off"):
            await here.shelf.add(path)
        assert await here.names() == [READING_ROOM]


async def test_a_model_whose_file_is_gone_is_not_listed_and_says_why(
    options: UpOptions, tmp_path: Path
) -> None:
    path = copy(tmp_path / "model.gguf")
    async with place(options) as here:
        await here.shelf.add(path)
    path.unlink()
    async with place(options) as here:
        assert await here.names() == [READING_ROOM]
        with pytest.raises(ModelUnknown, match="not there any more") as caught:
            await here.shelf.find("model")
        assert "models rm model" in caught.value.fix
        await here.shelf.remove("model")


async def test_models_of_other_programs_are_listed_in_place_and_not_ours_to_remove(
    options: UpOptions, environment: Environment
) -> None:
    path = copy(environment.user_home / ".lmstudio/models/ada/T-GGUF/t-Q8_0.gguf")
    cut = environment.user_home / ".lmstudio/models/ada/T-GGUF/cut.gguf"
    cut.write_bytes(b"GGUF")
    async with place(options) as here:
        model = await here.shelf.find("ada/T-GGUF")
        assert (model.name, model.path) == ("ada/T-GGUF:Q8_0", str(path))
        assert model.source == "LM Studio's models"
        assert [skipped.path for skipped in here.shelf.skipped()] == [cut]
        with pytest.raises(Conflict, match="LM Studio"):
            await here.shelf.remove(model.name)
    assert path.exists()


async def test_a_server_that_is_started_later_is_found(options: UpOptions) -> None:
    model = Model(name="ollama/qwen3:8b", engine="ollama", kind="chat", url="http://x", bytes=5)
    async with place(options) as here:
        assert await here.names() == [READING_ROOM]
        here.server.running = (model,)
        with pytest.raises(ModelUnknown):
            await here.shelf.find(model.name)  # strangers cannot make us look all the time
        here.clock.advance(2)
        assert await here.names() == [READING_ROOM]  # what was seen last
        assert (
            await here.shelf.find("ollama/qwen3:8b")
        ).url == "http://x"  # looks before it says no
        assert await here.names() == ["ollama/qwen3:8b", READING_ROOM]
        with pytest.raises(ModelUnknown, match="no model is called 'ollama/qwen3:80b'") as caught:
            await here.shelf.find("ollama/qwen3:80b")
        assert "did you mean 'ollama/qwen3:8b'?" in caught.value.fix


async def test_the_demo_model_is_there_only_when_asked_for_and_labelled(
    options: UpOptions,
) -> None:
    async with place(msgspec.structs.replace(options, demo=True)) as here:
        model = await here.shelf.find("")
        assert (model.name, model.demo) == ("freehold-tiny", True)
        assert "demonstration" in model.source
        await here.engine.load(model)
        assert here.engine.resident() == {"freehold-tiny"}


async def test_a_chosen_model_is_remembered(options: UpOptions, tmp_path: Path) -> None:
    async with place(options) as here:
        await here.shelf.add(copy(tmp_path / "model.gguf"))
        assert await here.shelf.default() == "model"
        await here.shelf.choose(READING_ROOM)
    async with place(options) as here:
        assert (await here.shelf.find("")).name == READING_ROOM


async def test_a_model_another_room_keeps_is_lent(options: UpOptions) -> None:
    async with place(options) as here:
        lent = Model(name="minilm", engine="llama-server", kind="embed", source="built in")
        here.shelf.lend(lent)
        assert await here.shelf.find("minilm") == lent
        assert await here.shelf.default() == READING_ROOM


async def test_a_pulled_model_is_ours_and_goes_with_its_row(
    options: UpOptions, home: Home
) -> None:
    hub = FakeHub()
    hub.repos["ada/T-GGUF"] = {"t-Q4_K_M.gguf": TINY.read_bytes()}
    async with hub.running():
        spec = Spec(models=Models(hub=hub.url))
        async with place(msgspec.structs.replace(options, spec=spec)) as here:
            told: list[tuple[int, int]] = []
            model = await here.shelf.pull(
                "ada/T-GGUF", lambda done, total: told.append((done, total))
            )
            assert model.name == "ada/T-GGUF:Q4_K_M"
            assert model.source.startswith("pulled from 127.0.0.1:")
            assert told[-1] == (TINY.stat().st_size, TINY.stat().st_size)
            await here.engine.load(model)
            path = home.models / "ada/T-GGUF/t-Q4_K_M.gguf"
            assert path.exists()
            await here.shelf.remove(model.name)
            assert here.engine.resident() == frozenset()
            assert list(home.models.iterdir()) == []
