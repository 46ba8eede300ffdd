"""Start the house."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import click
import msgspec

from freehold.cli.commands.contract import Command
from freehold.cli.detach import Word, send, start_detached
from freehold.cli.house_log import kept
from freehold.cli.pages import open_page
from freehold.cli.terminal import Terminal
from freehold.core.errors import ErrorCard, FreeholdError
from freehold.core.units import Seconds
from freehold.spec.lock import already_running, holder
from freehold.spec.model.spec import Spec
from freehold.spec.token_file import read_key
from freehold.spec.up import Ready, UpOptions


class Up(msgspec.Struct, frozen=True, kw_only=True):
    """A house that serves."""

    url: str
    pid: int
    ready_s: float
    """From the command to the first request that can be served."""
    setup_token: str | None = None
    """For the set-up page, once; null when the house has an owner or is headless."""


class _Flags(msgspec.Struct, frozen=True, kw_only=True):
    """What was typed after `up`."""

    detach: bool
    headless: bool
    admin_token_file: Path | None
    port: int | None
    spec: Path | None
    lean: bool
    demo: bool
    open: bool | None


@click.command()
@click.option("--detach", "-d", is_flag=True, help="Return once the house serves; it runs on.")
@click.option("--headless", is_flag=True, help="No set-up page; needs --admin-token-file.")
@click.option(
    "--admin-token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Leave an admin key in FILE (mode 600). A key of this house already there is kept.",
)
@click.option("--port", type=click.IntRange(0, 65535), help="Port to listen on (4747).")
@click.option(
    "--spec",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Settings (freehold.yaml here, else in the home).",
)
@click.option("--lean", is_flag=True, help="Search by words only; no embedding model.")
@click.option("--demo", is_flag=True, help="Offer the tiny demonstration model.")
@click.option("--open/--no-open", default=None, help="Open the page in a browser.")
@click.option("--report-to", type=int, default=None, hidden=True)
@click.pass_context
def up(context: click.Context, /, report_to: int | None, **typed: object) -> None:
    """Start the house and stay with it; Ctrl-C stops everything in order."""
    terminal = context.ensure_object(Terminal)
    flags = msgspec.convert(typed, type=_Flags)
    if report_to is not None:
        context.exit(_report(terminal, flags, report_to))
    options = _options(terminal, flags)
    if flags.detach:
        start = terminal.clock.now()
        ready = start_detached(terminal, _words(options, flags))
        took = round(terminal.clock.now() - start, 3)
        _say(terminal, flags, msgspec.structs.replace(ready, ready_s=Seconds(took)))
        return
    with kept(options.home.house_log, watched=True):
        code = _run(options, lambda ready: _say(terminal, flags, ready))
    if terminal.watched:
        terminal.note("\nstopped")
    context.exit(code)


def _options(terminal: Terminal, flags: _Flags) -> UpOptions:
    """What the flags and the spec say together; whatever can be refused at once is refused."""
    if flags.headless != (flags.admin_token_file is not None):
        message = "--headless and --admin-token-file FILE go together"
        raise click.UsageError(message, click.get_current_context())
    spec = _spec(terminal, flags.spec)
    home = terminal.home
    home.create()
    if (pid := holder(home)) is not None:
        raise already_running(home, pid)
    token_file = flags.admin_token_file
    if token_file is not None:
        token_file = token_file.absolute()
        read_key(token_file)
    return UpOptions(
        home=home,
        environment=terminal.environment,
        spec=spec,
        bind=spec.access.bind,
        port=spec.access.port if flags.port is None else flags.port,
        lean=flags.lean,
        demo=flags.demo,
        headless=flags.headless,
        admin_token_file=token_file,
        detached=False,
    )


def _spec(terminal: Terminal, asked: Path | None) -> Spec:
    """The spec that was named, else the one here, else the one in the home, else none."""
    found = asked
    for usual in (Path("freehold.yaml"), terminal.home.spec):
        if found is None and usual.is_file():
            found = usual
    if found is None:
        return Spec()
    from freehold.spec.load import load_spec  # noqa: PLC0415 - brings the YAML reader

    if asked is None:
        terminal.note(f"settings  {found.resolve()}")
    return load_spec(found)


def _words(options: UpOptions, flags: _Flags) -> list[str]:
    """The command that starts the same house again, from any folder."""
    words = ["up", "--home", str(options.home.root), "--port", str(options.port)]
    spec = flags.spec or (Path("freehold.yaml") if Path("freehold.yaml").is_file() else None)
    words += ["--spec", str(spec.resolve())] if spec else []
    words += ["--headless"] if flags.headless else []
    words += ["--lean"] if flags.lean else []
    words += ["--demo"] if flags.demo else []
    file = options.admin_token_file
    return [*words, "--admin-token-file", str(file)] if file else words


def _run(options: UpOptions, announce: Callable[[Ready], None]) -> int:
    from freehold.runtime.app import run  # noqa: PLC0415 - the whole house comes with it

    return run(options, announce)


def _report(terminal: Terminal, flags: _Flags, pipe: int) -> int:
    """Be the detached house: what a terminal would be told goes through the pipe."""
    os.set_inheritable(pipe, False)  # noqa: FBT003 - the os module's own signature
    said: list[Ready] = []

    def announce(ready: Ready) -> None:
        said.append(ready)
        send(Word(ready=ready), pipe)

    try:
        options = msgspec.structs.replace(_options(terminal, flags), detached=True)
        with kept(options.home.house_log, watched=False):
            return _run(options, announce)
    except FreeholdError as error:
        if not said:
            findings = tuple(
                ErrorCard(code=each.code, title=each.message, where=each.where, fix=each.fix)
                for each in getattr(error, "findings", ())
            )
            word = Word(error=error.card(), findings=findings, exit_code=error.exit_code)
            send(word, pipe)
        raise


def _say(terminal: Terminal, flags: _Flags, ready: Ready) -> None:
    """One line: where the house is, and the token that makes its first owner."""
    found = Up(url=ready.url, pid=ready.pid, ready_s=ready.ready_s, setup_token=ready.setup_token)
    page = f"{ready.url}/#token={ready.setup_token}" if ready.setup_token else ready.url
    once = "with a set-up token that works once; " if ready.setup_token else ""
    stop = terminal.command("down") if flags.detach else "Ctrl-C"
    terminal.answer(found, f"Freehold is at {page}  ({once}{stop} stops it)")
    may_open = not flags.headless and flags.open is not False
    if may_open and (flags.open or (terminal.watched and terminal.environment.display)):
        open_page(page)


COMMAND: Final = Command(summary="Start the house.", group="Start", command=up)
