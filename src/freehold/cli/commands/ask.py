"""Ask the house a question."""

import sys
from typing import Final

import click
import msgspec

from freehold.cli.asking import Asked, Question, ask_as_it_comes, ask_at_once
from freehold.cli.commands.contract import Command
from freehold.cli.house import talk
from freehold.cli.show import place
from freehold.cli.terminal import Terminal


class Citation(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that the answer stands on."""

    file: str
    page: int | None
    line: int | None
    quote: str
    verified: bool
    """Whether the quote stands in the document, word for word."""


class Answered(msgspec.Struct, frozen=True, kw_only=True):
    """The answer."""

    answer: str
    model: str
    refused: bool
    """Whether the documents do not say."""
    citations: tuple[Citation, ...]


@click.command()
@click.argument("question", required=False)
@click.option("--model", "-m", default="", help="Which model answers (the default one).")
@click.option("--collection", "-c", "collections", multiple=True, help="Only from these.")
@click.option("--no-stream", is_flag=True, help="Print the answer when it is complete.")
@click.pass_obj
def ask(
    terminal: Terminal,
    question: str | None,
    model: str,
    collections: tuple[str, ...],
    no_stream: bool,  # noqa: FBT001 - click's signature
) -> None:
    """Ask QUESTION of your documents; without it, or with -, the question is read from input."""
    asked = Question(
        question=_read_question(question), model=model, collections=collections or None
    )
    streamed = terminal.watched and not no_stream
    if streamed:
        found = talk(terminal, lambda house: ask_as_it_comes(house, terminal, asked))
    else:
        found = talk(terminal, lambda house: ask_at_once(house, asked))
    citations = tuple(
        Citation(
            file=each.file,
            page=each.page,
            line=each.line,
            quote=each.quote,
            verified=each.verified,
        )
        for each in found.citations
    )
    answered = Answered(
        answer=found.answer, model=found.model, refused=found.refused, citations=citations
    )
    text = _sources(found) if streamed else "\n\n".join([found.answer, _sources(found)]).strip()
    terminal.answer(answered, text)


def _read_question(question: str | None) -> str:
    """The question as typed, else from standard input."""
    if question not in {None, "-"}:
        text = question or ""
    elif sys.stdin.isatty():
        message = "the question is missing"
        raise click.UsageError(message, click.get_current_context())
    else:
        text = sys.stdin.read()
    if not text.strip():
        raise click.UsageError("the question is empty", click.get_current_context())
    return text.strip()


def _sources(found: Asked) -> str:
    """Where it stands, numbered as in the answer; a quote that was checked is in quotes."""
    lines = []
    for each in found.citations:
        quote = " ".join(each.quote.split())
        said = f'\n    "{quote}"' if each.verified and quote else ""
        lines.append(f"[{each.number}] {place(each.file, each.page, each.line)}{said}")
    return "\n".join(lines)


COMMAND: Final = Command(summary="Ask a question of your documents.", group="Use", command=ask)
