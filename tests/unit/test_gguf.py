"""A model file is described when it is whole, and refused with the reason when it is not."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from freehold.core.errors import BadRequest
from freehold.runtime.models.gguf import GgufCard, read_card, split_parts
from freehold.runtime.models.gguf_header import read_header
from freehold.runtime.models.gguf_write import GgufWriter, Metadata

TINY = Path(__file__).parents[2] / "src/freehold/catalog/demo/freehold-tiny-q8_0.gguf"


def model(path: Path, architecture: str = "llama", **more: Metadata) -> Path:
    """A model file of three small tensors."""
    pairs: dict[str, Metadata] = {
        "general.name": "small",
        "tokenizer.ggml.model": "gpt2",
        f"{architecture}.context_length": 4096,
        f"{architecture}.block_count": 3,
        f"{architecture}.embedding_length": 64,
        f"{architecture}.attention.head_count": 4,
    }
    writer = GgufWriter(path, architecture)
    for key, value in {**pairs, **{k.replace("__", "."): v for k, v in more.items()}}.items():
        writer.add(key, value)
    for name in ("a", "b", "c"):
        writer.tensor(name, np.ones((2, 64), dtype=np.float32), "Q8_0")
    writer.close()
    return path


def changed(path: Path, at: int, data: bytes) -> Path:
    whole = bytearray(path.read_bytes())
    whole[at : at + len(data)] = data
    path.write_bytes(whole)
    return path


def refusal(path: Path) -> str:
    with pytest.raises(BadRequest) as caught:
        read_card(path)
    assert caught.value.where.startswith(str(path.parent))
    assert caught.value.fix
    return str(caught.value)


def test_the_demo_model_is_described() -> None:
    card = read_card(TINY)
    assert (card.name, card.architecture, card.kind) == ("freehold-tiny", "llama", "chat")
    assert (card.quantisation, card.chat_template) == ("Q8_0", True)
    assert card.bytes == TINY.stat().st_size
    assert card.context_tokens >= 512
    # 5 layers x 2 key-value heads x (32 + 32) values x 2 bytes.
    assert card.cache_bytes_per_token == 1280


def test_parameters_are_counted_and_the_common_type_names_the_quantisation(
    tmp_path: Path,
) -> None:
    card = read_card(model(tmp_path / "m.gguf"))
    assert isinstance(card, GgufCard)
    assert (card.parameters, card.quantisation) == (3 * 128, "Q8_0")


@pytest.mark.parametrize(
    ("architecture", "pooling", "kind"),
    [
        ("llama", None, "chat"),
        ("bert", None, "embed"),
        ("bert", 1, "embed"),
        ("qwen3", 3, "embed"),
        ("bert", 4, "rerank"),
        ("llama", 0, "chat"),
    ],
)
def test_the_kind_follows_from_architecture_and_pooling(
    tmp_path: Path, architecture: str, pooling: int | None, kind: str
) -> None:
    more = {} if pooling is None else {f"{architecture}__pooling_type": pooling}
    assert read_card(model(tmp_path / "m.gguf", architecture, **more)).kind == kind


def test_a_file_that_is_cut_off_anywhere_says_so(tmp_path: Path) -> None:
    whole = model(tmp_path / "m.gguf").read_bytes()
    for length in (5, 20, 30, 200, len(whole) - 40):
        (tmp_path / "m.gguf").write_bytes(whole[:length])
        said = refusal(tmp_path / "m.gguf")
        assert "cut off" in said, (length, said)


def test_a_file_of_another_kind_is_not_a_gguf(tmp_path: Path) -> None:
    (tmp_path / "a.gguf").write_bytes(b"PK\x03\x04 something else")
    assert refusal(tmp_path / "a.gguf") == "this is not a GGUF file"
    (tmp_path / "b.gguf").write_bytes(b"")
    assert refusal(tmp_path / "b.gguf") == "this is not a GGUF file"


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "none.gguf")
    (tmp_path / "folder.gguf").mkdir()
    assert "is a directory" in refusal(tmp_path / "folder.gguf")
    os.mkfifo(tmp_path / "pipe.gguf")
    assert "not a file" in refusal(tmp_path / "pipe.gguf")


def test_old_versions_and_big_endian_files_are_named(tmp_path: Path) -> None:
    path = model(tmp_path / "m.gguf")
    assert "version 1" in refusal(changed(path, 4, struct.pack("<I", 1)))
    assert "big-endian" in refusal(changed(path, 4, struct.pack(">I", 3)))


@pytest.mark.parametrize("count", [2**20, 2**63, 2**64 - 1])
def test_impossible_counts_are_refused_before_anything_is_read_by_them(
    tmp_path: Path, count: int
) -> None:
    path = model(tmp_path / "m.gguf")
    assert "tensors" in refusal(changed(path, 8, struct.pack("<Q", count)))
    path = model(tmp_path / "n.gguf")
    assert "metadata" in refusal(changed(path, 16, struct.pack("<Q", count)))


def test_a_tensor_that_would_be_read_beyond_the_end_is_refused(tmp_path: Path) -> None:
    path = model(tmp_path / "m.gguf")
    whole = path.read_bytes()
    at = whole.index(b"\x01\x00\x00\x00\x00\x00\x00\x00b") + 9
    assert "cut off" in refusal(changed(path, at + 12, struct.pack("<Q", 2**30)))
    path.write_bytes(whole)
    assert "cut off" in refusal(changed(path, at + 24, struct.pack("<Q", 2**40)))
    path.write_bytes(whole)
    assert "impossible size" in refusal(changed(path, at + 12, struct.pack("<Q", 2**62)))


def test_a_key_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    path = model(tmp_path / "m.gguf", xx="1", xy="2")
    at = path.read_bytes().index(b"xy\x08\x00\x00\x00")
    assert "twice" in refusal(changed(path, at, b"xx"))


@pytest.mark.parametrize(
    ("architecture", "general_type", "said"),
    [("clip", "model", "picture part"), ("llama", "adapter", "adapter")],
)
def test_files_that_are_no_model_by_themselves_are_refused(
    tmp_path: Path, architecture: str, general_type: str, said: str
) -> None:
    path = model(tmp_path / "m.gguf", architecture, general__type=general_type)
    assert said in refusal(path)


def test_weights_without_a_tokenizer_are_not_a_language_model(tmp_path: Path) -> None:
    writer = GgufWriter(tmp_path / "m.gguf", "flux")
    writer.tensor("a", np.ones(32, dtype=np.float32), "F16")
    writer.close()
    assert "no tokenizer" in refusal(tmp_path / "m.gguf")


def test_a_vocabulary_of_any_length_is_stepped_over(tmp_path: Path) -> None:
    # Longer than the window it is read through, with a text longer than that window in it.
    words = [f"word {number}" * (number % 40) for number in range(20_000)]
    words[777] = "x" * 3_000_000
    tokens = {"tokenizer__ggml__tokens": words, "tokenizer__ggml__scores": list(range(10_000))}
    path = model(tmp_path / "m.gguf", **tokens, general__after="still understood")
    with path.open("rb") as file:
        header = read_header(file, path.stat().st_size, "m.gguf")
    assert header.lengths == {"tokenizer.ggml.tokens": 20_000, "tokenizer.ggml.scores": 10_000}
    assert header.values["general.after"] == "still understood"
    assert [tensor.name for tensor in header.tensors] == ["a", "b", "c"]


def test_a_split_model_is_the_sum_of_its_parts_and_a_missing_part_is_named(
    tmp_path: Path,
) -> None:
    first = model(tmp_path / "big-00001-of-00002.gguf")
    said = refusal(first)
    assert "no such file" in said
    second = model(tmp_path / "big-00002-of-00002.gguf")
    card = read_card(first)
    assert (card.parts, card.bytes) == (2, first.stat().st_size + second.stat().st_size)
    assert split_parts(first) == (first, second)
    assert "part 2 of 2" in refusal(second)


def test_the_name_is_safe_to_print(tmp_path: Path) -> None:
    path = model(tmp_path / "m.gguf", general__name="evil\x1b[2J\nname\u202e")
    assert read_card(path).name == "evil [2J name"


def test_cache_size_knows_heads_given_for_each_layer_and_latent_attention(
    tmp_path: Path,
) -> None:
    each = {"llama__attention__head_count_kv": [4, 0, 1]}
    assert read_card(model(tmp_path / "a.gguf", **each)).cache_bytes_per_token == 5 * 32 * 2
    latent = {
        "deepseek2__attention__kv_lora_rank": 512,
        "deepseek2__rope__dimension_count": 64,
    }
    card = read_card(model(tmp_path / "b.gguf", "deepseek2", **latent))
    assert card.cache_bytes_per_token == 3 * 576 * 2
