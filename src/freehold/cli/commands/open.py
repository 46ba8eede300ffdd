"""Open the house in a browser."""

from typing import Final

import click
import msgspec

from freehold.cli.commands.contract import Command
from freehold.cli.house import House, talk
from freehold.cli.pages import open_page
from freehold.cli.terminal import Terminal


class Page(msgspec.Struct, frozen=True, kw_only=True):
    """Where the page is."""

    url: str
    """With a one-time set-up token, while the house has no owner."""


class _Token(msgspec.Struct, frozen=True, kw_only=True):
    token: str
    url: str


@click.command("open")
@click.pass_obj
def open_(terminal: Terminal) -> None:
    """Open the house in a browser, with a fresh set-up token while it has no owner."""

    async def errand(house: House) -> Page:
        return Page(url=(await house.post("/setup-token", _Token, {})).url)

    page = talk(terminal, errand)
    terminal.answer(page, page.url)
    if not terminal.as_json and terminal.environment.display and not open_page(page.url):
        terminal.note("no browser could be opened; the address is above")


COMMAND: Final = Command(summary="Open the house in a browser.", group="Start", command=open_)
