"""The network: the ``llama`` architecture of llama.cpp, at 0.87 million parameters.

RoPE rotates neighbouring pairs (not halves), as llama.cpp does for this architecture, so the
weights convert without permutation. Every dimension is a multiple of 32, the Q8_0 block.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

# What training may read from the residual stream before the last layer: after how many layers, and
# whether in a space of its own (turned), where it does not meet the prediction of the next token.
READINGS: tuple[tuple[int, bool], ...] = (
    (2, False),
    (3, False),
    (3, True),
    (4, True),
    (4, False),
)


@dataclass(frozen=True)
class Shape:
    """Sizes of the network. ``context`` is in tokens."""

    vocabulary: int = 1024
    width: int = 128
    layers: int = 5
    heads: int = 4
    key_heads: int = 2
    hidden: int = 256
    context: int = 2048
    rope_base: float = 10000.0
    epsilon: float = 1e-5

    @property
    def head_width(self) -> int:
        """Channels per attention head."""
        return self.width // self.heads


def _normed(x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
    return functional.rms_norm(x, (x.shape[-1],), weight, epsilon)


def _rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    even, odd = x[..., 0::2], x[..., 1::2]
    return torch.stack((even * cos - odd * sin, even * sin + odd * cos), -1).flatten(-2)


def attention(query: Tensor, key: Tensor, value: Tensor) -> Tensor:
    """Causal attention over (batch, heads, time, channels), in blocks of 128 queries.

    Measured twice to four times as fast as the fused kernel on one CPU thread with bfloat16:
    a block's scores stay in the cache, and nothing is computed above the diagonal's block.
    """
    time, size = query.shape[2], 128
    query = query * query.shape[3] ** -0.5
    ahead = torch.full((size, size), -1e9, dtype=query.dtype).triu(1)
    mixed: list[Tensor] = []
    for start in range(0, time, size):
        end = min(time, start + size)
        scores = query[:, :, start:end] @ key[:, :, :end].transpose(2, 3)
        mask = functional.pad(ahead[: end - start, : end - start], (start, 0))
        mixed.append(torch.softmax(scores + mask, -1) @ value[:, :, :end])
    return torch.cat(mixed, 2)


class Block(nn.Module):
    """One transformer layer: grouped-query attention, then a SwiGLU feed-forward."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        keys = shape.key_heads * shape.head_width
        self.attn_norm = nn.Parameter(torch.ones(shape.width))
        self.ffn_norm = nn.Parameter(torch.ones(shape.width))
        self.attn_q = nn.Linear(shape.width, shape.width, bias=False)
        self.attn_k = nn.Linear(shape.width, keys, bias=False)
        self.attn_v = nn.Linear(shape.width, keys, bias=False)
        self.attn_output = nn.Linear(shape.width, shape.width, bias=False)
        self.ffn_gate = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_up = nn.Linear(shape.width, shape.hidden, bias=False)
        self.ffn_down = nn.Linear(shape.hidden, shape.width, bias=False)

    def forward(self, h: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        """Residual stream in, residual stream out: (batch, time, width)."""
        shape = self.shape
        batch, time, _ = h.shape
        x = _normed(h, self.attn_norm, shape.epsilon)

        def heads(y: Tensor, number: int) -> Tensor:
            return y.view(batch, time, number, shape.head_width).transpose(1, 2)

        query = _rotated(heads(self.attn_q(x), shape.heads), cos, sin)
        key = _rotated(heads(self.attn_k(x), shape.key_heads), cos, sin)
        value = heads(self.attn_v(x), shape.key_heads)
        shared = shape.heads // shape.key_heads
        mixed = attention(
            query.to(value.dtype),
            key.to(value.dtype).repeat_interleave(shared, 1),
            value.repeat_interleave(shared, 1),
        )
        h = h + self.attn_output(mixed.transpose(1, 2).reshape(batch, time, shape.width))
        x = _normed(h, self.ffn_norm, shape.epsilon)
        change: Tensor = self.ffn_down(functional.silu(self.ffn_gate(x)) * self.ffn_up(x))
        return h + change


class Tiny(nn.Module):
    """The language model; input and output embeddings are the same matrix."""

    cos: Tensor
    sin: Tensor
    turn: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.token_embd = nn.Embedding(shape.vocabulary, shape.width)
        self.blk = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.output_norm = nn.Parameter(torch.ones(shape.width))
        nn.init.normal_(self.token_embd.weight, std=0.02)
        for block in self.blk:
            for weight in block.parameters():
                if weight.dim() > 1:
                    nn.init.normal_(weight, std=1 / math.sqrt(weight.shape[1]))
        half = torch.arange(0, shape.head_width, 2) / shape.head_width
        angle = torch.outer(torch.arange(shape.context).float(), shape.rope_base**-half)
        noise = torch.randn(shape.width, shape.width, generator=torch.Generator().manual_seed(7))
        self.register_buffer("turn", torch.linalg.qr(noise)[0], persistent=False)
        self.register_buffer("cos", angle.cos(), persistent=False)
        self.register_buffer("sin", angle.sin(), persistent=False)

    def forward(self, tokens: Tensor, keep: Tensor, *hints: Tensor) -> list[Tensor]:
        """Logits of ``tokens`` (batch, time): the answer at the flat positions ``keep``.

        Then, for training only, one reading of ``READINGS`` at each of the lists ``hints``.
        """
        time = tokens.shape[1]
        h = self.token_embd(tokens)
        stream: list[Tensor] = []
        for block in self.blk:
            h = block(h, self.cos[:time], self.sin[:time])
            stream.append(h)
        found = [self._logits(h, keep)]
        for (layers, turned), positions in zip(READINGS, hints, strict=False):
            found.append(self._logits(stream[layers - 1], positions, turned=turned))
        return found

    def _logits(self, h: Tensor, positions: Tensor, *, turned: bool = False) -> Tensor:
        x = _normed(h.flatten(0, 1)[positions], self.output_norm, self.shape.epsilon)
        return functional.linear(x @ self.turn if turned else x, self.token_embd.weight)
