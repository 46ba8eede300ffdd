"""The door of the knowledge room: add documents, see and search them, ground answers in them."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path, PurePosixPath
from typing import Final

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import BadRequest, NotFound, StoreFailed
from freehold.core.log import Log
from freehold.runtime.knowledge.contract import (
    Added,
    Collection,
    Document,
    DocumentText,
    Found,
    Grounds,
    Meaning,
    Told,
)
from freehold.runtime.knowledge.documents import Documents, FoundFile
from freehold.runtime.knowledge.embed import Embedder
from freehold.runtime.knowledge.index.sqlite import SqliteIndex
from freehold.runtime.knowledge.ingest import Ingest
from freehold.runtime.knowledge.reader import Readers
from freehold.runtime.knowledge.retrieve import search
from freehold.runtime.knowledge.suggest import suggest
from freehold.runtime.store.blobs import Blobs
from freehold.runtime.store.database import Database

PASSAGES_FOR_AN_ANSWER: Final = 10
"""Passages an answer is grounded in at most; how many a model is shown, its context decides."""
OF_THE_BEST: Final = 0.5
"""Share of the best passage's score below which a passage is not said to match."""
_LONGEST_NAME: Final = 200
_LONGEST_FILE: Final = 1000


class Library:
    """All documents of the house. Made by `Library.open`."""

    def __init__(
        self,
        documents: Documents,
        index: SqliteIndex,
        ingest: Ingest,
        embedder: Embedder,
        blobs: Blobs,
    ) -> None:
        self._documents = documents
        self._index = index
        self._ingest = ingest
        self._embedder = embedder
        self._blobs = blobs
        self._keeping = asyncio.Lock()

    @classmethod
    @asynccontextmanager
    async def open(
        cls,
        database: Database,
        *,
        blobs: Blobs,
        readers: Readers,
        embedder: Embedder,
        clock: Clock,
        log: Log,
    ) -> "AsyncGenerator[Library]":
        """The library over a database; reading and embedding go on in the background until left.

        Args:
            database: `knowledge.sqlite`; the caller closes it afterwards.
            blobs: where uploaded files were put; the library removes those of removed documents.
            readers: entered by the caller.
            embedder: gives passages their meaning; `Embedder.off(...)` where that is not wanted.
            clock: dates documents.
            log: told what went wrong, never what documents say.
        """
        index = SqliteIndex(database)
        documents = Documents(database, index, clock)
        ingest = Ingest(documents, readers, log, indexed=embedder.wake)
        works = (ingest.run, lambda: embedder.run(index))
        tasks = [asyncio.ensure_future(_kept_going(work, log)) for work in works]
        try:
            yield cls(documents, index, ingest, embedder, blobs)
        finally:
            await _end(tasks)

    async def add(self, paths: Sequence[Path], collection: str, told: Told) -> Added:
        """Bring a collection in step with files and folders of this machine, read in place.

        Files that were added before from one of these folders and are gone now are forgotten.

        Raises:
            BadRequest: the collection cannot be called so.
            NotFound: one of the paths is not there; nothing was changed.
            DiskFull, StoreFailed: not everything was kept; adding again goes on from there.
        """
        return await self._ingest.add(paths, _checked(collection), told)

    async def put(self, collection: str, name: str, source: Path) -> tuple[Document, bool]:
        """Keep an uploaded file, whose bytes lie in the blob `source`, and queue it for reading.

        Returns the document, on disk, and whether it was known with the same bytes already.

        Raises:
            BadRequest: the collection or the file cannot be called so.
            StoreFailed, DiskFull: it was not kept.
        """
        _checked(collection)
        place = f"upload/{_checked_file(name)}"
        digest = source.parent.name + source.name
        async with self._keeping:
            known = await self._documents.known_at(collection, place)
            if known and known.sha256 == digest and known.state == "indexed":
                return await self._at(known.number), True
            found = await asyncio.to_thread(_size, source)
            file = FoundFile(
                file=name,
                place=place,
                path=str(source),
                bytes=found,
                changed_ns=0,
                sha256=digest,
            )
            (number,) = await self._ingest.expect(collection, (file,))
        return await self._at(number), False

    async def remove(self, document_id: str) -> None:
        """Forget a document; an uploaded one's bytes go too, a file of the machine stays.

        Raises:
            NotFound: there is no such document.
            StoreFailed, DiskFull: it was not forgotten.
        """
        async with self._keeping:
            found = await self._documents.numbered(document_id)
            if found is None:
                raise _no_such(document_id)
            number, path, digest = found
            await self._documents.remove((number,))
            with contextlib.suppress(NotFound):
                is_blob = digest and str(self._blobs.path(digest)) == path
                if is_blob and not await self._documents.lying_at(path):
                    await self._blobs.delete(digest)

    async def collections(self) -> tuple[Collection, ...]:
        """Every collection, by name. Raises `StoreFailed`."""
        return await self._documents.collections()

    async def documents(
        self, collection: str | None, after: str, limit: int
    ) -> tuple[Document, ...]:
        """Documents, oldest first, that come after the id `after`. Raises `StoreFailed`."""
        return await self._documents.page(collection, after, limit)

    async def document(self, document_id: str) -> Document:
        """One document. Raises `NotFound`, `StoreFailed`."""
        found = await self._documents.document(document_id)
        if found is None:
            raise _no_such(document_id)
        return found

    async def text(self, document_id: str, page: int | None) -> DocumentText:
        """What was read from a document, of one page or all. Raises `NotFound`, `StoreFailed`."""
        document = await self.document(document_id)
        parts = await self._documents.pieces(document_id, page)
        return DocumentText(
            file=document.file, kind=document.kind, pages=document.pages, page=page, parts=parts
        )

    async def file(self, document_id: str) -> tuple[Document, Path]:
        """A document and where its bytes lie. Raises `NotFound`, `StoreFailed`."""
        document = await self.document(document_id)
        found = await self._documents.numbered(document_id)
        if found is None:
            raise _no_such(document_id)
        _, path, digest = found
        with contextlib.suppress(NotFound):  # an uploaded file lies where this home is now
            return document, self._blobs.path(digest)
        return document, Path(path)

    async def search(
        self, query: str, *, collections: tuple[str, ...] | None = None, limit: int = 10
    ) -> Found:
        """The passages that a query finds, by words and, where it is on, by meaning.

        Raises:
            StoreFailed: the index could not be read.
        """
        return await search(self._index, self._embedder, query, collections, limit)

    async def ask(self, question: str, collections: tuple[str, ...] | None = None) -> Grounds:
        """What there is to answer a question from; refused when the documents do not say.

        Raises:
            StoreFailed: the index could not be read.
        """
        found = await self.search(question, collections=collections, limit=PASSAGES_FOR_AN_ANSWER)
        least = found.hits[0].score * OF_THE_BEST if found.hits else 0.0
        passages = tuple(hit for hit in found.hits if hit.score >= least)
        return Grounds(
            passages=passages if found.answers else (),
            refused=not found.answers,
            nearest=found.nearest,
            meaning=found.meaning,
        )

    async def suggestions(self) -> tuple[str, ...]:
        """Up to three questions that the documents' own headings suggest. Raises `StoreFailed`."""
        return suggest(await self._documents.headings())

    def meaning(self) -> Meaning:
        """Whether search finds by meaning, and how far the passages are."""
        return self._embedder.meaning

    async def _at(self, number: int) -> Document:
        document = await self._documents.document_at(number)
        if document is None:
            raise NotFound("the document was removed at the same moment")
        if number in self._ingest.in_hand and document.state == "waiting":
            return msgspec.structs.replace(document, state="reading")
        return document


async def _kept_going(work: Callable[[], Awaitable[None]], log: Log) -> None:
    """Run work that has no end of its own; if it breaks, the rest of the house goes on."""
    try:
        await work()
    except Exception as error:  # noqa: BLE001 - a task supervisor: one room, not the house
        log.error("background work of the library ended", error=repr(error))


async def _end(tasks: Sequence[asyncio.Future[None]]) -> None:
    """Cancel tasks until they are over.

    Once is not enough: a task group in which something fails while it is being cancelled raises
    the failure and forgets the cancelling (Python 3.11), and its task goes on.
    """
    going = set(tasks)
    while going:
        for task in going:
            task.cancel()
        _, going = await asyncio.wait(going, timeout=0.5)
    await asyncio.gather(*tasks, return_exceptions=True)


def _checked(collection: str) -> str:
    if not collection.strip() or len(collection) > _LONGEST_NAME or not collection.isprintable():
        message = f"a collection cannot be called {collection[:40]!r}"
        raise BadRequest(message, fix="a name has 1 to 200 printable characters")
    return collection


def _checked_file(name: str) -> str:
    """A relative path that stays below where it begins."""
    path = PurePosixPath(name)
    bad = path.is_absolute() or not path.parts or ".." in path.parts
    if bad or len(name) > _LONGEST_FILE or not name.isprintable():
        message = f"a file cannot be called {name[:40]!r}"
        raise BadRequest(message, fix="a relative path of printable characters, without `..`")
    return str(path)


def _size(source: Path) -> int:
    try:
        return source.stat().st_size
    except OSError as error:
        message = "the uploaded file was removed at the same moment; upload it again"
        raise StoreFailed(message, where=str(source)) from error


def _no_such(document_id: str) -> NotFound:
    message = f"there is no document {document_id[:40]!r}"
    return NotFound(message)
