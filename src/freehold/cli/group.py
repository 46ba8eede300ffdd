"""The words after `freehold`: found by file name, imported only when they are meant."""

import difflib
from pathlib import Path
from typing import Final

import click

from freehold.cli.commands import COMMANDS
from freehold.cli.envelope import schema_of
from freehold.cli.terminal import Terminal

GROUPS: Final = ("Start", "Use", "Models", "Own", "Meta")
_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _take_home(context: click.Context, _: click.Parameter, value: Path | None) -> None:
    if value is not None:
        context.ensure_object(Terminal).asked_home = value


def _take_json(context: click.Context, _: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's signature
    terminal = context.ensure_object(Terminal)
    terminal.as_json = terminal.as_json or value
    terminal.schema = schema_of(context.command_path)


def everywhere(command: click.Command) -> click.Command:
    """Give a command, and all below it, the options that work on every command."""
    if not any(parameter.name == "home_" for parameter in command.params):
        command.params += [
            click.Option(
                ["--home", "home_"],
                type=click.Path(path_type=Path, file_okay=False),
                metavar="DIR",
                expose_value=False,
                is_eager=True,
                callback=_take_home,
                help="Folder of the house (or FREEHOLD_HOME).",
            ),
            click.Option(
                ["--json", "json_"],
                is_flag=True,
                expose_value=False,
                is_eager=True,
                callback=_take_json,
                help="Answer as JSON.",
            ),
        ]
        command.context_settings = {**_SETTINGS, **command.context_settings}
    if isinstance(command, click.Group):
        for below in command.commands.values():
            everywhere(below)
    return command


class Words(click.Group):
    """The command line as a whole."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every word there is."""
        del ctx
        return list(COMMANDS.names())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """One word, imported now."""
        del ctx
        if cmd_name not in COMMANDS.names():
            return None
        return everywhere(COMMANDS.get(cmd_name).command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the word that was typed, or name the nearest one."""
        word = args[0]
        if word not in COMMANDS.names() and not word.startswith("-"):
            near = difflib.get_close_matches(word, COMMANDS.names(), n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"there is no command {word!r}{hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Every word with its sentence, under the headings of the table of contents."""
        del ctx
        cards = COMMANDS.all()
        width = max(len(name) for name, _ in cards)
        for group in GROUPS:
            rows = [
                (name.ljust(width), card.summary) for name, card in cards if card.group == group
            ]
            if rows:
                with formatter.section(group):
                    formatter.write_dl(rows)


@click.group(
    cls=Words,
    invoke_without_command=True,
    context_settings=_SETTINGS,
    epilog="Errors have a code; each is explained in docs/reference/errors.md.",
)
@click.pass_context
def freehold(context: click.Context) -> None:
    """Freehold: a private AI platform. Own your AI outright."""
    if context.invoked_subcommand is None:
        click.echo(context.get_help())
    context.ensure_object(Terminal)
