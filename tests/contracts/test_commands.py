"""What every command must be, tested over the registry: a new one is tested the day it exists."""

import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from freehold.cli.commands import COMMANDS
from freehold.cli.commands.contract import Command
from freehold.cli.group import GROUPS, everywhere
from freehold.cli.main import main

CARDS = COMMANDS.all()


def _leaves(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        for word, below in command.commands.items():
            yield from _leaves(f"{name} {word}", below)
    else:
        yield name, command


LEAVES = [leaf for name, card in CARDS for leaf in _leaves(name, everywhere(card.command))]


@pytest.mark.parametrize(("name", "card"), CARDS, ids=[name for name, _ in CARDS])
def test_a_command_says_in_one_sentence_what_it_does(name: str, card: Command) -> None:
    assert card.summary.endswith(".")
    assert card.summary[0].isupper()
    assert len(card.summary) <= 60
    assert card.group in GROUPS
    assert card.command.name == name, "the word is the file's name"


@pytest.mark.parametrize(("path", "command"), LEAVES, ids=[path for path, _ in LEAVES])
class TestEveryCommand:
    def test_it_explains_itself(self, path: str, command: click.Command) -> None:
        assert command.help, path
        assert command.help.splitlines()[0].endswith("."), path
        for parameter in command.params:
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert parameter.help, f"{path} {parameter.opts}"
                assert parameter.help.endswith((".", ")")), f"{path} {parameter.opts}"

    def test_it_takes_home_and_json(self, path: str, command: click.Command) -> None:
        options = {option for parameter in command.params for option in parameter.opts}
        assert {"--home", "--json"} <= options, path

    def test_it_names_a_misspelt_option_and_exits_2(
        self, path: str, command: click.Command, capsys: pytest.CaptureFixture[str]
    ) -> None:
        del command
        assert main([*path.split(), "--no-such-option"]) == 2
        told = capsys.readouterr()
        assert told.out == ""
        assert told.err.startswith(f"error FH-USE-001  freehold {path}\n")
        assert "no such option" in told.err

    def test_its_help_is_a_page_not_an_error(
        self, path: str, command: click.Command, capsys: pytest.CaptureFixture[str]
    ) -> None:
        del command
        assert main([*path.split(), "--help"]) == 0
        assert f"Usage: freehold {path}" in capsys.readouterr().out


@pytest.mark.parametrize("name", COMMANDS.names())
def test_importing_a_command_brings_nothing_heavy(name: str) -> None:
    code = (
        "import sys, importlib\n"
        f"importlib.import_module('freehold.cli.commands.{name}')\n"
        "heavy = {'asyncio', 'numpy', 'ruamel', 'uvicorn', 'starlette', 'rich', 'ssl', 'apsw'}\n"
        "found = heavy & set(sys.modules)\n"
        "found |= {each for each in sys.modules if each.startswith('freehold.runtime')}\n"
        "print(*sorted(found))\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == ""
