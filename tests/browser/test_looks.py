"""Every page in both themes and on a phone: a screenshot, no side scroll, no fault for axe."""

import re
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from browser.looking import HouseAt, Watched, context_of, watch

pytestmark = [pytest.mark.browser, pytest.mark.asyncio(loop_scope="session")]

LOOKS = [("light", False), ("dark", False), ("light", True), ("dark", True)]
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


# Only what is made to scroll sideways may be wider than its place: code and tables.
SIDEWAYS = """() => [...document.querySelectorAll('html, body, main, .scroll, dialog')]
  .filter((e) => e.scrollWidth > e.clientWidth + 1 || e.scrollWidth > innerWidth)
  .map((e) => `${e.tagName}.${e.className} ${e.scrollWidth} > ${e.clientWidth}`)"""


async def to_chat(page: Page) -> None:
    if (
        button := page.get_by_role("button", name="Chats", exact=True)
    ) and await button.is_visible():
        await button.click()
    await page.get_by_role("link", name="Subletting the flat").click()
    await expect(page.locator(".note").first).to_be_attached()


async def to_empty(page: Page) -> None:
    await expect(page.locator(".prompt")).to_have_count(3)


async def to_writing(page: Page) -> None:
    await page.get_by_label("Message").fill("slow lease question")
    await page.get_by_label("Message").press("Control+Enter")
    await expect(page.get_by_text("You may sublet part of the flat")).to_be_visible()


async def to_failed(page: Page) -> None:
    await page.get_by_label("Message").fill("please fail now")
    await page.get_by_label("Message").press("Control+Enter")
    await expect(page.get_by_role("alert")).to_be_visible()


async def to_markdown(page: Page) -> None:
    await page.get_by_label("Message").fill("markdown please")
    await page.get_by_label("Message").press("Control+Enter")
    await expect(page.locator(".prov")).to_be_visible()


async def to_drawer(page: Page) -> None:
    await to_chat(page)
    await page.get_by_role("button", name="Open at line 32").click()
    await expect(page.get_by_role("dialog").locator("mark")).to_be_visible()


async def to_palette(page: Page) -> None:
    await page.keyboard.press("Control+k")
    await expect(page.get_by_role("option", name=re.compile("Subletting"))).to_be_attached()


async def to_documents(page: Page) -> None:
    await page.goto(page.url.split("#")[0] + "#/documents")
    await page.get_by_label("What would be found for").fill("subletting")
    await page.get_by_role("button", name="Find").click()
    await expect(page.locator(".hits li")).to_have_count(4)
    await page.locator("main").evaluate("main => main.scrollTo(0, 0)")


async def to_models(page: Page) -> None:
    await page.goto(page.url.split("#")[0] + "#/models")
    await expect(page.get_by_role("row", name=re.compile("qwen3"))).to_be_visible()


async def to_keys(page: Page) -> None:
    await page.goto(page.url.split("#")[0] + "#/keys")
    await page.get_by_label("What the key is for").fill("notebook")
    await page.get_by_role("button", name="Make a key").click()
    await expect(page.get_by_label("Key", exact=True)).to_be_visible()


async def to_more(page: Page) -> None:
    await page.goto(page.url.split("#")[0] + "#/more")
    await expect(page.get_by_role("heading", name="More")).to_be_visible()


async def to_shortcuts(page: Page) -> None:
    await page.goto(page.url.split("#")[0] + "#/more")
    await page.locator("main").focus()
    await page.keyboard.press("?")
    await expect(page.get_by_role("dialog")).to_be_visible()


PAGES: dict[str, Callable[[Page], Awaitable[None]]] = {
    "chat": to_chat,
    "chat-empty": to_empty,
    "chat-writing": to_writing,
    "chat-failed": to_failed,
    "chat-markdown": to_markdown,
    "document": to_drawer,
    "palette": to_palette,
    "documents": to_documents,
    "models": to_models,
    "keys": to_keys,
    "more": to_more,
    "shortcuts": to_shortcuts,
}


async def _look(page: Page, name: str, axe: str, shots: Path, look: tuple[str, bool]) -> None:
    theme, phone = look
    await page.screenshot(path=shots / f"{name}-{theme}{'-phone' if phone else ''}.png")
    assert await page.evaluate(SIDEWAYS) == [], "scrolls sideways"
    await page.evaluate(axe)
    found: dict[str, Any] = await page.evaluate("rules => axe.run(document, rules)", RULES)
    assert [
        (
            v["id"],
            v["help"],
            [n["html"] for n in v["nodes"]][:3],
            v["nodes"][0].get("failureSummary"),
        )
        for v in found["violations"]
    ] == []


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0]}{'-phone' if look[1] else ''}")
@pytest.mark.parametrize("name", PAGES)
async def test_a_page_looks_right_and_is_open_to_everybody(
    name: str, look: tuple[str, bool], browser: Browser, house: HouseAt, axe: str, shots: Path
) -> None:
    context = await context_of(browser, theme=look[0], phone=look[1])
    watched = watch(await context.new_page(), house)
    page = await watched.sign_in()
    await PAGES[name](page)
    await _look(page, name, axe, shots, look)
    if look[1]:
        await expect_touchable(page)
    await context.close()
    assert watched.complaints == []
    assert watched.elsewhere == []


async def expect_touchable(page: Page) -> None:
    """Buttons and fields on glass are at least 24 px high, and the main ones 44 px."""
    small = await page.evaluate(
        """() => [...document.querySelectorAll('.btn:not(.small), .tabs a, input, select')]
          .filter((e) => !e.matches('[type=checkbox], [type=radio]'))
          .filter((e) => e.offsetParent && e.getBoundingClientRect().height < 40
            && !e.matches('.chip, [hidden], .sr'))
          .map((e) => e.outerHTML.slice(0, 120))"""
    )
    assert small == []


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: f"{look[0]}{'-phone' if look[1] else ''}")
async def test_the_door_and_the_set_up_look_right(
    look: tuple[str, bool], browser: Browser, house: HouseAt, axe: str, shots: Path
) -> None:
    context = await context_of(browser, theme=look[0], phone=look[1])
    watched: Watched = watch(await context.new_page(), house)
    page = await watched.open()
    await expect(page.get_by_role("button", name="Sign in")).to_be_visible()
    await _look(page, "sign-in", axe, shots, look)
    token = house.pull(reset=True, setup=True)["token"]
    await page.reload()
    await page.get_by_label("Set-up token").fill(token)
    await _look(page, "set-up-1", axe, shots, look)
    await page.get_by_role("button", name="Only me, on this machine").click()
    await expect(page.get_by_text("No GPU: fine")).to_be_visible()
    await _look(page, "set-up-2", axe, shots, look)
    await page.get_by_role("button", name="Go on").click()
    await expect(page.get_by_text("Drop a folder")).to_be_visible()
    await _look(page, "set-up-3", axe, shots, look)
    await context.close()
    assert watched.complaints == []
    assert watched.elsewhere == []
