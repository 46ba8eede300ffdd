"""The first minute of a person, in a real browser at a real house."""

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from running import ROOT, RunningHouse

pytestmark = [pytest.mark.slow, pytest.mark.browser]

SHOTS = ROOT / "build" / "screenshots" / "house"
PASSPHRASE = "four unrelated plain words"
ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update",
]  # fmt: skip


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    home = tmp_path_factory.mktemp("browser") / "home"
    made = RunningHouse(home, "--demo", "--lean")
    yield made
    made.down()


def watched(context: BrowserContext) -> tuple[Page, list[str]]:
    """A page, and everything it complains of or asks of anybody else."""
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on(
        "console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None
    )
    page.on(
        "request",
        lambda r: (
            complaints.append(r.url)
            if not r.url.startswith(("http://127.0.0.1", "data:", "blob:"))
            else None
        ),
    )
    return page, complaints


def say(page: Page, question: str) -> None:
    box = page.get_by_role("textbox", name="Message")
    box.fill(question)
    box.press("Enter")


def test_from_the_token_to_the_first_cited_answer(
    house: RunningHouse, browser: Browser, tmp_path: Path
) -> None:
    contracts = tmp_path / "contracts"
    (contracts / "flat").mkdir(parents=True)
    (contracts / "flat" / "lease.md").write_text(
        "# Subletting\n\nThe tenant shall not sublet the flat without consent of the landlord.\n"
    )
    start = time.monotonic()
    data = house.data("up", "--detach", "--no-open", "--port", "0", *house.flags)
    house.url, house.pid = data["url"], data["pid"]
    context = browser.new_context(viewport={"width": 1360, "height": 860})
    page, complaints = watched(context)
    page.goto(f"{house.url}/#token={data['setup_token']}")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Make it mine").click()
    expect(page.get_by_text("GPU").first).to_be_visible()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("Drop a folder").first).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Choose a folder").click()
    chooser.value.set_files(contracts)
    expect(page.get_by_text(re.compile("taken in")).first).to_be_visible(timeout=30_000)
    page.get_by_role("button", name="Go to the chat").click()
    page.get_by_role("textbox", name="Message").wait_for()
    page.get_by_role("button", name=re.compile("Model: freehold-tiny")).click()
    page.get_by_role("menuitemradio", name=re.compile("reading", re.IGNORECASE)).click()
    say(page, "May the tenant sublet the flat without consent?")
    expect(page.get_by_text("No language model is loaded").first).to_be_visible()
    expect(page.get_by_text("lease.md").first).to_be_visible()
    assert time.monotonic() - start < 60
    assert complaints == []
    context.close()


def sign_in(house: RunningHouse, context: BrowserContext) -> tuple[Page, list[str]]:
    page, complaints = watched(context)
    page.goto(house.url)
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Passphrase").fill(PASSPHRASE)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("textbox", name="Message").wait_for()
    return page, complaints


def test_an_answer_goes_on_when_its_tab_is_closed(house: RunningHouse, browser: Browser) -> None:
    first = browser.new_context()
    page, _ = sign_in(house, first)
    say(page, "Count from one to ninety.")
    expect(page.get_by_text(re.compile("one, two")).first).to_be_visible()
    address = page.url
    page.close()
    other = browser.new_context()
    page, complaints = sign_in(house, other)
    page.goto(address)
    expect(page.get_by_text(re.compile("ninety")).last).to_be_visible(timeout=20_000)
    text = page.get_by_role("article").last.inner_text()
    assert text.count("seventeen") == 1
    assert complaints == []
    first.close()
    other.close()


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1360, 860), (390, 844)], ids=["desk", "phone"])
def test_the_pages_are_pictured(
    house: RunningHouse, browser: Browser, theme: str, size: tuple[int, int]
) -> None:
    SHOTS.mkdir(parents=True, exist_ok=True)
    width, height = size
    context = browser.new_context(
        viewport={"width": width, "height": height},
        color_scheme="dark" if theme == "dark" else "light",
    )
    page, complaints = sign_in(house, context)
    say(page, "What colour is the telescope?")
    expect(page.get_by_text("on this machine").first).to_be_visible(timeout=20_000)
    shoot(page, f"chat-{theme}-{width}")
    for name in ("documents", "models", "keys"):
        page.goto(f"{house.url}/#/{name}")
        page.get_by_role("heading").first.wait_for()
        page.wait_for_timeout(300)
        shoot(page, f"{name}-{theme}-{width}")
    assert complaints == []
    context.close()


def shoot(page: Page, name: str) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert wide, f"{name} scrolls sideways"
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path)
    assert Path(path).stat().st_size > 5000
