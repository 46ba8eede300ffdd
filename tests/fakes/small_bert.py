"""A BERT of a few thousand random weights: real enough for llama.cpp to load, embed and rank with.

Written from the tensor names llama.cpp expects of architecture `bert`
(github.com/ggml-org/llama.cpp, src/llama-arch.cpp).
"""

from pathlib import Path

import numpy as np

from freehold.runtime.models.gguf_write import GgufWriter

WIDTH, LAYERS, CONTEXT = 32, 2, 128
WORDS = [
    "the",
    "a",
    "of",
    "in",
    "to",
    "and",
    "gate",
    "door",
    "house",
    "owner",
    "key",
    "water",
    "garden",
    "stone",
    "wall",
    "light",
]


def write_bert(path: Path, pooling: int | None = 1) -> Path:
    """Write it; `pooling` as in the format (1 mean, 2 first token, 4 rank), or left out."""
    chance = np.random.default_rng(3)
    writer = GgufWriter(path, "bert")
    writer.add("general.name", "small bert")
    for key, value in {
        "context_length": CONTEXT,
        "embedding_length": WIDTH,
        "block_count": LAYERS,
        "feed_forward_length": 2 * WIDTH,
        "attention.head_count": 4,
        "attention.layer_norm_epsilon": 1e-12,
        "attention.causal": False,
    }.items():
        writer.add(f"bert.{key}", value)
    if pooling is not None:
        writer.add("bert.pooling_type", pooling)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *(f"\u2581{word}" for word in WORDS)]
    writer.add("tokenizer.ggml.model", "bert")
    writer.add("tokenizer.ggml.pre", "default")
    writer.add("tokenizer.ggml.token_type_count", 2)
    writer.add("tokenizer.ggml.tokens", tokens)
    writer.add("tokenizer.ggml.token_type", [3, 2, 3, 3, 3, *[1] * len(WORDS)])
    for name, number in (("bos", 2), ("eos", 3), ("unknown", 1), ("seperator", 3), ("padding", 0)):
        writer.add(f"tokenizer.ggml.{name}_token_id", number)

    def weight(name: str, *shape: int) -> None:
        writer.tensor(name, chance.normal(0, 0.2, shape).astype(np.float32), "F32")

    weight("token_embd.weight", len(tokens), WIDTH)
    weight("position_embd.weight", CONTEXT, WIDTH)
    weight("token_types.weight", 2, WIDTH)
    norms = ["token_embd_norm"]
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            weight(f"blk.{layer}.{name}.weight", WIDTH, WIDTH)
            weight(f"blk.{layer}.{name}.bias", WIDTH)
        weight(f"blk.{layer}.ffn_up.weight", 2 * WIDTH, WIDTH)
        weight(f"blk.{layer}.ffn_up.bias", 2 * WIDTH)
        weight(f"blk.{layer}.ffn_down.weight", WIDTH, 2 * WIDTH)
        weight(f"blk.{layer}.ffn_down.bias", WIDTH)
        norms += [f"blk.{layer}.attn_output_norm", f"blk.{layer}.layer_output_norm"]
    for name in norms:
        writer.tensor(f"{name}.weight", np.ones(WIDTH, dtype=np.float32), "F32")
        writer.tensor(f"{name}.bias", np.zeros(WIDTH, dtype=np.float32), "F32")
    if pooling == 4:
        weight("cls.weight", WIDTH, WIDTH)
        weight("cls.bias", WIDTH)
        weight("cls.output.weight", 1, WIDTH)
        weight("cls.output.bias", 1)
    writer.close()
    return path
