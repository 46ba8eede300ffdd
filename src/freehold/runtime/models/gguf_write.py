"""Writes a GGUF file, version 3, from numpy arrays: for conversions made on this machine.

Source: the GGUF specification, github.com/ggml-org/ggml/blob/master/docs/gguf.md.
Nothing appears under the final name until every byte of it is on disk.
"""

import os
import struct
from pathlib import Path
from typing import BinaryIO, Final, Literal

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.core.errors import DiskFull, StoreFailed

TensorKind = Literal["F32", "F16", "Q8_0"]
Metadata = str | int | float | bool | list[str] | list[int]

_TYPE_IDS: Final[dict[TensorKind, int]] = {"F32": 0, "F16": 1, "Q8_0": 8}
_ALIGNMENT: Final = 32
_BLOCK: Final = 32
"""Values that share one scale in Q8_0."""
_U32, _I32, _F32, _BOOL, _STRING, _ARRAY = 4, 5, 6, 7, 8, 9
_NO_SPACE: Final = 28


class _Tensor(msgspec.Struct, frozen=True):
    name: str
    shape: tuple[int, ...]
    type_id: int
    data: bytes


class GgufWriter:
    """Collects metadata and tensors; `close` writes the file and gives it its name.

    Args:
        path: the final name; its folder exists.
        architecture: `general.architecture`, for example `bert`.
    """

    def __init__(self, path: Path, architecture: str) -> None:
        self._path = path
        self._pairs: dict[str, bytes] = {}
        self._tensors: dict[str, _Tensor] = {}
        self.add("general.architecture", architecture)

    def add(self, key: str, value: Metadata) -> None:
        """Set a metadata value: int as u32, float as f32, list of int as i32."""
        assert key not in self._pairs, f"{key} is already there"
        self._pairs[key] = _string(key) + _value(value)

    def tensor(self, name: str, array: NDArray[np.floating], kind: TensorKind) -> None:
        """Add a tensor; the array's rows must be a multiple of 32 values long for Q8_0."""
        assert name not in self._tensors, f"{name} is already there"
        assert 1 <= array.ndim <= 4, f"{name} has {array.ndim} dimensions"  # noqa: PLR2004 - ggml
        data = _encode(np.ascontiguousarray(array, dtype=np.float32), kind)
        self._tensors[name] = _Tensor(name, array.shape, _TYPE_IDS[kind], data)

    def close(self) -> None:
        """Write everything, sync it to disk, and only then give it its name.

        Raises:
            DiskFull: there is no space; nothing is left behind.
            StoreFailed: the file could not be written; nothing is left behind.
        """
        part = self._path.with_name(self._path.name + ".part")
        try:
            with part.open("wb") as file:
                self._write(file)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._path)
            _sync_folder(self._path.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            kind = DiskFull if error.errno == _NO_SPACE else StoreFailed
            message = f"the model could not be written: {error.strerror}"
            raise kind(message, where=str(self._path)) from error

    def _write(self, file: BinaryIO) -> None:
        tensors = self._tensors.values()
        file.write(struct.pack("<4sIQQ", b"GGUF", 3, len(tensors), len(self._pairs)))
        file.writelines(self._pairs.values())
        offset = 0
        for tensor in tensors:
            # GGUF counts dimensions from the innermost, numpy from the outermost.
            shape = tensor.shape[::-1]
            file.write(_string(tensor.name))
            file.write(struct.pack(f"<I{len(shape)}Q", len(shape), *shape))
            file.write(struct.pack("<IQ", tensor.type_id, offset))
            offset += _padded(len(tensor.data))
        file.write(bytes(_padded(file.tell()) - file.tell()))
        for tensor in tensors:
            file.write(tensor.data)
            file.write(bytes(_padded(len(tensor.data)) - len(tensor.data)))


def _encode(array: NDArray[np.float32], kind: TensorKind) -> bytes:
    if kind == "F32":
        return array.astype("<f4").tobytes()
    if kind == "F16":
        return array.astype("<f2").tobytes()
    assert array.shape[-1] % _BLOCK == 0, f"rows of {array.shape[-1]} values cannot be Q8_0"
    return _q8(array.reshape(-1, _BLOCK))


def _q8(blocks: NDArray[np.float32]) -> bytes:
    """Eight bits a value: each block of 32 is its largest magnitude / 127, then 32 integers."""
    scale = np.abs(blocks).max(axis=1, keepdims=True) / np.float32(127)
    with np.errstate(divide="ignore"):
        inverse = np.where(scale == 0, np.float32(0), np.float32(1) / scale)
    scaled = blocks * inverse
    # Halves go away from zero, as ggml's roundf does; numpy's rint would send them to even.
    whole = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)).astype(np.int8)
    packed = np.empty(len(blocks), dtype=np.dtype([("d", "<f2"), ("q", "i1", (_BLOCK,))]))
    packed["d"] = scale[:, 0]
    packed["q"] = whole
    return packed.tobytes()


def _value(value: Metadata) -> bytes:
    match value:
        case bool():
            return struct.pack("<I?", _BOOL, value)
        case int():
            return struct.pack("<II", _U32, value)
        case float():
            return struct.pack("<If", _F32, value)
        case str():
            return struct.pack("<I", _STRING) + _string(value)
        case list():
            return _array(value)


def _array(values: list[str] | list[int]) -> bytes:
    texts = [_string(value) for value in values if isinstance(value, str)]
    if texts:
        assert len(texts) == len(values), "an array holds one type"
        return struct.pack("<IIQ", _ARRAY, _STRING, len(values)) + b"".join(texts)
    return struct.pack(f"<IIQ{len(values)}i", _ARRAY, _I32, len(values), *values)


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def _padded(length: int) -> int:
    return -(-length // _ALIGNMENT) * _ALIGNMENT


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
