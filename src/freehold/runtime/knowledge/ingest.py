"""Files to passages: what is new is read, what changed is read again, what vanished is forgotten.

A document is noted as waiting before anything is read of it, and its passages replace the old ones
in the transaction that says it is indexed. So whatever kills the house, the next start finds every
document either as it was, or waiting, and reads on.
"""

import asyncio
import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from freehold.core.errors import ChildFailed, FreeholdError, NotFound
from freehold.core.log import Log
from freehold.runtime.knowledge.contract import Added, FailedFile, Progress, Told
from freehold.runtime.knowledge.documents import Documents, FoundFile, Known, Outcome, ToRead
from freehold.runtime.knowledge.folder import Walk, walk
from freehold.runtime.knowledge.read.contract import LARGEST_FILE, Unreadable
from freehold.runtime.knowledge.reader import Readers

READING: Final = 4
"""Documents in hand at once: two in the reading children, two on their way there or back."""
_LARGEST_BATCH: Final = 64
"""Documents that share one transaction at most."""
_MOST_PIECES: Final = 20_000
"""Pieces of one transaction, so that none holds the writer for seconds."""
_CHUNK: Final = 1 << 20


class Difference(msgspec.Struct, frozen=True, kw_only=True):
    """What a walk says about what is known. Pure outcome of `compare`."""

    to_read: tuple[FoundFile, ...]
    """New files, and those that failed before."""
    to_check: tuple[FoundFile, ...]
    """Files whose size or time of change is not what it was."""
    unchanged: int
    gone: tuple[int, ...]
    """Numbers of documents whose file is no longer in a folder that was walked."""


class Ingest:
    """Reads documents in the background. Start `run` once; `add` and `expect` at any time."""

    def __init__(
        self, documents: Documents, readers: Readers, log: Log, *, indexed: Callable[[], None]
    ) -> None:
        self._documents = documents
        self._readers = readers
        self._log = log.named("documents")
        self._indexed = indexed
        self._queue: asyncio.Queue[int] = asyncio.Queue()
        self._read: asyncio.Queue[Outcome] = asyncio.Queue(maxsize=_LARGEST_BATCH)
        self._waited: dict[int, asyncio.Future[Outcome]] = {}
        self._again: set[int] = set()
        self.in_hand: set[int] = set()
        """Numbers of the documents being read now."""

    async def run(self) -> None:
        """Read what waits, then whatever comes; until cancelled."""
        for job in await self._documents.to_read():
            self._enqueue(job.number)
        async with asyncio.TaskGroup() as group:
            for _ in range(READING):
                group.create_task(self._read_all())
            group.create_task(self._settle_all())

    async def expect(self, collection: str, files: Sequence[FoundFile]) -> tuple[int, ...]:
        """Note files as waiting and have them read; returns once they are noted, on disk.

        Raises:
            DiskFull, StoreFailed: nothing was noted.
        """
        numbers = await self._documents.expect(collection, files)
        for number in numbers:
            self._enqueue(number)
        return numbers

    async def add(self, paths: Sequence[Path], collection: str, told: Told) -> Added:
        """Bring a collection in step with files and folders of this machine.

        Raises:
            NotFound: one of the paths is not there.
            DiskFull, StoreFailed: not everything was kept; adding again goes on from there.
        """
        walked = await asyncio.to_thread(walk, paths)
        difference = compare(walked, await self._documents.known(collection))
        changed, same = await self._really_changed(collection, difference.to_check)
        if difference.gone:
            await self._documents.remove(difference.gone)
        unchanged = difference.unchanged + same
        total = len(walked.files)
        told(Progress(done=unchanged, total=total, current=""))
        numbers = await self.expect(collection, (*difference.to_read, *changed))
        outcomes = await self._outcomes(numbers, unchanged, total, told)
        good = [outcome for outcome in outcomes if outcome.read]
        failed = [_failure(outcome) for outcome in outcomes if not outcome.read]
        return Added(
            files=len(good),
            passages=sum(len(outcome.read.pieces) for outcome in good if outcome.read),
            unchanged=unchanged,
            removed=len(difference.gone),
            failed=(*walked.failed, *failed),
            skipped=walked.skipped,
        )

    async def _really_changed(
        self, collection: str, files: Sequence[FoundFile]
    ) -> tuple[list[FoundFile], int]:
        """Those with other bytes, and how many have the same."""
        if not files:
            return [], 0
        known = await self._documents.known(collection)
        changed: list[FoundFile] = []
        touched: list[tuple[int, int]] = []
        for file in files:
            before = known[file.place]
            digest = await asyncio.to_thread(_digest, Path(file.path), file.bytes)
            if before.sha256 and digest == before.sha256:
                touched.append((before.number, file.changed_ns))
            else:
                changed.append(file)
        if touched:
            await self._documents.touch(touched)
        return changed, len(touched)

    async def _outcomes(
        self, numbers: Sequence[int], before: int, total: int, told: Told
    ) -> list[Outcome]:
        """Wait until all are read, telling of each."""
        waiting = [self._waited[n] for n in dict.fromkeys(numbers) if n in self._waited]
        found: list[Outcome] = []
        for done in asyncio.as_completed(waiting):
            outcome = await done
            found.append(outcome)
            told(Progress(done=before + len(found), total=total, current=outcome.file))
        return found

    def _enqueue(self, number: int) -> None:
        waited = self._waited.get(number)
        if waited is None or waited.done():
            self._waited[number] = asyncio.get_running_loop().create_future()
        self._queue.put_nowait(number)

    async def _read_all(self) -> None:
        while True:
            number = await self._queue.get()
            if number in self.in_hand:
                self._again.add(number)  # it changed while it is read: once more, afterwards
                continue
            self.in_hand.add(number)
            try:
                job = await self._documents.to_read_one(number)
            except FreeholdError as error:
                self._fail(number, error)
                continue
            if job is None:
                self._fail(number, NotFound("the document was removed before it was read"))
                continue
            await self._read.put(await self._outcome(job))

    async def _outcome(self, job: ToRead) -> Outcome:
        path = Path(job.path)
        found = Outcome(
            number=job.number,
            collection=job.collection,
            file=job.file,
            path=job.path,
            bytes=0,
            changed_ns=0,
            sha256="",
            read=None,
        )
        try:
            before = await asyncio.to_thread(path.stat)
            found = msgspec.structs.replace(
                found,
                bytes=before.st_size,
                changed_ns=before.st_mtime_ns,
                sha256=await asyncio.to_thread(_digest, path, before.st_size),
            )
            read = await self._readers.read(path, job.file)
            after = await asyncio.to_thread(path.stat)
        except Unreadable as error:
            return msgspec.structs.replace(found, reason=error.reason, note=str(error))
        except ChildFailed as error:
            return msgspec.structs.replace(found, reason="crashed", note=str(error))
        except OSError as error:
            note = f"the file cannot be looked at: {error.strerror}"
            return msgspec.structs.replace(found, reason="vanished", note=note)
        if (after.st_size, after.st_mtime_ns) != (found.bytes, found.changed_ns):
            # Somebody writes it right now: kept as it was read, and read again when next added.
            found = msgspec.structs.replace(found, changed_ns=0, sha256="")
        return msgspec.structs.replace(found, read=read, note=read.note)

    async def _settle_all(self) -> None:
        while True:
            batch = [await self._read.get()]
            pieces = _pieces(batch[0])
            while len(batch) < _LARGEST_BATCH and pieces < _MOST_PIECES and self._read.qsize():
                batch.append(self._read.get_nowait())
                pieces += _pieces(batch[-1])
            await self._settle(batch)

    async def _settle(self, batch: list[Outcome]) -> None:
        try:
            await self._documents.settle(batch)
        except FreeholdError as error:
            self._log.error("documents were not kept", documents=len(batch), why=str(error))
            for outcome in batch:
                self._fail(outcome.number, error)
            return
        for outcome in batch:
            waited = self._let_go(outcome.number)
            if waited:
                waited.set_result(outcome)
        self._indexed()

    def _fail(self, number: int, error: FreeholdError) -> None:
        waited = self._let_go(number)
        if waited:
            waited.set_exception(error)
            waited.exception()  # nobody may be waiting for it

    def _let_go(self, number: int) -> "asyncio.Future[Outcome] | None":
        """A document is no longer in hand; what those wait on who wait for it."""
        self.in_hand.discard(number)
        waited = self._waited.pop(number, None)
        if number in self._again:
            self._again.discard(number)
            self._enqueue(number)
        return None if waited is None or waited.done() else waited


def compare(walked: Walk, known: dict[str, Known]) -> Difference:
    """What is new, perhaps changed, unchanged and gone. Pure."""
    to_read: list[FoundFile] = []
    to_check: list[FoundFile] = []
    unchanged = 0
    for file in walked.files:
        before = known.get(file.place)
        if before is None or before.state != "indexed":
            to_read.append(file)
        elif (before.bytes, before.changed_ns) == (file.bytes, file.changed_ns):
            unchanged += 1
        else:
            to_check.append(file)
    there = {file.place for file in walked.files}
    gone = [
        document.number
        for place, document in known.items()
        if place not in there
        and any(_below(place, folder) for folder in walked.folders)
        and not any(_below(place, folder) for folder in walked.unseen)
    ]
    return Difference(
        to_read=tuple(to_read), to_check=tuple(to_check), unchanged=unchanged, gone=tuple(gone)
    )


def _below(place: str, folder: str) -> bool:
    return place.startswith(folder.rstrip("/") + "/")


def _pieces(outcome: Outcome) -> int:
    return len(outcome.read.pieces) if outcome.read else 0


def _failure(outcome: Outcome) -> FailedFile:
    return FailedFile(file=outcome.file, reason=f"{outcome.reason}: {outcome.note}")


def _digest(path: Path, size: int) -> str:
    """SHA-256 of a file; nothing of one that is too large to be read anyway. Raises `OSError`."""
    if size > LARGEST_FILE:
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()
