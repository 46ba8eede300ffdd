"""Keys for programs: made, listed, revoked."""

from typing import Final

import click
import msgspec

from freehold.cli.commands.contract import Command
from freehold.cli.house import House, path_of, talk
from freehold.cli.show import age, table
from freehold.cli.terminal import Terminal
from freehold.core.errors import NotFound


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A new key; nobody can show it a second time."""

    key: str
    id: str
    name: str
    prefix: str


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of a key once it was made."""

    id: str
    name: str
    prefix: str
    created_at: float
    last_used_at: float | None = None


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Every key that works."""

    keys: tuple[Key, ...]


class Revoked(msgspec.Struct, frozen=True, kw_only=True):
    """A key that works no more."""

    id: str
    name: str


@click.group()
def key() -> None:
    """Keys that let programs use the API."""


@key.command()
@click.option("--name", required=True, help="What the key is for, to know it again.")
@click.pass_obj
def new(terminal: Terminal, name: str) -> None:
    """Make a key and print it, once."""
    made = talk(terminal, lambda house: house.post("/keys", Made, {"name": name}))
    terminal.answer(made, made.key)


@key.command()
@click.pass_obj
def ls(terminal: Terminal) -> None:
    """List the keys that work."""
    found = talk(terminal, lambda house: house.get("/keys", Keys))
    now = terminal.clock.wall()
    rows = [
        (
            key.id,
            key.name,
            key.prefix,
            f"{age(now - key.created_at)} ago",
            f"{age(now - key.last_used_at)} ago" if key.last_used_at else "never",
        )
        for key in found.keys
    ]
    shown = table(("ID", "NAME", "KEY", "MADE", "USED"), rows) if rows else "no keys yet"
    terminal.answer(found, shown)


@key.command()
@click.argument("which", metavar="KEY")
@click.pass_obj
def revoke(terminal: Terminal, which: str) -> None:
    """End a key, named by its id, its name or the start of it."""

    async def errand(house: House) -> Revoked:
        keys = (await house.get("/keys", Keys)).keys
        meant = [key for key in keys if which in {key.id, key.name, key.prefix}]
        meant = meant or [key for key in keys if which.startswith(key.prefix.rstrip("…"))]
        if len(meant) != 1:
            what = "several keys are" if meant else "no key is"
            fix = terminal.command("key ls") + " shows the ids"
            message = f"{what} called {which[:12]!r}"
            raise NotFound(message, where="key", fix=fix)
        await house.delete(path_of("keys", meant[0].id))
        return Revoked(id=meant[0].id, name=meant[0].name)

    revoked = talk(terminal, errand)
    terminal.answer(revoked, f"revoked {revoked.name} ({revoked.id})")


COMMAND: Final = Command(summary="Make, list and revoke API keys.", group="Own", command=key)
