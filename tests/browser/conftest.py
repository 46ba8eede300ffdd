"""A browser, a house to look at, and the rule that no page may complain or call elsewhere.

By default the house is the stand-in beside this file. Set `FREEHOLD_TEST_URL`, and
`FREEHOLD_TEST_NAME` and `FREEHOLD_TEST_PASSPHRASE` of a person there, to look at a real one; tests
that need a fault on cue are then skipped. Screenshots go to `FREEHOLD_TEST_SHOTS`, or
`build/screenshots`.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

from browser.looking import HouseAt, Watched, context_of, watch

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
]
AXE = "4.14.1"

expect.set_options(timeout=10_000)


@pytest.fixture(scope="session")
def _stand_in() -> Iterator[HouseAt]:
    if url := os.environ.get("FREEHOLD_TEST_URL"):
        yield HouseAt(
            url.rstrip("/"),
            os.environ.get("FREEHOLD_TEST_NAME", "Ada"),
            os.environ.get("FREEHOLD_TEST_PASSPHRASE", ""),
            real=True,
        )
        return
    command = [sys.executable, str(HERE / "stand_in.py")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        yield HouseAt(json.loads(child.stdout.readline())["url"])
        child.kill()


@pytest.fixture
def house(_stand_in: HouseAt) -> HouseAt:
    """The house as it is at first: two collections, five chats."""
    if not _stand_in.real:
        _stand_in.pull(reset=True)
    return _stand_in


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    if not Path(CHROMIUM).exists():
        pytest.skip("no chromium here: apt-get install -y chromium")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="session")
async def door(browser: Browser, house: HouseAt) -> AsyncIterator[Watched]:
    """A page nobody has signed in to. At the end it has complained of nothing."""
    context = await context_of(browser)
    watched = watch(await context.new_page(), house)
    yield watched
    await context.close()
    assert watched.complaints == []
    assert watched.elsewhere == []


@pytest_asyncio.fixture(loop_scope="session")
async def home(door: Watched) -> Watched:
    """A page with the person signed in."""
    await door.sign_in()
    return door


@pytest.fixture(scope="session")
def shots() -> Path:
    folder = Path(os.environ.get("FREEHOLD_TEST_SHOTS", ROOT / "build" / "screenshots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def axe() -> str:
    """The accessibility checker, fetched once with npm into the ignored build folder."""
    folder = ROOT / "build" / f"axe-{AXE}"
    script = folder / "node_modules" / "axe-core" / "axe.min.js"
    if not script.exists():
        npm = shutil.which("npm")
        if npm is None:
            pytest.skip("no npm here to fetch axe-core with: apt-get install -y npm")
        command = [npm, "install", "--silent", "--no-audit", "--no-fund", "--no-package-lock"]
        command += ["--ignore-scripts", "--prefix", str(folder), f"axe-core@{AXE}"]
        if subprocess.run(command, check=False, timeout=100, capture_output=True).returncode:
            pytest.skip("npm could not fetch axe-core")
    return script.read_text(encoding="utf-8")
