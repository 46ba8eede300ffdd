"""Source code: cut between definitions, each piece knowing the definitions it stands in."""

import re
from collections.abc import Iterator
from typing import Final

from freehold.runtime.knowledge.decode import decode
from freehold.runtime.knowledge.read.contract import Head, Piece, Reader, Reading, Source
from freehold.runtime.knowledge.split import LONGEST, MOST_TOKENS, SHORTEST, fit, tokens

_DEFINITION: Final = re.compile(
    r"(?P<indent>[ \t]*)"
    r"(?:(?:export|default|public|private|protected|internal|static|abstract|final|sealed|async"
    r"|pub|extern|inline|unsafe|override|open|data|local|const|virtual|partial)"
    r"(?:\([^)]{0,40}\))?[ \t]+){0,5}"
    r"(?:def|class|func|function|fn|struct|enum|impl|interface|trait|module|namespace|record"
    r"|object|protocol|extension|mod|sub|procedure|defmodule|defp|union|contract)"
    r"[ \t]+(?P<name>[\w.:<>$*&\[\]]{1,80})"
)
_ENDINGS: Final = (
    "py pyi js mjs cjs jsx ts tsx java kt kts scala groovy go rs c h cc cpp cxx hpp hh cs fs vb "
    "swift m mm rb php pl pm lua r jl dart ex exs erl hs ml clj lisp el sh bash zsh fish ps1 bat "
    "sql css scss less vue svelte proto graphql tf hcl nix cmake gradle asm s zig nim v sol awk "
    "sed vim"
)
_TAB: Final = 4
_DEEPEST: Final = 4
_FILLED: Final = 400


def _detects(_head: Head) -> bool:
    return False


def _read(source: Source) -> Reading:
    return Reading(_pieces(decode(source.data).split("\n")))


def _pieces(lines: list[str]) -> Iterator[Piece]:
    """Lines put together until a definition or an empty line offers to stop, or room runs out."""
    inside: list[tuple[int, str]] = []
    held: list[str] = []
    start, heading, size, used = 1, "", 0, 0
    for number, line in enumerate(lines, 1):
        definition = _DEFINITION.match(line)
        blank = not line.strip()
        cost = tokens(line)
        pause = definition is not None and size >= SHORTEST
        pause = pause or (blank and size >= _FILLED)
        if held and (pause or size + len(line) > LONGEST or used + cost > MOST_TOKENS):
            yield from _out(held, start, heading)
            held, size, used = [], 0, 0
        if definition is not None:
            _step_in(inside, definition)
        elif not blank:
            _step_out(inside, line)
        if not held:
            if blank:
                continue
            start = number
            heading = " > ".join(name for _, name in inside)
        held.append(line)
        size += len(line) + 1
        used += cost
    yield from _out(held, start, heading)


def _out(held: list[str], start: int, heading: str) -> Iterator[Piece]:
    text = "\n".join(held).rstrip()
    if not text:
        return
    if len(text) <= LONGEST and tokens(text) <= MOST_TOKENS:
        yield Piece(text, None, start, heading)
        return
    for chunk in fit(text):
        yield Piece(chunk, None, start, heading)


def _step_in(inside: list[tuple[int, str]], definition: re.Match[str]) -> None:
    depth = len(definition.group("indent").expandtabs(_TAB))
    while inside and inside[-1][0] >= depth:
        inside.pop()
    if len(inside) < _DEEPEST:
        inside.append((depth, definition.group("name").rstrip(":<")))


def _step_out(inside: list[tuple[int, str]], line: str) -> None:
    """A line that is not indented ends what stood above, unless it only closes a bracket."""
    if line[0] not in " \t)]}#/*@" and inside and not line.startswith(("{", "else", "end")):
        depth = len(line) - len(line.lstrip())
        while inside and inside[-1][0] > depth:
            inside.pop()
        if inside and inside[-1][0] == depth:
            inside.pop()


READER: Final = Reader(
    summary="Source code of the usual languages, cut between definitions.",
    suffixes=tuple(f".{ending}" for ending in _ENDINGS.split()),
    names=("makefile", "dockerfile", "containerfile", "jenkinsfile", "vagrantfile", "rakefile"),
    detects=_detects,
    text=True,
    read=_read,
)
