"""Files kept by their content: the name is the SHA-256, so nothing is ever half there.

A blob is written beside its place, synced, and renamed into it; the folder is synced before `put`
returns. What a crash leaves behind lies in `part/` and is swept at the next start.
"""

import asyncio
import contextlib
import hashlib
import os
import re
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import BinaryIO, Final, TypeVar

import msgspec

from freehold.core.errors import NotFound, TooLarge
from freehold.core.units import Bytes, show_size
from freehold.runtime.store.refusals import from_system
from freehold.runtime.store.sync import sync_folder

T = TypeVar("T")

_DIGEST: Final = re.compile(r"[0-9a-f]{64}")


class Blob(msgspec.Struct, frozen=True, kw_only=True):
    """A stored file."""

    sha256: str
    """Hexadecimal; also its name."""
    bytes: Bytes


class Blobs:
    """The blob folder of the house."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._part = root / "part"

    async def put(self, content: AsyncIterator[bytes], limit: Bytes) -> Blob:
        """Store what `content` yields; returns when it is on the disk.

        Raises:
            TooLarge: it is longer than `limit`; nothing is kept.
            DiskFull: nothing is kept.
            StoreFailed: the disk refused.
        """
        digest = hashlib.sha256()
        size = 0
        file = await self._on_disk(self._begin)
        try:
            async for chunk in content:
                size += len(chunk)
                if size > limit:
                    message = f"the file is larger than {show_size(limit)}"
                    raise TooLarge(message)
                digest.update(chunk)
                await self._on_disk(file.write, chunk)
            await self._on_disk(self._finish, file, digest.hexdigest())
        finally:
            await asyncio.to_thread(_discard, file)
        return Blob(sha256=digest.hexdigest(), bytes=Bytes(size))

    def path(self, sha256: str) -> Path:
        """Where the blob lies.

        Raises:
            NotFound: it is not a digest, or no such blob is kept.
        """
        if not _DIGEST.fullmatch(sha256):
            raise NotFound("this is not the name of a stored file")
        path = self._place(sha256)
        if not path.is_file():
            raise NotFound("the stored file is not here", where=str(path))
        return path

    async def delete(self, sha256: str) -> None:
        """Remove a blob; nothing to do when it is not there. Raises `StoreFailed`."""
        if _DIGEST.fullmatch(sha256):
            await self._on_disk(self._place(sha256).unlink, True)  # noqa: FBT003 - missing is well

    async def sweep(self) -> None:
        """Remove what a crash left half written; call before anything is put."""
        await asyncio.to_thread(self._sweep)

    async def _on_disk(self, work: Callable[..., T], *arguments: object) -> T:
        """Do what touches the disk on a thread, and say in our words what it refuses."""
        try:
            return await asyncio.to_thread(work, *arguments)
        except OSError as error:
            raise from_system(error, self._root) from error

    def _place(self, sha256: str) -> Path:
        return self._root / sha256[:2] / sha256[2:]

    def _begin(self) -> BinaryIO:
        self._part.mkdir(parents=True, exist_ok=True, mode=0o700)
        opened, name = tempfile.mkstemp(dir=self._part)
        os.close(opened)
        return Path(name).open("wb")

    def _finish(self, file: BinaryIO, sha256: str) -> None:
        file.flush()
        os.fsync(file.fileno())
        place = self._place(sha256)
        if not place.parent.exists():
            place.parent.mkdir(mode=0o700, exist_ok=True)
            sync_folder(self._root)
        Path(file.name).replace(place)
        sync_folder(place.parent)

    def _sweep(self) -> None:
        if self._part.is_dir():
            for left in self._part.iterdir():
                with contextlib.suppress(OSError):
                    left.unlink()


def _discard(file: BinaryIO) -> None:
    """Let go of the part; once it was renamed into its place nothing is there to remove."""
    Path(file.name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):  # what is unwritten is not wanted
        file.close()
