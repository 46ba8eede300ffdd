"""The documents of the house: added, listed, searched, removed."""

from pathlib import Path
from typing import Final

import click
import msgspec

from freehold.cli.commands.contract import Command
from freehold.cli.house import House, path_of, talk
from freehold.cli.jobs import Job, Started, follow
from freehold.cli.show import count, place, table
from freehold.cli.terminal import Terminal
from freehold.core.errors import NotFound
from freehold.core.units import show_size

_DEFAULT_COLLECTION: Final = "documents"
_PAGE: Final = "500"
_SNIPPET: Final = 160


class Failed(msgspec.Struct, frozen=True, kw_only=True):
    """A file that could not be read, and why."""

    file: str
    reason: str


class Added(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the paths that were added."""

    files: int
    passages: int
    unchanged: int
    removed: int = 0
    failed: tuple[Failed, ...] = ()


class Hit(msgspec.Struct, frozen=True, kw_only=True):
    """A passage that was found."""

    file: str
    page: int | None
    line: int | None
    text: str
    score: float


class Hits(msgspec.Struct, frozen=True, kw_only=True):
    """What was found, best first."""

    hits: tuple[Hit, ...]


class Document(msgspec.Struct, frozen=True, kw_only=True):
    """A document, as far as it is read."""

    id: str
    collection: str
    file: str
    kind: str = ""
    bytes: int = 0
    passages: int = 0
    state: str = ""
    reason: str | None = None


class Documents(msgspec.Struct, frozen=True, kw_only=True):
    """Documents; `next` asks for more."""

    documents: tuple[Document, ...]
    next: str | None = None


class Removed(msgspec.Struct, frozen=True, kw_only=True):
    """Documents that are no longer known."""

    removed: tuple[str, ...]


@click.group()
def docs() -> None:
    """The documents that answers come from."""


@docs.command()
@click.argument("paths", nargs=-1, required=True, type=click.Path(exists=True, path_type=Path))
@click.option(
    "--collection", "-c", help="Where to add them (the name of the one folder, else documents)."
)
@click.pass_obj
def add(terminal: Terminal, paths: tuple[Path, ...], collection: str | None) -> None:
    """Add folders and files of this machine, and wait until they can be searched.

    What did not change since the last time is left as it is; what is gone is forgotten.
    """
    progress = terminal.progress("reading")
    whole = [path.resolve() for path in paths]
    body = {"paths": [str(path) for path in whole]}
    one_folder = whole[0].name if len(whole) == 1 and whole[0].is_dir() else ""
    into = collection or one_folder or _DEFAULT_COLLECTION

    def describe(job: Job) -> str:
        return f"{job.done} of {job.total}  {job.current}" if job.total else "looking for files"

    async def errand(house: House) -> Added:
        started = await house.post(path_of("collections", into, "add"), Started, body)
        return await follow(house, started, progress, describe, Added)

    added = talk(terminal, errand)
    for failed in added.failed:
        terminal.warn(f"{failed.file}: {failed.reason}")
    parts = [
        count(added.files, "file"),
        count(added.passages, "passage"),
        f"{added.unchanged} unchanged",
    ]
    parts += [f"{added.removed} removed"] if added.removed else []
    parts += [f"{len(added.failed)} not read"] if added.failed else []
    terminal.answer(added, " · ".join(parts))


@docs.command()
@click.option("--collection", "-c", default=None, help="Only this one.")
@click.pass_obj
def ls(terminal: Terminal, collection: str | None) -> None:
    """List the documents."""
    found = Documents(documents=talk(terminal, lambda house: _all(house, collection)))
    rows = [
        (
            each.id,
            each.collection,
            each.file,
            show_size(each.bytes),
            count(each.passages, "passage"),
            f"{each.state}: {each.reason}" if each.reason else each.state,
        )
        for each in found.documents
    ]
    head = ("ID", "COLLECTION", "FILE", "SIZE", "PASSAGES", "STATE")
    terminal.answer(found, table(head, rows) if rows else "no documents yet")


@docs.command()
@click.argument("query")
@click.option("--limit", "-n", default=10, type=click.IntRange(1, 100), help="Most hits.")
@click.option("--collection", "-c", "collections", multiple=True, help="Only in these.")
@click.pass_obj
def search(terminal: Terminal, query: str, limit: int, collections: tuple[str, ...]) -> None:
    """Find passages by their words and, where the house can, by their meaning."""
    body = {"query": query, "collections": list(collections) or None, "limit": limit}
    found = talk(terminal, lambda house: house.post("/search", Hits, body))
    lines = []
    for hit in found.hits:
        snippet = " ".join(hit.text.split())
        cut = f"{snippet[:_SNIPPET]}…" if len(snippet) > _SNIPPET else snippet
        lines.append(f"{place(hit.file, hit.page, hit.line)}  ({hit.score:.2f})\n    {cut}")
    terminal.answer(found, "\n".join(lines) or "nothing found")


@docs.command()
@click.argument("which", nargs=-1, required=True, metavar="DOCUMENT...")
@click.option("--collection", "-c", default=None, help="Only in this one.")
@click.pass_obj
def rm(terminal: Terminal, which: tuple[str, ...], collection: str | None) -> None:
    """Forget documents, named by id or by file; the files themselves stay."""

    async def errand(house: House) -> Removed:
        known = await _all(house, collection)
        meant = [each for each in known if each.id in which or each.file in which]
        named = {word for each in meant for word in (each.id, each.file)}
        if missing := [word for word in which if word not in named]:
            fix = terminal.command("docs ls") + " shows them"
            message = f"no document is called {missing[0]!r}"
            raise NotFound(message, where="documents", fix=fix)
        for each in meant:
            await house.delete(path_of("documents", each.id))
        return Removed(removed=tuple(each.file for each in meant))

    removed = talk(terminal, errand)
    terminal.answer(removed, f"forgot {count(len(removed.removed), 'document')}")


async def _all(house: House, collection: str | None) -> tuple[Document, ...]:
    """Every document, page by page."""
    found: list[Document] = []
    after: str | None = ""
    while after is not None:
        query = {"limit": _PAGE, "after": after}
        if collection is not None:
            query["collection"] = collection
        page = await house.get("/documents", Documents, query)
        found += page.documents
        after = page.next or None
    return tuple(found)


COMMAND: Final = Command(
    summary="Add, list, search and remove documents.", group="Use", command=docs
)
