"""What a browser test holds in its hands: a house, and a page that is watched."""

import json
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request, urlopen

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect


@dataclass
class HouseAt:
    """Where the house answers, who lives there, and the strings of the stand-in."""

    url: str
    name: str = "Ada"
    passphrase: str = "correct horse battery"
    real: bool = False

    def pull(self, **strings: Any) -> dict[str, Any]:
        """Pull strings of the stand-in; a test that needs one cannot run against a real house."""
        if self.real:
            pytest.skip("needs a fault on cue, which only the stand-in gives")
        body = json.dumps(strings).encode()
        request = Request(f"{self.url}/stand-in", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=10) as answer:
            return dict(json.load(answer))


@dataclass
class Watched:
    """A page, and all it complained about or asked of others."""

    page: Page
    house: HouseAt
    complaints: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    async def open(self, path: str = "/") -> Page:
        await self.page.goto(self.house.url + path)
        return self.page

    async def sign_in(self) -> Page:
        """In by the house's API, so that a page is built once."""
        known = {"name": self.house.name, "passphrase": self.house.passphrase}
        door = f"{self.house.url}/freehold/v1/sign-in"
        assert (await self.page.context.request.post(door, data=known)).ok
        page = await self.open()
        await expect(page.get_by_label("Message")).to_be_visible()
        return page

    async def sign_in_by_hand(self) -> Page:
        page = await self.open()
        await page.get_by_label("Name").fill(self.house.name)
        await page.get_by_label("Passphrase").fill(self.house.passphrase)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_label("Message")).to_be_visible()
        return page

    async def ask(self, text: str) -> None:
        await self.page.get_by_label("Message").fill(text)
        await self.page.get_by_label("Message").press("Control+Enter")


async def context_of(
    browser: Browser, *, theme: str = "light", phone: bool = False
) -> BrowserContext:
    size = {"width": 390, "height": 844} if phone else {"width": 1360, "height": 860}
    return await browser.new_context(
        viewport=size,  # type: ignore[arg-type]
        color_scheme=theme,  # type: ignore[arg-type]
        has_touch=phone,
        device_scale_factor=2 if phone else 1,
        reduced_motion="reduce",
        permissions=["clipboard-read", "clipboard-write"],
    )


def watch(page: Page, house: HouseAt) -> Watched:
    watched = Watched(page, house)
    expected = ("401", "404", "415", "422", "503", "ERR_CONNECTION_REFUSED", "ERR_INCOMPLETE")

    def console(message: Any) -> None:
        # A refused request is a page's business to show; the browser logs it all the same.
        if message.type in {"error", "warning"} and not any(e in message.text for e in expected):
            watched.complaints.append(f"{message.type}: {message.text}")

    def request(asked: Any) -> None:
        if not asked.url.startswith((house.url, "data:", "blob:")):
            watched.elsewhere.append(asked.url)

    page.on("console", console)
    page.on("pageerror", lambda error: watched.complaints.append(f"error: {error}"))
    page.on("request", request)
    return watched
