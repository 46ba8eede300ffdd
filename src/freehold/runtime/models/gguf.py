"""What a GGUF file is: read from its checked header, said in the house's own words."""

import re
import stat
from collections import Counter
from pathlib import Path
from typing import Final, Literal

import msgspec

from freehold.core.errors import BadRequest
from freehold.runtime.calls import ModelKind
from freehold.runtime.models.gguf_header import MAGIC, Header, Value, read_header

Pooling = Literal["", "none", "mean", "cls", "last", "rank"]

_POOLINGS: Final[tuple[Pooling, ...]] = ("none", "mean", "cls", "last", "rank")
_ENCODERS: Final = frozenset({
    "bert", "nomic-bert", "nomic-bert-moe", "jina-bert-v2", "jina-bert-v3", "modern-bert",
    "neo-bert", "eurobert", "gemma-embedding", "pangu-embedded", "llama-embed", "t5encoder",
})  # fmt: skip
"""Architectures that only ever make vectors. Source: `MODEL_ARCH_NAMES` of package gguf."""
_NOT_ALONE: Final = {
    "mmproj": "the picture part of another model",
    "clip": "the picture part of another model",
    "adapter": "an adapter for another model",
    "imatrix": "a table made while quantising another model",
}
_MOST_TOKENS: Final = 2**27
_MOST_LAYERS: Final = 4096
_MOST_WIDTH: Final = 2**20
_F16: Final = 2
"""Bytes of a value in the context cache, which llama.cpp keeps as F16."""
_NAME: Final = re.compile(r"[\w.-]{1,64}")
_SPLIT: Final = re.compile(r"(?P<stem>.+)-(?P<number>\d{5})-of-(?P<count>\d{5})\.gguf")
_MOST_PARTS: Final = 999

# general.file_type -> what people call it. Source: `LlamaFileType` of package gguf.
_FILE_TYPES: Final = {
    0: "F32", 1: "F16", 2: "Q4_0", 3: "Q4_1", 7: "Q8_0", 8: "Q5_0", 9: "Q5_1", 10: "Q2_K",
    11: "Q3_K_S", 12: "Q3_K_M", 13: "Q3_K_L", 14: "Q4_K_S", 15: "Q4_K_M", 16: "Q5_K_S",
    17: "Q5_K_M", 18: "Q6_K", 19: "IQ2_XXS", 20: "IQ2_XS", 21: "Q2_K_S", 22: "IQ3_XS",
    23: "IQ3_XXS", 24: "IQ1_S", 25: "IQ4_NL", 26: "IQ3_S", 27: "IQ3_M", 28: "IQ2_S",
    29: "IQ2_M", 30: "IQ4_XS", 31: "IQ1_M", 32: "BF16", 36: "TQ1_0", 37: "TQ2_0", 38: "MXFP4",
    39: "NVFP4", 40: "Q1_0",
}  # fmt: skip


class GgufCard(msgspec.Struct, frozen=True, kw_only=True):
    """A model file that was checked, in words."""

    name: str
    """As its maker calls it; the file's stem where the file does not say."""
    architecture: str
    kind: ModelKind
    bytes: int
    """Size on disk, all parts of a split model together."""
    parameters: int
    """Weights, counted."""
    context_tokens: int
    """Longest text it was trained for; 0 when it does not say."""
    embedding_length: int
    block_count: int
    chat_template: bool
    pooling: Pooling
    """How token vectors become one; empty when the file does not say."""
    quantisation: str
    cache_bytes_per_token: int
    """Memory one token of context takes at most, on top of the weights."""
    parts: int = 1


def looks_like_gguf(path: Path) -> bool:
    """Whether the file starts as a GGUF does. Raises `OSError` as `open`."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read_card(path: Path) -> GgufCard:
    """Read and check a model file; of a split model, the first part.

    Blocks for some milliseconds: call it from a thread.

    Raises:
        BadRequest: the file is missing, not a GGUF, damaged, cut off, or not a model by itself.
    """
    parts = split_parts(path)
    try:
        sizes = [_size(part) for part in parts]
        headers = [_read(part, size) for part, size in zip(parts, sizes, strict=True)]
    except OSError as error:
        message = f"the model file cannot be read: {(error.strerror or 'unknown').lower()}"
        fix = "check that the file is there and that you may read it"
        raise BadRequest(message, where=str(error.filename or path), fix=fix) from error
    reading = _Reading(headers, path)
    return GgufCard(
        name=reading.name(),
        architecture=reading.architecture,
        kind=reading.kind(),
        bytes=sum(sizes),
        parameters=sum(tensor.elements for header in headers for tensor in header.tensors),
        context_tokens=reading.whole("context_length", _MOST_TOKENS),
        embedding_length=reading.whole("embedding_length", _MOST_WIDTH),
        block_count=reading.whole("block_count", _MOST_LAYERS),
        chat_template=isinstance(headers[0].values.get("tokenizer.chat_template"), str),
        pooling=reading.pooling(),
        quantisation=reading.quantisation(),
        cache_bytes_per_token=reading.cache_bytes_per_token(),
        parts=len(parts),
    )


def split_parts(path: Path) -> tuple[Path, ...]:
    """All files of a model, in order: more than one only where the name says `-00001-of-00003`.

    Raises:
        BadRequest: the name is that of a later part, or of an impossible number of parts.
    """
    found = _SPLIT.fullmatch(path.name)
    if found is None:
        return (path,)
    number, count = int(found["number"]), int(found["count"])
    first = path.with_name(f"{found['stem']}-00001-of-{found['count']}.gguf")
    if number != 1 or not 1 <= count <= _MOST_PARTS:
        message = f"this is part {number} of {count} of a split model"
        raise BadRequest(message, where=str(path), fix=f"name its first part, {first.name}")
    return tuple(
        path.with_name(f"{found['stem']}-{part:05}-of-{found['count']}.gguf")
        for part in range(1, count + 1)
    )


def _size(path: Path) -> int:
    found = path.stat()
    # A pipe or a device would be waited for, perhaps for ever.
    if not stat.S_ISREG(found.st_mode) and not stat.S_ISDIR(found.st_mode):
        message = "this is not a file"
        raise BadRequest(message, where=str(path), fix="name a model file that ends in .gguf")
    return found.st_size


def _read(path: Path, size: int) -> Header:
    with path.open("rb") as file:
        return read_header(file, size, str(path))


def _architecture(headers: list[Header], path: Path) -> str:
    """The architecture, once it is sure that the file is a language model by itself."""
    values = headers[0].values
    architecture = values.get("general.architecture")
    if not isinstance(architecture, str) or _NAME.fullmatch(architecture) is None:
        message = "the model file does not name its architecture"
        raise BadRequest(message, where=str(path), fix="get a version 3 GGUF of the model")
    for word in (values.get("general.type"), architecture):
        if isinstance(word, str) and word in _NOT_ALONE:
            message = f"this file is {_NOT_ALONE[word]}, not a model by itself"
            raise BadRequest(message, where=str(path), fix="name the model's own file")
    if "tokenizer.ggml.model" not in values:
        message = f"this {architecture} file holds no tokenizer, so it is not a language model"
        raise BadRequest(message, where=str(path), fix="name a language model's GGUF")
    if not any(header.tensors for header in headers):
        message = "this file holds a vocabulary and no weights"
        raise BadRequest(message, where=str(path), fix="name the model's own file")
    return architecture


class _Reading:
    """Answers about one model; keys of the architecture are written without its name."""

    def __init__(self, headers: list[Header], path: Path) -> None:
        self.architecture = _architecture(headers, path)
        self._headers = headers
        self._header = headers[0]
        self._path = path

    def value(self, key: str) -> Value | None:
        """A value of the architecture's own keys."""
        return self._header.values.get(f"{self.architecture}.{key}")

    def whole(self, key: str, most: int, otherwise: int = 0) -> int:
        """A whole number of the architecture's own keys."""
        value = self.value(key)
        if value is None:
            return otherwise
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most:
            message = f"the model file is damaged: its {key} is not believable"
            fix = "get the file again from its source"
            raise BadRequest(message, where=str(self._path), fix=fix)
        return value

    def name(self) -> str:
        """The maker's name for the model, safe to print."""
        said = self._header.values.get("general.name")
        text = said if isinstance(said, str) else ""
        clean = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return clean[:200] or self._path.stem

    def pooling(self) -> Pooling:
        """How token vectors become one."""
        number = self.whole("pooling_type", len(_POOLINGS) - 1, otherwise=-1)
        return _POOLINGS[number] if number >= 0 else ""

    def kind(self) -> ModelKind:
        """What the model is for."""
        pooling = self.pooling()
        if pooling == "rank":
            return "rerank"
        vectors = self.architecture in _ENCODERS or pooling in {"mean", "cls", "last"}
        return "embed" if vectors else "chat"

    def quantisation(self) -> str:
        """What people call the way the weights are stored."""
        file_type = self._header.values.get("general.file_type")
        if isinstance(file_type, int) and file_type in _FILE_TYPES:
            return _FILE_TYPES[file_type]
        by_type: Counter[str] = Counter()
        for header in self._headers:
            for tensor in header.tensors:
                by_type[tensor.type] += tensor.bytes
        return by_type.most_common(1)[0][0]

    def cache_bytes_per_token(self) -> int:
        """Upper bound: models that look back over a window only take less."""
        layers = self.whole("block_count", _MOST_LAYERS)
        latent = self.whole("attention.kv_lora_rank", _MOST_WIDTH)
        if latent:  # DeepSeek's latent attention keeps one small vector for all heads
            return layers * (latent + self.whole("rope.dimension_count", _MOST_WIDTH)) * _F16
        heads = self._first("attention.head_count")
        width = self.whole("embedding_length", _MOST_WIDTH) // heads if heads else 0
        key = self.whole("attention.key_length", _MOST_WIDTH, width)
        value = self.whole("attention.value_length", _MOST_WIDTH, width)
        return self._cache_heads(layers, heads) * (key + value) * _F16

    def _cache_heads(self, layers: int, heads: int) -> int:
        """Key-value heads of all layers together."""
        said = self.value("attention.head_count_kv")
        if isinstance(said, tuple):
            return sum(min(max(count, 0), _MOST_LAYERS) for count in said[:_MOST_LAYERS])
        return layers * self.whole("attention.head_count_kv", _MOST_LAYERS, heads)

    def _first(self, key: str) -> int:
        """A number that some models give for each layer: then the largest."""
        said = self.value(key)
        if isinstance(said, tuple):
            return min(max(said, default=0), _MOST_LAYERS)
        return self.whole(key, _MOST_LAYERS)
