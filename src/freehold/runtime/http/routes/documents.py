"""Documents: collections, files, search, and a question asked of them in one go."""

from pathlib import Path
from typing import Annotated, Final

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.units import GIB, MIB, Bytes
from freehold.runtime.calls import ChatCall, Citation, Message, Passage
from freehold.runtime.chat.steps import Finished
from freehold.runtime.http.contract import (
    Answer,
    Ask,
    FileReply,
    House,
    Route,
    as_json,
)
from freehold.runtime.knowledge.contract import Collection, Document, Meaning
from freehold.runtime.work.works import Progress as Told

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
_Path = Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
UPLOAD_LARGEST: Final = GIB


class _Collections(msgspec.Struct, frozen=True):
    collections: tuple[Collection, ...]
    meaning: Meaning


class _Documents(msgspec.Struct, frozen=True):
    documents: tuple[Document, ...]
    next: str | None


class _Put(msgspec.Struct, frozen=True):
    document: Document
    unchanged: bool


class _Add(msgspec.Struct):
    paths: Annotated[tuple[_Path, ...], msgspec.Meta(min_length=1, max_length=1000)]


class _Job(msgspec.Struct, frozen=True):
    job: str


class _Search(msgspec.Struct):
    query: Annotated[str, msgspec.Meta(max_length=10_000)]
    collections: tuple[_Name, ...] | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=100)] = 10


class _Hits(msgspec.Struct, frozen=True):
    hits: tuple[Passage, ...]
    meaning: bool


class _Question(msgspec.Struct):
    question: Annotated[str, msgspec.Meta(min_length=1, max_length=200_000)]
    model: Annotated[str, msgspec.Meta(max_length=200)] = ""
    collections: tuple[_Name, ...] | None = None


class _Answered(msgspec.Struct, frozen=True, kw_only=True):
    answer: str
    model: str
    refused: bool
    citations: tuple[Citation, ...]


class _Suggestions(msgspec.Struct, frozen=True):
    questions: tuple[str, ...]


async def collections(ask: Ask, house: House) -> Answer:
    """Every collection, and how far search by meaning is."""
    del ask
    return as_json(_Collections(await house.library.collections(), house.library.meaning()))


async def page(ask: Ask, house: House) -> Answer:
    """Documents with their state."""
    limit = max(1, ask.query_number("limit", 200, 1000))
    collection = ask.query("collection") or None
    found = await house.library.documents(collection, ask.query("after"), limit)
    following = found[-1].id if len(found) == limit else None
    return as_json(_Documents(found, following))


async def put(ask: Ask, house: House) -> Answer:
    """Keep an uploaded file and queue it for reading; it is on disk when this answers."""
    name = ask.named("path")
    blob = await house.blobs.put(ask.pieces(), Bytes(ask.body_limit))
    document, unchanged = await house.library.put(
        ask.named("collection"), name, house.blobs.path(blob.sha256)
    )
    return as_json(_Put(document, unchanged))


async def add(ask: Ask, house: House) -> Answer:
    """Read files and folders of this machine, where they lie."""
    wanted = await ask.json(_Add)
    collection = ask.named("collection")
    paths = tuple(Path(path) for path in wanted.paths)
    if any(not path.is_absolute() or "\0" in str(path) for path in paths):
        raise BadRequest("every path must be absolute", where="paths")

    async def read(told: Told) -> object:
        return await house.library.add(
            paths, collection, lambda p: told(p.done, p.total, p.current)
        )

    return as_json(_Job(house.works.start("job", ask.user.id, read).id), status=202)


async def remove(ask: Ask, house: House) -> Answer:
    """Forget a document; a file of the machine itself stays where it is."""
    await house.library.remove(ask.named("id"))
    return as_json({})


async def text(ask: Ask, house: House) -> Answer:
    """What was read from a document, in its pieces, all of it or one page."""
    number = ask.query_number("page", 0, 10**6)
    return as_json(await house.library.text(ask.named("id"), number or None))


async def file(ask: Ask, house: House) -> Answer:
    """The document itself, as an attachment."""
    document, path = await house.library.file(ask.named("id"))
    return FileReply(path=str(path), name=Path(document.file).name)


async def search(ask: Ask, house: House) -> Answer:
    """The passages that would be found for a question."""
    wanted = await ask.json(_Search)
    found = await house.library.search(
        wanted.query, collections=wanted.collections, limit=wanted.limit
    )
    return as_json(_Hits(found.hits, found.meaning))


async def suggestions(ask: Ask, house: House) -> Answer:
    """Questions that the documents themselves suggest."""
    del ask
    return as_json(_Suggestions(await house.library.suggestions()))


async def question(ask: Ask, house: House) -> Answer:
    """Ask, and have the whole answer with its citations."""
    wanted = await ask.json(_Question)
    call = ChatCall(model=wanted.model, messages=(Message(role="user", content=wanted.question),))
    async with house.answers.answer(call, wanted.collections) as steps:
        async for step in steps:
            if isinstance(step, Finished):
                return as_json(
                    _Answered(
                        answer=step.answer,
                        model=step.model,
                        refused=step.refused,
                        citations=step.citations,
                    )
                )
    raise AssertionError("an answer ends with Finished")


_AT: Final = "/freehold/v1"
ROUTES: Final = (
    Route(
        method="GET",
        path=f"{_AT}/collections",
        who="person",
        take=collections,
        summary="Every collection.",
    ),
    Route(
        method="GET",
        path=f"{_AT}/documents",
        who="person",
        take=page,
        summary="Documents with their state.",
    ),
    Route(
        method="PUT",
        path=_AT + "/collections/{collection}/files/{path:path}",
        who="person",
        take=put,
        summary="Keep an uploaded file and read it.",
        body_limit=UPLOAD_LARGEST,
    ),
    Route(
        method="POST",
        path=_AT + "/collections/{collection}/add",
        who="admin",
        take=add,
        summary="Read files and folders of this machine.",
        body_limit=MIB,
    ),
    Route(
        method="DELETE",
        path=_AT + "/documents/{id}",
        who="person",
        take=remove,
        summary="Forget a document.",
    ),
    Route(
        method="GET",
        path=_AT + "/documents/{id}/text",
        who="person",
        take=text,
        summary="What was read from a document.",
    ),
    Route(
        method="GET",
        path=_AT + "/documents/{id}/file",
        who="person",
        take=file,
        summary="The document itself.",
    ),
    Route(
        method="POST",
        path=f"{_AT}/search",
        who="person",
        take=search,
        summary="The passages that would be found.",
    ),
    Route(
        method="GET",
        path=f"{_AT}/suggestions",
        who="person",
        take=suggestions,
        summary="Questions the documents suggest.",
    ),
    Route(
        method="POST",
        path=f"{_AT}/ask",
        who="person",
        take=question,
        summary="Ask, and have the whole answer.",
        body_limit=MIB,
        costs=True,
    ),
)
