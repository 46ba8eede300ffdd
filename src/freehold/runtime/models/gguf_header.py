"""Reads the header of a GGUF file without believing a word of it.

Every count and length in the header is checked against a bound and against the length of the
file before anything is read or kept by it, so a hostile or cut-off file costs little memory and
ends in one clear `BadRequest`. What a model loader would read beyond the end of the file is
refused here: loaders have leaked memory over exactly that (CVE-2026-7482).

Source: the GGUF specification, github.com/ggml-org/ggml/blob/master/docs/gguf.md; block sizes:
`GGML_QUANT_SIZES` of its Python package `gguf`.
"""

import struct
from typing import BinaryIO, Final, NoReturn

import msgspec

from freehold.core.errors import BadRequest
from freehold.core.units import MIB, show_size

Value = int | float | bool | str | tuple[int, ...]

MAGIC: Final = b"GGUF"
_VERSIONS: Final = (2, 3)
_CHUNK: Final = MIB
_MOST_PAIRS: Final = 4096
_MOST_TENSORS: Final = 100_000
_MOST_KEY: Final = 1024
_MOST_TEXT: Final = 4 * MIB
"""A chat template is tens of kilobytes; nothing known comes near this."""
_MOST_STRINGS: Final = 2**22
"""Strings in all arrays together; the largest vocabularies known hold 2^18 and as many merges."""
_KEPT_NUMBERS: Final = 4096
"""Longer arrays of numbers (scores, token types) are stepped over, not kept."""
_MOST_HEADER: Final = 256 * MIB
_MOST_DIMENSIONS: Final = 4
_MOST_ELEMENTS: Final = 2**48
_MOST_ALIGNMENT: Final = 2**16

_SCALARS: Final = {
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i",
    6: "<f", 7: "<?", 10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip
_STRING, _ARRAY = 8, 9
_LENGTH: Final = struct.Struct("<Q")
_FLOATS: Final = (6, 12)

# Type id -> (name, values in a block, bytes of a block).
_TENSOR_TYPES: Final[dict[int, tuple[str, int, int]]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20),
    6: ("Q5_0", 32, 22), 7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40),
    10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110), 12: ("Q4_K", 256, 144),
    13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98),
    19: ("IQ1_S", 256, 50), 20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110),
    22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136), 24: ("I8", 1, 1), 25: ("I16", 1, 2),
    26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8), 29: ("IQ1_M", 256, 56),
    30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66), 39: ("MXFP4", 32, 17),
    40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18),
}  # fmt: skip


class Tensor(msgspec.Struct, frozen=True):
    """One tensor, as far as its place in the file goes."""

    name: str
    type: str
    elements: int
    bytes: int
    offset: int
    """From the start of the tensor data."""


class Header(msgspec.Struct, frozen=True):
    """A checked header: everything it says lies within the file."""

    version: int
    values: dict[str, Value]
    """Metadata by key; long arrays of numbers and all arrays of strings are left out."""
    lengths: dict[str, int]
    """Entries of every array, kept or not."""
    tensors: tuple[Tensor, ...]


def read_header(file: BinaryIO, length: int, where: str) -> Header:
    """Read and check the header of a file of `length` bytes.

    Raises:
        BadRequest: not a GGUF file, one we cannot read, or one that is damaged or cut off;
            `where` names the file.
    """
    cursor = _Cursor(file, length, where)
    version, tensor_count, pair_count = _opening(cursor)
    values: dict[str, Value] = {}
    lengths: dict[str, int] = {}
    for _ in range(pair_count):
        key = cursor.text(_MOST_KEY, "a key")
        if key in values or key in lengths:
            cursor.damaged(f"the key {key!r} is there twice")
        value, count = _value(cursor, cursor.number("<I"))
        if value is not None:
            values[key] = value
        if count is not None:
            lengths[key] = count
    tensors = tuple(_tensor(cursor) for _ in range(tensor_count))
    _check_places(cursor, values, tensors)
    return Header(version, values, lengths, tensors)


class _Cursor:
    """Steps through the file, holding about a megabyte of it at a time."""

    def __init__(self, file: BinaryIO, length: int, where: str) -> None:
        self._file = file
        self._window = b""
        self._at = 0
        self._read = 0
        self.length = length
        self.where = where
        self.strings = 0

    @property
    def position(self) -> int:
        """Bytes of the file stepped over so far."""
        return self._read - len(self._window) + self._at

    @property
    def left(self) -> int:
        """Bytes between here and the end of the file."""
        return self.length - self.position

    def take(self, count: int) -> bytes:
        """The next `count` bytes; the caller has bounded `count`."""
        if self._at + count > len(self._window):
            self._fill(count)
        start = self._at
        self._at += count
        return self._window[start : self._at]

    def skip(self, count: int) -> None:
        """Step over `count` bytes."""
        if self._at + count <= len(self._window):
            self._at += count
            return
        if count > self.left:
            self.cut_off(self.position + count)
        self._enough(count)
        self._read = self.position + count
        self._file.seek(self._read)
        self._window, self._at = b"", 0

    def number(self, shape: str) -> int:
        """The next whole number of a `struct` shape."""
        (value,) = struct.unpack(shape, self.take(struct.calcsize(shape)))
        return int(value)

    def text(self, most: int, what: str) -> str:
        """The next string."""
        count = self.number("<Q")
        if count > most:
            self.damaged(f"{what} is said to be {count} bytes long")
        return self.take(count).decode("utf-8", "replace")

    def skip_strings(self, count: int) -> None:
        """Step over an array of strings."""
        self.strings += count
        if self.strings > _MOST_STRINGS:
            self.damaged(f"an array is said to hold {count} strings")
        if count * 8 > self.left:
            self.cut_off(self.position + count * 8)
        while count:
            if self._at + _LENGTH.size > len(self._window):
                self._fill(_LENGTH.size)
            # A vocabulary has hundreds of thousands of these: step within the window at once.
            window, at, last = self._window, self._at, len(self._window) - _LENGTH.size
            while count and at <= last:
                (long,) = _LENGTH.unpack_from(window, at)
                if long > _MOST_TEXT:
                    self.damaged(f"a string is said to be {long} bytes long")
                at += _LENGTH.size + long
                count -= 1
            self._at = min(at, len(window))
            self.skip(at - self._at)

    def damaged(self, what: str) -> NoReturn:
        """Refuse the file: it contradicts itself."""
        message = f"the model file is damaged: {what}"
        raise BadRequest(message, where=self.where, fix="get the file again from its source")

    def cut_off(self, needed: int) -> NoReturn:
        """Refuse the file: it ends too early."""
        message = (
            f"the model file is cut off: it ends after {show_size(self.length)} "
            f"({self.length} bytes), and needs at least {needed} bytes"
        )
        raise BadRequest(message, where=self.where, fix="get the whole file from its source")

    def _fill(self, count: int) -> None:
        if count > self.left:
            self.cut_off(self.position + count)
        self._enough(count)
        rest = self._window[self._at :]
        more = self._file.read(max(_CHUNK, count))
        self._read += len(more)
        self._window, self._at = rest + more, 0
        if count > len(self._window):
            self.cut_off(self.position + count)

    def _enough(self, count: int) -> None:
        if self.position + count > _MOST_HEADER:
            self.damaged(f"its header goes on for more than {show_size(_MOST_HEADER)}")


def _opening(cursor: _Cursor) -> tuple[int, int, int]:
    if cursor.length < len(MAGIC) or cursor.take(len(MAGIC)) != MAGIC:
        message = "this is not a GGUF file"
        fix = "name a model file that ends in .gguf"
        raise BadRequest(message, where=cursor.where, fix=fix)
    version = cursor.number("<I")
    if version not in _VERSIONS:
        swapped = int.from_bytes(version.to_bytes(4, "big"), "little") in _VERSIONS
        kind = "for big-endian machines" if swapped else f"in version {version} of the format"
        message = f"the model file is written {kind}, which cannot be read here"
        raise BadRequest(message, where=cursor.where, fix="get a version 3 GGUF of the model")
    tensor_count, pair_count = cursor.number("<Q"), cursor.number("<Q")
    if tensor_count > _MOST_TENSORS:
        cursor.damaged(f"it is said to hold {tensor_count} tensors")
    if pair_count > _MOST_PAIRS:
        cursor.damaged(f"it is said to hold {pair_count} metadata values")
    return version, tensor_count, pair_count


def _value(cursor: _Cursor, type_id: int) -> tuple[Value | None, int | None]:
    """A metadata value and, for an array, how many entries it has."""
    if type_id == _STRING:
        return cursor.text(_MOST_TEXT, "a text"), None
    if type_id == _ARRAY:
        return _array(cursor)
    shape = _SCALARS.get(type_id)
    if shape is None:
        cursor.damaged(f"a value has the unknown type {type_id}")
    raw = cursor.take(struct.calcsize(shape))
    value: int | float | bool = struct.unpack(shape, raw)[0]
    return value, None


def _array(cursor: _Cursor) -> tuple[Value | None, int]:
    type_id, count = cursor.number("<I"), cursor.number("<Q")
    if type_id == _STRING:
        cursor.skip_strings(count)
        return None, count
    shape = _SCALARS.get(type_id)
    if shape is None:  # arrays of arrays are in the specification; no known model has one
        cursor.damaged(f"an array has the unknown type {type_id}")
    size = struct.calcsize(shape)
    if count * size > _MOST_HEADER:
        cursor.damaged(f"an array is said to hold {count} numbers")
    if count > _KEPT_NUMBERS or type_id in _FLOATS:
        cursor.skip(count * size)
        return None, count
    raw = cursor.take(count * size)
    return tuple(int(number) for (number,) in struct.iter_unpack(shape, raw)), count


def _tensor(cursor: _Cursor) -> Tensor:
    name = cursor.text(_MOST_KEY, "a tensor's name")
    dimensions = cursor.number("<I")
    if not 1 <= dimensions <= _MOST_DIMENSIONS:
        cursor.damaged(f"tensor {name!r} has {dimensions} dimensions")
    elements, row = 1, 0
    for place in range(dimensions):
        extent = cursor.number("<Q")
        elements *= extent
        row = extent if place == 0 else row
        if not 0 < elements <= _MOST_ELEMENTS:
            cursor.damaged(f"tensor {name!r} has an impossible size")
    type_id, offset = cursor.number("<I"), cursor.number("<Q")
    if type_id not in _TENSOR_TYPES:
        cursor.damaged(f"tensor {name!r} has the unknown type {type_id}")
    kind, values, size = _TENSOR_TYPES[type_id]
    if row % values:
        cursor.damaged(
            f"tensor {name!r} has rows of {row} values, which do not fill {kind} blocks"
        )
    return Tensor(name, kind, elements, elements // values * size, offset)


def _check_places(cursor: _Cursor, values: dict[str, Value], tensors: tuple[Tensor, ...]) -> None:
    """Every tensor starts on the alignment, ends within the file, and has its own name."""
    alignment = values.get("general.alignment", 32)
    if (
        not isinstance(alignment, int)
        or not 0 < alignment <= _MOST_ALIGNMENT
        or alignment & (alignment - 1)
    ):
        cursor.damaged("its alignment is not a power of two")
    start = -(-cursor.position // alignment) * alignment
    seen: set[str] = set()
    for tensor in tensors:
        if tensor.name in seen:
            cursor.damaged(f"tensor {tensor.name!r} is there twice")
        seen.add(tensor.name)
        if tensor.offset % alignment:
            cursor.damaged(f"tensor {tensor.name!r} does not start on the alignment")
    needed = max((start + tensor.offset + tensor.bytes for tensor in tensors), default=start)
    if tensors and needed > cursor.length:
        cursor.cut_off(needed)
