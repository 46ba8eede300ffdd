"""The entry point: runs one command, and turns every error into words and an exit code."""

import sys
import traceback

import click

from freehold.cli.envelope import schema_of
from freehold.cli.errors import Fault, Interrupted, UsageWrong
from freehold.cli.group import everywhere, freehold
from freehold.cli.terminal import Terminal
from freehold.core.errors import FreeholdError

_OUTPUT_CLOSED = 1


def main(argv: list[str] | None = None) -> int:
    """Run one command; returns the exit code (DESIGN, section 4)."""
    words = sys.argv[1:] if argv is None else argv
    before = words[: words.index("--")] if "--" in words else words
    terminal = Terminal(as_json="--json" in before)
    try:
        return _run(words, terminal)
    except BrokenPipeError:
        # Whoever read the answer has seen enough; closing must not complain a second time.
        sys.stdout = None
        return _OUTPUT_CLOSED


def _run(words: list[str], terminal: Terminal) -> int:
    """Run one command; every error but a closed output becomes words."""
    try:
        code = everywhere(freehold).main(
            words, prog_name="freehold", standalone_mode=False, obj=terminal
        )
    except click.UsageError as error:
        return terminal.fail(_misused(error, terminal))
    except click.ClickException as error:
        return terminal.fail(FreeholdError(error.format_message()))
    except (click.Abort, KeyboardInterrupt):
        return _interrupted(terminal)
    except FreeholdError as error:
        return terminal.fail(error)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last place that can say it in words
        fix = "report it with the lines that stand above"
        terminal.note(traceback.format_exc().rstrip())
        code = terminal.fail(Fault(f"{type(error).__name__}: {error}", fix=fix))
    return code if isinstance(code, int) else 0


def _misused(error: click.UsageError, terminal: Terminal) -> UsageWrong:
    """Click's error in our words, named after the command that was meant."""
    path = error.ctx.command_path if error.ctx else "freehold"
    terminal.schema = schema_of(path)
    message = error.format_message().rstrip(".")
    return UsageWrong(message[:1].lower() + message[1:], where=path, fix=f"{path} --help")


def _interrupted(terminal: Terminal) -> int:
    """Ctrl-C is no error to a person; a program is told in the envelope."""
    if terminal.as_json:
        return terminal.fail(Interrupted("stopped"))
    terminal.note("\nstopped")
    return Interrupted.exit_code
