"""The models of the house: listed, added, fetched, removed."""

from pathlib import Path
from typing import Final
from urllib.parse import quote

import click
import msgspec

from freehold.cli.commands.contract import Command
from freehold.cli.house import House, talk
from freehold.cli.jobs import Job, Started, follow
from freehold.cli.show import table
from freehold.cli.terminal import Terminal
from freehold.core.units import show_size


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """A model that can be asked."""

    name: str
    engine: str
    kind: str
    resident: bool
    """Whether it is in memory now."""
    bytes: int
    """Size of its weights; 0 where another program keeps them."""


class Models(msgspec.Struct, frozen=True, kw_only=True):
    """Every model there is."""

    models: tuple[Model, ...]


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """A model that was added."""

    model: Model


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """A model that is no longer known."""

    name: str


@click.group()
def models() -> None:
    """The models that answer, and where they come from."""


@models.command()
@click.pass_obj
def ls(terminal: Terminal) -> None:
    """List every model: the house's own, adopted ones, those of running servers."""
    found = talk(terminal, lambda house: house.get("/models", Models))
    rows = [
        (
            model.name,
            model.kind,
            model.engine,
            "in memory" if model.resident else "",
            show_size(model.bytes) if model.bytes else "",
        )
        for model in found.models
    ]
    terminal.answer(found, table(("NAME", "KIND", "ENGINE", "STATE", "SIZE"), rows))


@models.command()
@click.argument("path", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def add(terminal: Terminal, path: Path) -> None:
    """Use a GGUF file of this machine; it stays where it is."""
    body = {"path": str(path.resolve())}
    model = talk(terminal, lambda house: house.post("/models", Model, body))
    terminal.answer(Added(model=model), f"added {model.name}")


@models.command()
@click.argument("ref")
@click.pass_obj
def pull(terminal: Terminal, ref: str) -> None:
    """Fetch a model from the hub: OWNER/NAME, OWNER/NAME:Q4_K_M or OWNER/NAME:FILE.gguf."""
    progress = terminal.progress(f"pulling {ref}")

    def describe(job: Job) -> str:
        return (
            f"{show_size(job.done)} of {show_size(job.total)}" if job.total else "asking the hub"
        )

    async def errand(house: House) -> Added:
        started = await house.post("/models/pull", Started, {"ref": ref})
        return await follow(house, started, progress, describe, Added)

    added = talk(terminal, errand)
    terminal.answer(added, f"pulled {added.model.name}")


@models.command()
@click.argument("name")
@click.pass_obj
def rm(terminal: Terminal, name: str) -> None:
    """Remove a model: files the house fetched are deleted, adopted ones only forgotten."""
    talk(terminal, lambda house: house.delete(f"/models/{quote(name)}"))
    terminal.answer(Removed(name=name), f"removed {name}")


COMMAND: Final = Command(
    summary="List, add, pull and remove models.", group="Models", command=models
)
