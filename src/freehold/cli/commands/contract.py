"""What a command must be."""

import click
import msgspec


class Command(msgspec.Struct, frozen=True, kw_only=True):
    """One word after `freehold`."""

    summary: str
    """One sentence, shown in `freehold --help`."""
    group: str
    """Heading it stands under in the help: Start, Use, Models, Own or Meta."""
    command: click.Command
    """A click command or group; its callback imports what it needs when it runs."""
