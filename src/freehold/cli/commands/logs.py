"""Show what the house and its processes wrote."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click
import msgspec

from freehold.cli.commands.contract import Command
from freehold.cli.house_log import in_words
from freehold.cli.terminal import Terminal
from freehold.core.errors import NotFound

_TICK_S: Final = 0.2
_TAIL: Final = 1 << 20


class Logs(msgspec.Struct, frozen=True, kw_only=True):
    """The last lines of a log."""

    name: str
    lines: tuple[str, ...]


@click.command()
@click.argument("name", default="house")
@click.option("--follow", "-f", is_flag=True, help="Go on as more is written; Ctrl-C ends it.")
@click.option("--lines", "-n", default=100, show_default=True, help="How many to begin with.")
@click.pass_obj
def logs(terminal: Terminal, name: str, follow: bool, lines: int) -> None:  # noqa: FBT001 - click's signature
    """Show the log of the house, or of the process called NAME."""
    path = _find(terminal, name)
    last = _last_lines(path, lines)
    if not follow:
        text = "\n".join(in_words(line) for line in last) or f"the log of {name} is empty"
        terminal.answer(Logs(name=name, lines=tuple(last)), text)
        return
    if terminal.as_json:
        message = "--follow and --json do not go together: a followed log has no end"
        raise click.UsageError(message, click.get_current_context())
    for line in last:
        terminal.stream(f"{in_words(line)}\n")
    for line in _follow(path):
        terminal.stream(f"{in_words(line)}\n")


def _find(terminal: Terminal, name: str) -> Path:
    """The log of that name."""
    folder = terminal.home.logs
    known = sorted(path.stem for path in folder.glob("*.log")) if folder.is_dir() else []
    if name not in known:
        message = f"there is no log called {name!r}"
        fix = f"there are: {', '.join(known)}" if known else "no house has run here yet"
        raise NotFound(message, where=str(folder), fix=fix)
    return folder / f"{name}.log"


def _last_lines(path: Path, count: int) -> list[str]:
    """The last `count` lines, from at most the last MiB."""
    with path.open("rb") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TAIL))
        text = file.read().decode("utf-8", "replace")
    return text.splitlines()[-count:] if count > 0 else []


def _follow(path: Path) -> Iterator[str]:
    """Lines as they are written; a log that was put away is followed by its successor."""
    file = path.open("rb")
    file.seek(0, os.SEEK_END)
    rest = b""
    try:
        while True:
            rest += file.read()
            *whole, rest = rest.split(b"\n")
            yield from (line.decode("utf-8", "replace") for line in whole)
            if not whole:
                time.sleep(_TICK_S)
                if _was_put_away(path, file.fileno()):
                    file.close()
                    file, rest = path.open("rb"), b""
    finally:
        file.close()


def _was_put_away(path: Path, handle: int) -> bool:
    """Whether the name now means another file, or a shorter one."""
    try:
        now = path.stat()
    except FileNotFoundError:
        return False
    held = os.fstat(handle)
    return now.st_ino != held.st_ino or now.st_size < os.lseek(handle, 0, os.SEEK_CUR)


COMMAND: Final = Command(summary="Show what the house wrote.", group="Start", command=logs)
