"""Checkpoint to GGUF: names, tokeniser and chat template as llama.cpp reads them."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import gguf
import numpy as np
import torch

from train_tiny import data
from train_tiny.model import Shape

QUANTIZED = gguf.GGMLQuantizationType.Q8_0

# Every line break is written as '\n' inside an expression: an engine that trims line breaks after
# Jinja blocks must not change the prompt.
TEMPLATE = r"""
{%- set system = messages[0].content if messages[0].role == 'system' else '' %}
{%- if system or tools %}
{{- '<|im_start|>system\n' + system }}
{%- if tools %}
{{- '\n\n' if system else '' }}
{{- '@before@\n' }}
{%- for tool in tools %}
{{- (tool | tojson) + '\n' }}
{%- endfor %}
{{- '@after@' }}
{%- endif %}
{{- '<|im_end|>\n' }}
{%- endif %}
{%- for message in messages %}
{%- if message.role == 'user' %}
{{- '<|im_start|>user\n' + message.content + '<|im_end|>\n' }}
{%- elif message.role == 'assistant' %}
{{- '<|im_start|>assistant\n' + (message.content or '') }}
{%- for call in message.tool_calls or [] %}
{{- '<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}
{{- '}\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\n' }}
{%- elif message.role == 'tool' %}
{{- '<|im_start|>user\n<tool_response>\n' + message.content }}
{{- '\n</tool_response><|im_end|>\n' }}
{%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}
{{- '<|im_start|>assistant\n' }}
{%- endif %}"""


def chat_template() -> str:
    """The Jinja chat template, with the note about tools that the model was trained on."""
    before, after = (part.replace("\n", "\\n") for part in data.TOOL_NOTE.split("\n%s\n"))
    return TEMPLATE.strip().replace("@before@", before).replace("@after@", after)


def _vocabulary(writer: gguf.GGUFWriter, path: Path, size: int) -> None:
    """Write the byte-level BPE at ``path``, padded with unused tokens to ``size`` entries."""
    model = json.loads(path.read_text(encoding="utf-8"))["model"]
    ids: dict[str, int] = model["vocab"]
    tokens = [f"[UNUSED{number}]" for number in range(size)]
    types = [gguf.TokenType.UNUSED] * size
    for token, number in ids.items():
        tokens[number] = token
        control = token.startswith("<|")
        types[number] = gguf.TokenType.CONTROL if control else gguf.TokenType.NORMAL
    merges = [pair if isinstance(pair, str) else " ".join(pair) for pair in model["merges"]]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    writer.add_token_types(types)
    writer.add_token_merges(merges)
    writer.add_bos_token_id(ids["<|endoftext|>"])
    writer.add_eos_token_id(ids["<|im_end|>"])
    writer.add_pad_token_id(ids["<|endoftext|>"])
    writer.add_add_bos_token(value=False)
    writer.add_chat_template(chat_template())


def convert(folder: Path, target: Path) -> None:
    """Write the checkpoint and tokeniser in ``folder`` as one Q8_0 GGUF file at ``target``."""
    saved = torch.load(folder / "checkpoint.pt", weights_only=True)
    shape = Shape(**saved["shape"])
    partial = target.with_suffix(".partial")
    writer = gguf.GGUFWriter(partial, "llama")
    writer.add_name("freehold-tiny")
    writer.add_license("Apache-2.0")
    writer.add_context_length(shape.context)
    writer.add_embedding_length(shape.width)
    writer.add_block_count(shape.layers)
    writer.add_feed_forward_length(shape.hidden)
    writer.add_head_count(shape.heads)
    writer.add_head_count_kv(shape.key_heads)
    writer.add_layer_norm_rms_eps(shape.epsilon)
    writer.add_rope_dimension_count(shape.head_width)
    writer.add_rope_freq_base(shape.rope_base)
    writer.add_vocab_size(shape.vocabulary)
    writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
    _vocabulary(writer, folder / "tokenizer.json", shape.vocabulary)
    for name, weight in saved["weights"].items():
        values = weight.float().numpy()
        plain = name.removesuffix(".weight") + ".weight"
        if values.ndim == 1:
            writer.add_tensor(plain, values.astype(np.float32))
        else:
            packed = gguf.quants.quantize(values, QUANTIZED)
            writer.add_tensor(plain, packed, raw_dtype=QUANTIZED)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(target)


def main() -> None:
    """Command line: the training folder and the GGUF file to write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where tokeniser and checkpoint are kept")
    parser.add_argument("target", type=Path, help="the GGUF file to write")
    chosen = parser.parse_args()
    convert(chosen.folder, chosen.target)
    print(f"{chosen.target.name}: {chosen.target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
