"""Say which Freehold this is."""

import platform
from typing import Final

import click
import msgspec

from freehold import VERSION
from freehold.cli.commands.contract import Command
from freehold.cli.terminal import Terminal


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """Which Freehold runs on what."""

    version: str
    python: str
    home: str


@click.command()
@click.pass_obj
def version(terminal: Terminal) -> None:
    """Say which Freehold this is, on which Python, and where its house stands."""
    found = Version(
        version=VERSION, python=platform.python_version(), home=str(terminal.home.root)
    )
    terminal.answer(found, f"freehold {found.version}  (Python {found.python}, {found.home})")


COMMAND: Final = Command(summary="Say which Freehold this is.", group="Meta", command=version)
