"""Fetches one file of the hub so that a cut costs nothing: what has come is kept and gone on from.

The final name appears only when every byte is on disk and its hash is the one the hub lists.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import DiskFull, EngineCut, EngineRefused, EngineUnreachable, StoreFailed
from freehold.core.units import MIB, show_size
from freehold.runtime.models.hub import Hub, HubFile
from freehold.runtime.outbound.answer import StreamedResponse

_PIECE: Final = MIB
_TRIES: Final = 5
"""Connections that may break in a row without bringing a byte, before we give up."""
_LONGEST_WAIT_S: Final = 8.0
_RANGE: Final = re.compile(r"bytes (\d+)-\d+/(\d+|\*)")
_OK, _PARTIAL = 200, 206
_HASH_BYTES: Final = 4 * MIB


class Source(msgspec.Struct, frozen=True, kw_only=True):
    """Where a file comes from."""

    repo: str
    revision: str
    file: HubFile


class _Note(msgspec.Struct, frozen=True, kw_only=True):
    """Beside a part: of which file it is a part."""

    repo: str
    path: str
    bytes: int
    digest: str
    tag: str = ""


async def fetch(
    hub: Hub, source: Source, target: Path, clock: Clock, progress: Callable[[int], None]
) -> None:
    """Bring one file to `target`, going on from what an earlier try left.

    Args:
        hub: where from.
        source: which file.
        target: the final path; its folder exists.
        clock: waits between tries.
        progress: told how many bytes of the file are here, now and then.

    Raises:
        EngineUnreachable, EngineCut: it broke off; what came is kept for the next try.
        EngineRefused: what came is not what the hub lists; it was thrown away.
        DiskFull, StoreFailed: it could not be written.
    """
    part = _Part(target, source)
    try:
        await asyncio.to_thread(part.open)
        progress(part.size)
        failures = 0
        while part.size < source.file.bytes:
            before = part.size
            try:
                await _go_on(hub, source, part, progress)
            except (EngineCut, EngineUnreachable) as error:
                failures = 1 if part.size > before else failures + 1
                if failures >= _TRIES:
                    raise _broke_off(error, source, part.size) from error
                await clock.sleep(min(_LONGEST_WAIT_S, 2.0 ** (failures - 1)))
        await asyncio.to_thread(part.finish)
    finally:
        part.close()


async def _go_on(hub: Hub, source: Source, part: "_Part", progress: Callable[[int], None]) -> None:
    """One connection's worth of the file."""
    file = source.file
    async with hub.open(
        source.repo, source.revision, file.path, start=part.size, tag=part.tag
    ) as answer:
        if not _continues(answer, part.size, file.bytes):
            await asyncio.to_thread(part.restart)
            if answer.status != _OK:
                return  # asked again from the beginning
        await asyncio.to_thread(part.remember, answer.headers.get("etag"))
        waiting = bytearray()
        try:
            async for chunk in answer.body():
                waiting += chunk
                if len(waiting) >= _PIECE:
                    await part.take(waiting)
                    progress(part.size)
        finally:
            # Also what came just before a cut.
            await part.take(waiting)
            progress(part.size)
    if part.size < file.bytes:
        raise EngineCut("the answer ended before the file did")


def _continues(answer: StreamedResponse, start: int, whole: int) -> bool:
    """Whether the answer's body belongs right behind what we have."""
    if answer.status == _PARTIAL:
        found = _RANGE.fullmatch(answer.headers.get("content-range"))
        return found is not None and int(found[1]) == start and found[2] in {"*", str(whole)}
    return answer.status == _OK and start == 0


def _broke_off(error: EngineCut | EngineUnreachable, source: Source, size: int) -> EngineCut:
    message = (
        f"the download of {source.file.path} broke off at {show_size(size)} of "
        f"{show_size(source.file.bytes)}: {error}"
    )
    fix = "run the same command again: it goes on from there"
    return EngineCut(message, where=error.where, fix=fix)


class _Part:
    """The part of a file that has come. Its methods block: call them from a thread, in turn."""

    def __init__(self, target: Path, source: Source) -> None:
        self._target = target
        self._source = source
        self._path = target.with_name(target.name + ".part")
        self._note = target.with_name(target.name + ".part.json")
        self._file: BinaryIO | None = None
        self._hash = self._new_hash()
        self.size = 0
        self.tag = ""
        """The storage's own name for this version of the file."""

    def open(self) -> None:
        """Take up what an earlier try left of the very same file, or begin."""
        with self._translated():
            note = self._read_note()
            if note is not None:
                self._file = self._path.open("r+b")
                self.tag = note.tag
                while piece := self._file.read(_HASH_BYTES):
                    self._hash.update(piece)
                    self.size += len(piece)
            else:
                self._file = self._path.open("w+b")
                self.remember("")
            if self.size > self._source.file.bytes:
                self.restart()

    def restart(self) -> None:
        """Forget what has come."""
        assert self._file is not None
        with self._translated():
            self._file.seek(0)
            self._file.truncate()
        self._hash = self._new_hash()
        self.size = 0
        self.remember("")

    def remember(self, tag: str) -> None:
        """Note of which file this is a part, and which version."""
        self.tag = tag
        file = self._source.file
        note = _Note(
            repo=self._source.repo, path=file.path, bytes=file.bytes, digest=_digest(file), tag=tag
        )
        with self._translated():
            self._note.write_bytes(msgspec.json.encode(note))

    async def take(self, waiting: bytearray) -> None:
        """Write what waits, and empty it."""
        if not waiting:
            return
        if self.size + len(waiting) > self._source.file.bytes:
            self.discard()
            message = "the hub sends more than it lists for this file"
            raise EngineRefused(message, where=self._source.file.path, fix="try again later")
        piece = bytes(waiting)
        waiting.clear()
        await asyncio.to_thread(self._append, piece)

    def finish(self) -> None:
        """Check the hash, put everything on disk, give the file its name."""
        assert self._file is not None
        wanted, found = _digest(self._source.file), self._hash.hexdigest()
        if found != wanted:
            self.discard()
            message = f"what came is not the file the hub lists: its hash is {found}, not {wanted}"
            fix = "it was thrown away; try again, and suspect the network if this happens again"
            raise EngineRefused(message, where=self._source.file.path, fix=fix)
        with self._translated():
            self._file.flush()
            os.fsync(self._file.fileno())
            self.close()
            self._path.replace(self._target)
            folder = os.open(self._target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
            self._note.unlink(missing_ok=True)

    def discard(self) -> None:
        """Throw away what has come."""
        self.close()
        self._path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)

    def close(self) -> None:
        """Let go of the file; what has come stays."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):  # a full disk, told when it was written
                file.close()

    def _append(self, piece: bytes) -> None:
        assert self._file is not None
        with self._translated():
            self._file.write(piece)
            self._file.flush()
        self._hash.update(piece)
        self.size += len(piece)

    def _read_note(self) -> _Note | None:
        """The note of an earlier try, if it was for this very file."""
        file = self._source.file
        try:
            note = msgspec.json.decode(self._note.read_bytes(), type=_Note)
        except (OSError, msgspec.DecodeError):
            return None
        same = (note.digest, note.bytes) == (_digest(file), file.bytes)
        return note if same and self._path.is_file() else None

    def _new_hash(self) -> "hashlib._Hash":
        file = self._source.file
        if file.sha256:
            return hashlib.sha256()
        # Small files are listed by git's own name for them. Source: git's documentation of
        # objects: SHA-1 over `blob LENGTH\0` and the content.
        return hashlib.sha1(f"blob {file.bytes}\0".encode(), usedforsecurity=False)

    @contextlib.contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno in {errno.ENOSPC, errno.EDQUOT}:
                message = f"the disk is full; {show_size(self.size)} of the model are kept"
                fix = "make room, then run the same command again: it goes on from there"
                raise DiskFull(message, where=str(self._path), fix=fix) from error
            message = f"the model could not be written: {(error.strerror or '').lower()}"
            raise StoreFailed(message, where=str(self._path)) from error


def _digest(file: HubFile) -> str:
    return file.sha256 or file.git_sha1
