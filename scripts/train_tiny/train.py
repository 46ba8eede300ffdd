"""Tokeniser and training loop. One thread, resumable, a few thousand steps.

The learning rate is constant after a short warm-up and falls to zero over the last steps, so a
run can be made longer by asking for more steps before the fall has begun.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional

from train_tiny import data
from train_tiny.model import Shape, Tiny

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
POOL = 384  # conversations drawn at once, then batched by length
BATCH_TOKENS = 6144
LONGEST = 1500  # tokens; longer conversations are left out
MUON_RATE = 6e-3
ADAM_RATE = 3e-3

Sample = tuple[list[int], list[float]]


def build_tokenizer(path: Path, vocabulary: int) -> Tokenizer:
    """Train the byte-level BPE on the world's own text, and save it at ``path``."""
    rng = Random(1)
    marks = re.compile("|".join(re.escape(mark) for mark in SPECIAL))
    text: list[str] = []
    for _ in range(6000):
        for piece, _own in data.segments(data.conversation(rng, 0.8)):
            text.append(marks.sub(" ", piece))
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(text, trainer)
    tokenizer.save(str(path))
    return tokenizer


def encoded(tokenizer: Tokenizer, talk: data.Conversation) -> Sample:
    """Token ids of a conversation and the weight of each as a target.

    Only the assistant's words weigh; a long answer weighs as the square root of its length.
    """
    ids: list[int] = []
    weights: list[float] = []
    for text, own in data.segments(talk):
        piece = tokenizer.encode(text).ids
        weight = min(1.0, (16 / len(piece)) ** 0.5) if own else 0.0
        ids += piece
        weights += [weight] * len(piece)
    return ids, weights


def batches(tokenizer: Tokenizer, seed: int, difficulty: float) -> Iterator[list[Sample]]:
    """One pool of conversations in batches of similar length, in random order."""
    rng = Random(seed)
    pool = [encoded(tokenizer, data.conversation(rng, difficulty)) for _ in range(POOL)]
    pool = sorted(
        (each for each in pool if len(each[0]) <= LONGEST), key=lambda each: len(each[0])
    )
    groups: list[list[Sample]] = [[]]
    for sample in pool:
        if (len(groups[-1]) + 1) * len(sample[0]) > BATCH_TOKENS:
            groups.append([])
        groups[-1].append(sample)
    rng.shuffle(groups)
    return iter(groups)


def tensors(group: list[Sample]) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Inputs (batch, time), flat positions to predict at, their targets and weights."""
    longest = max(len(ids) for ids, _ in group)
    tokens = torch.zeros(len(group), longest, dtype=torch.long)
    weights = torch.zeros(len(group), longest)
    for row, (ids, weight) in enumerate(group):
        tokens[row, : len(ids)] = torch.tensor(ids)
        weights[row, : len(ids)] = torch.tensor(weight)
    targets, weights = tokens[:, 1:].flatten(), weights[:, 1:].flatten()
    keep = weights.nonzero().flatten()
    return tokens[:, :-1].contiguous(), keep, targets[keep], weights[keep]


@dataclass(frozen=True)
class Plan:
    """Length of a run, in steps, and its course.

    ``ramp`` is the step at which conversations reach full difficulty; ``fall`` the share of the
    steps over which the learning rate falls.
    """

    steps: int
    ramp: int
    fall: float


def rate(step: int, plan: Plan) -> float:
    """Learning rate at ``step`` as a share of the highest one."""
    left = (plan.steps - step) / max(1.0, plan.fall * plan.steps)
    return min(1.0, (step + 1) / 60, max(0.02, left))


class Training:
    """One run: network, optimisers and how far it has come, kept in ``folder``."""

    def __init__(self, folder: Path, plan: Plan) -> None:
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.plan = plan
        self.shape = Shape()
        self.checkpoint = folder / "checkpoint.pt"
        vocabulary = folder / "tokenizer.json"
        self.tokenizer = (
            Tokenizer.from_file(str(vocabulary))
            if vocabulary.exists()
            else build_tokenizer(vocabulary, self.shape.vocabulary)
        )
        self.network = Tiny(self.shape)
        inner = [p for p in self.network.blk.parameters() if p.dim() > 1]
        others = [p for p in self.network.parameters() if not any(p is each for each in inner)]
        self.muon = torch.optim.Muon(
            inner, lr=MUON_RATE, weight_decay=0.02, adjust_lr_fn="match_rms_adamw"
        )
        self.adam = torch.optim.AdamW(others, lr=ADAM_RATE, betas=(0.9, 0.98), weight_decay=0.01)
        self.step = 0
        self.pools = 0
        if self.checkpoint.exists():
            self._load()

    def _load(self) -> None:
        saved = torch.load(self.checkpoint, weights_only=True)
        self.network.load_state_dict(saved["weights"])
        self.muon.load_state_dict(saved["muon"])
        self.adam.load_state_dict(saved["adam"])
        self.step, self.pools = saved["step"], saved["pools"]

    def save(self) -> None:
        """Write the checkpoint whole or not at all."""
        partial = self.checkpoint.with_suffix(".partial")
        torch.save(
            {
                "weights": self.network.state_dict(),
                "muon": self.muon.state_dict(),
                "adam": self.adam.state_dict(),
                "step": self.step,
                "pools": self.pools,
                "shape": asdict(self.shape),
            },
            partial,
        )
        partial.replace(self.checkpoint)

    def learn(self, group: list[Sample]) -> float:
        """One step on one batch; the loss before it, in nats per target token."""
        share = rate(self.step, self.plan)
        for optimizer, top in ((self.muon, MUON_RATE), (self.adam, ADAM_RATE)):
            optimizer.zero_grad()
            for parameters in optimizer.param_groups:
                parameters["lr"] = top * share
        inputs, keep, targets, weights = tensors(group)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(inputs, keep)
        losses = functional.cross_entropy(logits.float(), targets, reduction="none")
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.muon.step()
        self.adam.step()
        self.step += 1
        return float(loss.item())

    def run(self) -> None:
        """Learn until the plan's last step; a line every 50 steps, a checkpoint every 4 pools."""
        size = sum(p.numel() for p in self.network.parameters())
        print(f"parameters {size}, from step {self.step}", flush=True)
        started = time.process_time()
        losses: list[float] = []
        while self.step < self.plan.steps:
            self.pools += 1
            difficulty = min(1.0, 0.05 + self.step / self.plan.ramp)
            for group in batches(self.tokenizer, 1000 + self.pools, difficulty):
                losses.append(self.learn(group))
                if self.step % 50 == 0:
                    spent = time.process_time() - started
                    mean = sum(losses) / len(losses)
                    print(f"{self.step} {spent:.0f}s loss {mean:.4f}", flush=True)
                    losses.clear()
                if self.step >= self.plan.steps:
                    break
            if self.pools % 4 == 0:
                self.save()
        self.save()


def main() -> None:
    """Command line: the folder to work in and the length of the run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where tokeniser and checkpoint are kept")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--ramp", type=int, default=2000)
    parser.add_argument("--fall", type=float, default=0.3)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    Training(chosen.folder, Plan(chosen.steps, chosen.ramp, chosen.fall)).run()


if __name__ == "__main__":
    main()
