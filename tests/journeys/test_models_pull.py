"""A model is pulled from a hub that speaks the real protocol and fails in every way we know."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from fakes.hub import FakeHub
from freehold.core.clock import ManualClock
from freehold.core.errors import (
    BadRequest,
    Busy,
    DiskFull,
    EngineCut,
    EngineRefused,
    EngineUnreachable,
    NotAllowed,
    NotFound,
)
from freehold.runtime.models import pull as pull_module
from freehold.runtime.models.hub import Hub, HubFile
from freehold.runtime.models.pull import Pulled, choose, pull
from freehold.runtime.models.reference import read_reference
from freehold.runtime.outbound.client import Client

TINY = Path(__file__).parents[2] / "src/freehold/catalog/demo/freehold-tiny-q8_0.gguf"
REPO = "ada/tiny-GGUF"


@pytest.fixture
async def hub() -> AsyncIterator[FakeHub]:
    fake = FakeHub()
    fake.repos[REPO] = {
        "README.md": b"# tiny",
        "tiny-Q8_0.gguf": TINY.read_bytes(),
        "tiny-Q4_K_M.gguf": TINY.read_bytes(),
        "mmproj-tiny-f16.gguf": b"GGUF not a model",
    }
    async with fake.running():
        yield fake


class Puller:
    """Pulls into a folder and remembers the progress."""

    def __init__(self, folder: Path, url: str, token: str = "") -> None:
        self.folder, self.url, self.token = folder, url, token
        self.clock = ManualClock()
        self.progress: list[tuple[int, int]] = []

    async def __call__(self, text: str = REPO) -> Pulled:
        async with (
            Client() as client,
            Hub(client, self.clock, base=self.url, token=self.token) as hub,
        ):
            return await pull(hub, read_reference(text), self.folder, self.clock, self._note)

    def _note(self, done: int, total: int) -> None:
        self.progress.append((done, total))


def files(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


async def test_the_usual_choice_is_pulled_checked_and_named(hub: FakeHub, tmp_path: Path) -> None:
    puller = Puller(tmp_path, hub.url)
    pulled = await puller()
    assert pulled.name == "ada/tiny-GGUF:Q4_K_M"
    assert pulled.path.read_bytes() == TINY.read_bytes()
    assert files(tmp_path) == ["ada/tiny-GGUF/tiny-Q4_K_M.gguf"]
    size = TINY.stat().st_size
    assert puller.progress[0] == (0, size)
    assert puller.progress[-1] == (size, size)
    assert [done for done, _ in puller.progress] == sorted(done for done, _ in puller.progress)


@pytest.mark.parametrize(
    ("wanted", "file"),
    [
        (":q8_0", "tiny-Q8_0.gguf"),
        (":tiny-Q8_0.gguf", "tiny-Q8_0.gguf"),
        (":Q8_0@0123456789abcdef0123456789abcdef01234567", "tiny-Q8_0.gguf"),
    ],
)
async def test_a_quantisation_or_a_file_can_be_asked_for(
    hub: FakeHub, tmp_path: Path, wanted: str, file: str
) -> None:
    await Puller(tmp_path, hub.url)(REPO + wanted)
    assert files(tmp_path) == [f"ada/tiny-GGUF/{file}"]


async def test_a_file_that_is_here_is_not_fetched_again(hub: FakeHub, tmp_path: Path) -> None:
    await Puller(tmp_path, hub.url)()
    await Puller(tmp_path, hub.url)()
    assert len(hub.downloads()) == 1


async def test_after_cuts_it_goes_on_where_it_was(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.cut_after = [300_000, 200_000, 5]
    await Puller(tmp_path, hub.url)()
    asked = [seen.headers.get("range", "") for seen in hub.downloads()]
    assert asked == ["", "bytes=300000-", "bytes=500000-", "bytes=500005-"]
    assert all("if-range" in seen.headers for seen in hub.downloads()[1:])
    assert files(tmp_path) == ["ada/tiny-GGUF/tiny-Q4_K_M.gguf"]


async def test_what_came_before_giving_up_is_kept_for_the_next_run(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.faults.cut_after = [400_000, 0, 0, 0, 0, 0]
    with pytest.raises(EngineCut, match="broke off at 400 kB of") as caught:
        await Puller(tmp_path, hub.url)()
    assert "goes on from there" in caught.value.fix
    hub.faults.cut_after = []
    await Puller(tmp_path, hub.url)()
    assert hub.downloads()[-1].headers["range"] == "bytes=400000-"


async def test_a_cancelled_pull_is_gone_on_with(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.cut_after = [600_000]
    puller = Puller(tmp_path, hub.url)
    task: asyncio.Task[Pulled] | None = None

    def stop(done: int, total: int) -> None:
        if 0 < done < total and task is not None:
            task.cancel()

    puller._note = stop  # type: ignore[method-assign]
    task = asyncio.create_task(puller())
    with pytest.raises(asyncio.CancelledError):
        await task
    await Puller(tmp_path, hub.url)()
    assert hub.downloads()[-1].headers["range"] == "bytes=600000-"


async def test_when_the_file_changed_meanwhile_it_begins_anew(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.faults.cut_after = [400_000, 0, 0, 0, 0, 0]
    with pytest.raises(EngineCut):
        await Puller(tmp_path, hub.url)()
    hub.etag = '"another version"'
    await Puller(tmp_path, hub.url)()
    assert (tmp_path / "ada/tiny-GGUF/tiny-Q4_K_M.gguf").read_bytes() == TINY.read_bytes()


async def test_a_storage_that_ignores_ranges_is_read_from_the_beginning(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.faults.cut_after = [400_000]
    hub.faults.ignore_range = True
    await Puller(tmp_path, hub.url)()
    assert files(tmp_path) == ["ada/tiny-GGUF/tiny-Q4_K_M.gguf"]


async def test_wrong_bytes_are_thrown_away_and_said(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.wrong_byte = True
    with pytest.raises(EngineRefused, match="not the file the hub lists"):
        await Puller(tmp_path, hub.url)()
    assert files(tmp_path) == []


async def test_more_bytes_than_listed_are_thrown_away(hub: FakeHub, tmp_path: Path) -> None:
    hub.faults.too_much = True
    with pytest.raises(EngineRefused, match="more than it lists"):
        await Puller(tmp_path, hub.url)()
    assert files(tmp_path) == []


async def test_a_small_file_kept_in_git_is_checked_by_its_own_hash(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.in_git.add("tiny-Q8_0.gguf")
    await Puller(tmp_path, hub.url)(REPO + ":Q8_0")
    hub.faults.wrong_byte = True
    with pytest.raises(EngineRefused, match="not the file the hub lists"):
        await Puller(tmp_path / "other", hub.url)(REPO + ":Q8_0")


async def test_the_token_goes_to_the_hub_and_never_to_its_storage(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.gated.add(REPO)
    with pytest.raises(NotAllowed, match="gated") as caught:
        await Puller(tmp_path, hub.url)()
    assert "HF_TOKEN" in caught.value.fix
    await Puller(tmp_path, hub.url, token=hub.token)()
    assert hub.downloads()
    assert all("authorization" not in seen.headers for seen in hub.downloads())


async def test_a_name_the_hub_does_not_have_is_said(hub: FakeHub, tmp_path: Path) -> None:
    for text, said in (
        ("ada/none", "no public repository ada/none"),
        (REPO + "@other", "no such revision"),
        (REPO + ":Q2_K", "no 'Q2_K'"),
    ):
        with pytest.raises(NotFound, match=said):
            await Puller(tmp_path, hub.url)(text)


async def test_it_waits_as_long_as_the_hub_asks_and_not_longer(
    hub: FakeHub, tmp_path: Path
) -> None:
    puller = Puller(tmp_path, hub.url)
    hub.faults.busy = ["7", "5"]
    hub.faults.broken = 1
    await puller()
    assert puller.clock.now() == 7 + 5 + 4
    hub.faults.busy = ["3600"]
    with pytest.raises(Busy) as caught:
        await Puller(tmp_path / "other", hub.url)()
    assert "3600 s" in caught.value.fix


async def test_without_a_network_the_way_out_is_said(tmp_path: Path) -> None:
    with pytest.raises(EngineUnreachable, match="the model hub cannot be reached") as caught:
        await Puller(tmp_path, "http://127.0.0.1:1")()
    assert "models add PATH" in caught.value.fix
    assert caught.value.where == "http://127.0.0.1:1"


async def test_a_disk_without_room_is_found_before_anything_is_fetched(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("Usage", (), {"free": 500_000})
    monkeypatch.setattr(pull_module.shutil, "disk_usage", lambda _: usage)
    with pytest.raises(DiskFull, match=r"needs 960 kB .* 500 kB are free"):
        await Puller(tmp_path, hub.url)()
    assert not hub.downloads()


async def test_a_disk_that_fills_up_on_the_way_is_said(hub: FakeHub, tmp_path: Path) -> None:
    part = tmp_path / "ada/tiny-GGUF/tiny-Q4_K_M.gguf.part"
    part.parent.mkdir(parents=True)
    part.symlink_to("/dev/full")
    with pytest.raises(DiskFull, match="the disk is full") as caught:
        await Puller(tmp_path, hub.url)()
    assert "goes on from there" in caught.value.fix
    assert not part.with_name("tiny-Q4_K_M.gguf").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes anywhere")
async def test_a_folder_that_cannot_be_written_is_said(hub: FakeHub, tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(Exception, match="cannot be used"):
        await Puller(tmp_path, hub.url)()


async def test_a_file_that_came_whole_but_is_no_model_is_refused(
    hub: FakeHub, tmp_path: Path
) -> None:
    hub.repos[REPO] = {"bad-Q4_0.gguf": TINY.read_bytes()[:100_000]}
    with pytest.raises(BadRequest, match="cut off"):
        await Puller(tmp_path, hub.url)()


async def test_all_parts_of_a_split_model_come(hub: FakeHub, tmp_path: Path) -> None:
    part = TINY.read_bytes()
    hub.repos[REPO] = {f"q/big-Q4_K_M-0000{n}-of-00002.gguf": part for n in (1, 2)}
    hub.page = 1
    pulled = await Puller(tmp_path, hub.url)()
    assert pulled.name == "ada/tiny-GGUF:Q4_K_M"
    assert pulled.card.parts == 2
    assert len(files(tmp_path)) == 2


def listing(*paths: str) -> list[HubFile]:
    return [HubFile(path=path, bytes=10 + len(path), sha256="0" * 64) for path in paths]


def test_a_listing_cannot_make_us_write_elsewhere() -> None:
    bad = listing(
        "../x-Q4_K_M.gguf", "/etc/x.gguf", "a/../../x.gguf", ".hidden/x.gguf", "a\\b.gguf"
    )
    with pytest.raises(NotFound, match="holds no GGUF"):
        choose(bad, read_reference("a/b"))


def test_without_a_usual_quantisation_the_smallest_is_taken() -> None:
    (chosen,) = choose(listing("model-longer.gguf", "model.gguf"), read_reference("a/b"))
    assert chosen.path == "model.gguf"


def test_a_split_model_that_lacks_a_part_is_refused() -> None:
    with pytest.raises(NotFound, match=r"lacks m-00002-of-00002\.gguf"):
        choose(listing("m-00001-of-00002.gguf"), read_reference("a/b"))


@pytest.mark.parametrize(
    "text", ["", "one", "a/b/c", "a/..", "../b", "a/b:", "a/b@", "a/b@../x", "a/b:../x", "a b/c"]
)
def test_what_is_no_reference_is_refused(text: str) -> None:
    with pytest.raises(BadRequest) as caught:
        read_reference(text)
    assert "org/repo" in caught.value.fix


def test_addresses_are_taken_as_references() -> None:
    assert read_reference("https://huggingface.co/a/b:Q8_0").repo == "a/b"
    assert json.dumps(read_reference("hf.co/a/b@v1.0").revision) == '"v1.0"'
