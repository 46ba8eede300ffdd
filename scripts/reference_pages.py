"""The pages of docs/reference, each derived from the code and never edited.

A page is a function without arguments; its name is the name of its file. `tests/house` holds every
page to what is in the repository.
"""

import ast
import importlib
import importlib.util
import inspect
import pkgutil
import re
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

import freehold
from freehold.cli.commands import COMMANDS
from freehold.cli.group import GROUPS, everywhere
from freehold.core.errors import FreeholdError
from freehold.runtime.http.table import TABLE
from freehold.spec import load
from freehold.spec.check import CHECKS
from freehold.spec.model.spec import Spec

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDER: Final = ROOT / "docs" / "reference"
_MADE: Final = "<!-- Written by scripts/reference from the code; edit the code instead. -->"
_NOT_IMPORTED: Final = re.compile(r"__main__|\.leash$|_child$|\.child_main$")


def commands() -> str:
    """Every command, its arguments and options."""
    parts = [_MADE, "# Commands", _COMMANDS_INTRO]
    for group in GROUPS:
        parts.append(f"## {group}")
        for name, card in COMMANDS.all():
            if card.group == group:
                parts += _command(f"freehold {name}", everywhere(card.command))
    return "\n\n".join(parts) + "\n"


_COMMANDS_INTRO: Final = """\
`--home DIR` (the folder of the house) and `--json` work on every command, before or after its
word. Answers go to standard output, everything else to standard error.

With `--json` the answer is one object: `{"schema": "freehold/<command>@1", "ok": true, "data": …,
"error": null, "warnings": []}`; after a failure `ok` is false and `error` is `{code, title, where,
fix}`.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | failed |
| 2 | not written as a command must be |
| 3 | `freehold.yaml` is not valid |
| 4 | not signed in, or not allowed |
| 5 | the house, or what it needs, cannot be reached |
| 7 | refused for safety |
| 8 | not finished in the time allowed; it goes on |
| 130 | interrupted |"""


def _command(path: str, command: click.Command) -> list[str]:
    if isinstance(command, click.Group):
        parts = []
        for word, below in command.commands.items():
            parts += _command(f"{path} {word}", below)
        return parts
    arguments = [each for each in command.params if isinstance(each, click.Argument)]
    usage = " ".join([path, *(_argument(each) for each in arguments)])
    parts = [f"### `{usage}`", inspect.cleandoc(command.help or "")]
    rows = [
        f"| `{_option(each)}` | {each.help} |"
        for each in command.params
        if isinstance(each, click.Option) and not each.hidden and each.expose_value
    ]
    if rows:
        parts.append("\n".join(["| option | |", "|---|---|", *rows]))
    return parts


def _argument(argument: click.Argument) -> str:
    name = (argument.metavar or (argument.name or "").upper()).removesuffix("...")
    name += "…" if argument.nargs == -1 else ""
    return name if argument.required else f"[{name}]"


def _option(option: click.Option) -> str:
    names = ", ".join(sorted(option.opts, key=len))
    if option.secondary_opts:
        return f"{names} / {', '.join(option.secondary_opts)}"
    if option.is_flag:
        return names
    kind = option.metavar or option.type.name.upper().replace(" RANGE", "").replace("INTEGER", "N")
    return f"{names} {kind.replace('FLOAT', 'SECONDS')}"


def errors() -> str:
    """Every error code with what it means and what follows from it."""
    parts = [_MADE, "# Errors", _ERRORS_INTRO]
    rows = ["| code | what it says | exit | HTTP | try again |", "|---|---|---|---|---|"]
    for code, kind in sorted(error_classes().items()):
        meaning = _first_line(kind)
        again = "yes" if kind.retryable else "no"
        rows.append(f"| {code} | {meaning} | {kind.exit_code} | {kind.status} | {again} |")
    parts.append("\n".join(rows))
    rows = ["| code | what is wrong |", "|---|---|"]
    rows += [f"| {code} | {meaning} |" for code, meaning in load.CODES.items()]
    rows += [f"| {code} | Not kept: {_first_line(rule)} |" for code, rule in CHECKS.items()]
    parts += ["## In `freehold.yaml`", "All of them are told at once; exit code 3."]
    parts.append("\n".join(rows))
    rows = ["| code | what is wrong |", "|---|---|"]
    rows += [f"| {code} | {meaning} |" for code, meaning in setup_errors().items()]
    parts += ["## While `./freehold` sets itself up", "\n".join(rows)]
    return "\n\n".join(parts) + "\n"


_ERRORS_INTRO: Final = """\
An error looks the same everywhere: a code that can be searched for, where it is, what is wrong and
why, and the next step. On a terminal:

```
error FH-HOUSE-005  /home/ada/.local/share/freehold
  no house is running here
  fix   freehold up --detach
```

Over HTTP it is problem+json under `/freehold/v1`, elsewhere the error object of the dialect."""


def error_classes() -> dict[str, type[FreeholdError]]:
    """Every error class of the product by its code."""
    for module in pkgutil.walk_packages(freehold.__path__, "freehold."):
        if not _NOT_IMPORTED.search(module.name):
            importlib.import_module(module.name)
    found: dict[str, type[FreeholdError]] = {}
    for kind in _below(FreeholdError):
        if "code" in vars(kind) and kind.__module__.startswith("freehold."):
            assert kind.code not in found, f"{kind.code} is both {kind} and {found[kind.code]}"
            found[kind.code] = kind
    return found


def _below(kind: type[FreeholdError]) -> Iterator[type[FreeholdError]]:
    yield kind
    for each in kind.__subclasses__():
        yield from _below(each)


def setup_errors() -> Mapping[str, str]:
    """Errors of the launcher, which is no part of the package."""
    file = ROOT / "bootstrap" / "setup.py"
    spec = importlib.util.spec_from_file_location("freehold_bootstrap", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    found: Mapping[str, str] = module.ERRORS
    return found


def spec() -> str:
    """Every key of freehold.yaml."""
    rows = ["| key | kind | usual value | |", "|---|---|---|---|"]
    rows += [f"| `{key}` | {kind} | {usual} | {text} |" for key, kind, usual, text in _keys(Spec)]
    return "\n\n".join([_MADE, "# freehold.yaml", _SPEC_INTRO, "\n".join(rows)]) + "\n"


_SPEC_INTRO: Final = """\
Settings are optional: a house without this file works. `freehold up` reads the file named by
`--spec`, else `freehold.yaml` in the current folder, else the one in the home. A flag of the
command line wins over the file. A key that is not in this table is an error.

```yaml
freehold: 1
name: The Lighthouse
access:
  port: 4747
  hosts: [ai.example.org]     # the name a reverse proxy with TLS asks for
models:
  threads: 4
```"""


def _keys(kind: type[msgspec.Struct], path: str = "") -> Iterator[tuple[str, str, str, str]]:
    texts = field_texts(kind)
    for field in msgspec.structs.fields(kind):
        key = f"{path}{field.name}"
        if isinstance(field.type, type) and issubclass(field.type, msgspec.Struct):
            yield from _keys(field.type, f"{key}.")
            continue
        usual = field.default if field.default is not msgspec.NODEFAULT else ""
        shown = "" if usual in {"", ()} else f"`{usual}`"
        yield key, _kind_name(field.type), shown, texts[field.name]


def _kind_name(kind: object) -> str:
    names: dict[object, str] = {int: "whole number", str: "text", bool: "true or false"}
    return names.get(kind, "list of text")


def field_texts(kind: type[msgspec.Struct]) -> dict[str, str]:
    """The docstring under each field of a struct."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(kind))).body[0]
    assert isinstance(tree, ast.ClassDef)
    found = {}
    for field, text in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            assert isinstance(field.target, ast.Name)
            assert isinstance(text.value, ast.Constant)
            found[field.target.id] = " ".join(str(text.value.value).split())
    return found


def http() -> str:
    """Every route."""
    rows = ["| method | path | who | largest body | |", "|---|---|---|---|---|"]
    for route in sorted(TABLE, key=lambda each: (each.path, each.method)):
        path = re.sub(r":\w+}", "}", route.path)
        takes_body = route.method in {"POST", "PUT", "PATCH"}
        largest = _size(route.body_limit) if takes_body else ""
        rows.append(f"| {route.method} | `{path}` | {route.who} | {largest} | {route.summary} |")
    return "\n\n".join([_MADE, "# HTTP", _HTTP_INTRO, "\n".join(rows)]) + "\n"


_HTTP_INTRO: Final = """\
One port serves everything. A route that is not in this table does not exist.

Who may call: `public` is anybody who reaches the port; `person` is signed in, or has a key
(`Authorization: Bearer fh-…`); `admin` is a person with that role; `local` is the command line of
this machine. A browser that is signed in by cookie sends `X-Freehold-CSRF` with everything but
GET. Errors of `/freehold/v1` are problem+json with `code`, `where` and `fix`."""


def _size(amount: int) -> str:
    for unit, size in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if amount >= size:
            return f"{amount // size} {unit}"
    return f"{amount} B"


def _first_line(thing: object) -> str:
    return " ".join((inspect.getdoc(thing) or "").partition("\n\n")[0].split())


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "commands.md": commands,
    "errors.md": errors,
    "http.md": http,
    "spec.md": spec,
}


def main() -> int:
    """Write every page, or with `--check` name those that are out of date."""
    check = sys.argv[1:] == ["--check"]
    old = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        text, file = page(), FOLDER / name
        if file.is_file() and file.read_text(encoding="utf-8") == text:
            continue
        old.append(name)
        if not check:
            file.write_text(text, encoding="utf-8")
    if check and old:
        sys.stderr.write(f"out of date: {', '.join(old)}; run scripts/reference\n")
        return 1
    sys.stdout.write(f"{'checked' if check else 'wrote'} {len(PAGES)} pages, {len(old)} changed\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
