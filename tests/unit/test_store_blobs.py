"""Files by their content: whole or not there."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freehold.core.errors import NotFound, TooLarge
from freehold.core.units import Bytes
from freehold.runtime.store.blobs import Blobs


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_blob_is_named_by_its_content_and_kept_once(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    for _ in range(2):
        blob = await blobs.put(chunks(b"ab", b"", b"c"), Bytes(3))
    assert blob.sha256 == hashlib.sha256(b"abc").hexdigest()
    assert blob.bytes == 3
    assert blobs.path(blob.sha256).read_bytes() == b"abc"
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 1


async def test_a_file_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(TooLarge, match="larger than 3 B"):
        await Blobs(tmp_path).put(chunks(b"ab", b"cd"), Bytes(3))
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


async def test_an_upload_that_breaks_off_leaves_nothing(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"ab"
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await Blobs(tmp_path).put(broken(), Bytes(100))
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


async def test_a_deleted_blob_is_gone_and_deleting_it_again_is_nothing(tmp_path: Path) -> None:
    blobs = Blobs(tmp_path)
    blob = await blobs.put(chunks(b"abc"), Bytes(3))
    await blobs.delete(blob.sha256)
    await blobs.delete(blob.sha256)
    with pytest.raises(NotFound):
        blobs.path(blob.sha256)


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "a" * 63, "A" * 64])
async def test_a_name_that_is_no_digest_is_nowhere(tmp_path: Path, name: str) -> None:
    with pytest.raises(NotFound):
        Blobs(tmp_path).path(name)
    await Blobs(tmp_path).delete(name)


async def test_what_a_crash_left_half_written_is_swept(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "tmpabc").write_bytes(b"half")
    await Blobs(tmp_path).sweep()
    assert list((tmp_path / "part").iterdir()) == []
