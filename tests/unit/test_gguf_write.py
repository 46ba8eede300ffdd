"""Files we write are read back, equal, by the reference reader of the format."""

import warnings
from pathlib import Path

import gguf
import numpy as np
import pytest
from gguf.quants import quantize

from freehold.core.errors import DiskFull
from freehold.runtime.models.gguf_write import GgufWriter


def write(path: Path) -> dict[str, np.ndarray]:
    chance = np.random.default_rng(7)
    arrays = {
        "token_embd.weight": chance.normal(size=(50, 64)).astype(np.float32),
        "half.weight": chance.normal(size=(3, 32)).astype(np.float32),
        "eight.weight": chance.normal(size=(5, 96)).astype(np.float32),
        "norm.bias": np.zeros(7, dtype=np.float32),
    }
    arrays["eight.weight"][0, :32] = 0.0
    writer = GgufWriter(path, "bert")
    writer.add("general.name", "a name with ü")
    writer.add("bert.context_length", 512)
    writer.add("bert.attention.layer_norm_epsilon", 1e-12)
    writer.add("bert.attention.causal", False)
    writer.add("tokenizer.ggml.tokens", ["[PAD]", "▁word", ""])
    writer.add("tokenizer.ggml.token_type", [3, 1, 1])
    writer.tensor("token_embd.weight", arrays["token_embd.weight"], "F32")
    writer.tensor("half.weight", arrays["half.weight"], "F16")
    writer.tensor("eight.weight", arrays["eight.weight"], "Q8_0")
    writer.tensor("norm.bias", arrays["norm.bias"], "F32")
    writer.close()
    return arrays


def test_the_reference_reader_finds_the_metadata_we_wrote(tmp_path: Path) -> None:
    write(tmp_path / "a.gguf")
    fields = gguf.GGUFReader(tmp_path / "a.gguf").fields
    assert fields["general.architecture"].contents() == "bert"
    assert fields["general.name"].contents() == "a name with ü"
    assert fields["bert.context_length"].contents() == 512
    assert fields["bert.attention.layer_norm_epsilon"].contents() == pytest.approx(1e-12)
    assert fields["bert.attention.causal"].contents() is False
    assert fields["tokenizer.ggml.tokens"].contents() == ["[PAD]", "▁word", ""]
    assert fields["tokenizer.ggml.token_type"].contents() == [3, 1, 1]


def test_the_reference_reader_finds_the_tensors_we_wrote(tmp_path: Path) -> None:
    arrays = write(tmp_path / "a.gguf")
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    assert list(tensors["token_embd.weight"].shape) == [64, 50]
    np.testing.assert_array_equal(tensors["token_embd.weight"].data, arrays["token_embd.weight"])
    np.testing.assert_array_equal(tensors["norm.bias"].data, arrays["norm.bias"])
    half = arrays["half.weight"].astype(np.float16)
    np.testing.assert_array_equal(tensors["half.weight"].data, half)
    assert tensors["eight.weight"].tensor_type == gguf.GGMLQuantizationType.Q8_0


def test_eight_bit_values_are_the_same_as_the_reference_makes(tmp_path: Path) -> None:
    arrays = write(tmp_path / "a.gguf")
    tensors = {tensor.name: tensor for tensor in gguf.GGUFReader(tmp_path / "a.gguf").tensors}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        wanted = quantize(arrays["eight.weight"], gguf.GGMLQuantizationType.Q8_0)
    np.testing.assert_array_equal(tensors["eight.weight"].data, wanted)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "a.gguf.part").symlink_to("/dev/full")
    with pytest.raises(DiskFull):
        write(tmp_path / "a.gguf")
    assert list(tmp_path.iterdir()) == []


def test_nothing_has_the_final_name_before_close_and_no_part_file_is_left_after(
    tmp_path: Path,
) -> None:
    writer = GgufWriter(tmp_path / "a.gguf", "bert")
    assert list(tmp_path.iterdir()) == []
    writer.close()
    assert [path.name for path in tmp_path.iterdir()] == ["a.gguf"]
