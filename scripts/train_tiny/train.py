"""Tokeniser and training loop. One thread, resumable, a few thousand steps.

The learning rate is constant after a short warm-up and falls to zero over the last steps, so a
run can be made longer by asking for more steps before the fall has begun.
"""

from __future__ import annotations

import argparse
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor
from torch.nn import functional

from train_tiny import data
from train_tiny.hints import NOTHING, Hints
from train_tiny.model import READINGS, Shape, Tiny

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
POOL = 384  # conversations drawn at once, then batched by length
BATCH_TOKENS = 6144
LONGEST = 1500  # tokens; longer conversations are left out
MUON_RATE = 4e-3
ADAM_RATE = 2e-3

CITATION = 2.0  # weight of the number in a citation
DECISION = 3.0  # weight of the first two tokens of a grounded answer: say it, or refuse
HINT = 0.5  # weight of each hint
HINTS_FROM = 1800  # steps; copying is learned by then, and hints before it hold it up


@dataclass(frozen=True)
class Sample:
    """Token ids of a conversation, the weight of each as a target, and the hints."""

    ids: list[int]
    weights: list[float]
    hints: tuple[list[int], ...]


def build_tokenizer(path: Path, vocabulary: int) -> Tokenizer:
    """Train the byte-level BPE on the world's own text, and save it at ``path``."""
    rng = Random(1)
    marks = re.compile("|".join(re.escape(mark) for mark in SPECIAL))
    text = [
        marks.sub(" ", piece)
        for _ in range(6000)
        for piece, _own in data.segments(data.conversation(rng, 0.8))
    ]
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


def _weights(tokens: Sequence[str], text: str) -> list[float]:
    """Weight of each token of an answer: a long answer weighs as the root of its length."""
    weights = [min(1.0, (16 / len(tokens)) ** 0.5)] * len(tokens)
    cited = [index for index, token in enumerate(tokens) if token.endswith("[")]
    for index in cited:
        weights[index + 1] = CITATION
    if cited or text.startswith(data.REFUSAL):
        weights[:2] = [DECISION, DECISION]
    return weights


def encoded(tokenizer: Tokenizer, talk: data.Conversation) -> Sample:
    """A conversation as the training sees it: only the assistant's words weigh."""
    ids: list[int] = []
    weights: list[float] = []
    hints = Hints(tokenizer)
    pieces = data.segments(talk)
    for number, (text, own) in enumerate(pieces):
        piece = tokenizer.encode(text)
        ids.extend(piece.ids)
        if own:
            weights.extend(_weights(piece.tokens, text))
            hints.add_answer(piece.tokens, text)
        else:
            weights.extend([0.0] * len(piece.ids))
            hints.add_prompt(text, piece.offsets, pieces[number + 1][0])
    return Sample(ids, weights, hints.rows())


def batches(tokenizer: Tokenizer, seed: int, difficulty: float) -> Iterator[list[Sample]]:
    """One pool of conversations in batches of similar length, in random order."""
    rng = Random(seed)
    pool = [encoded(tokenizer, data.conversation(rng, difficulty)) for _ in range(POOL)]
    pool = sorted(
        (each for each in pool if len(each.ids) <= LONGEST), key=lambda each: len(each.ids)
    )
    groups: list[list[Sample]] = [[]]
    for sample in pool:
        if (len(groups[-1]) + 1) * len(sample.ids) > BATCH_TOKENS:
            groups.append([])
        groups[-1].append(sample)
    rng.shuffle(groups)
    return iter(groups)


def _padded(rows: Sequence[Sequence[float]], kind: torch.dtype, empty: float = 0) -> Tensor:
    longest = max(len(row) for row in rows)
    table = torch.full((len(rows), longest), empty, dtype=kind)
    for number, row in enumerate(rows):
        table[number, : len(row)] = torch.tensor(row, dtype=kind)
    return table


@dataclass(frozen=True)
class Target:
    """What to predict at which flat positions."""

    positions: Tensor
    tokens: Tensor

    def loss(self, logits: Tensor) -> Tensor:
        """Cross entropy at each position, in nats."""
        return functional.cross_entropy(logits.float(), self.tokens, reduction="none")


@dataclass(frozen=True)
class Batch:
    """Inputs (batch, time), the answers with their weights, and the hints."""

    inputs: Tensor
    answers: Target
    weights: Tensor
    hints: tuple[Target, ...]


def batch(group: list[Sample]) -> Batch:
    """The tensors of a group of samples."""
    tokens = _padded([each.ids for each in group], torch.long)
    weights = _padded([each.weights for each in group], torch.float)[:, 1:].flatten()
    keep = weights.nonzero().flatten()

    def hint(rows: list[list[int]]) -> Target:
        known = _padded(rows, torch.long, NOTHING)[:, :-1].flatten()
        positions = (known != NOTHING).nonzero().flatten()
        return Target(positions, known[positions])

    return Batch(
        inputs=tokens[:, :-1].contiguous(),
        answers=Target(keep, tokens[:, 1:].flatten()[keep]),
        weights=weights[keep],
        hints=tuple(hint([each.hints[index] for each in group]) for index in range(len(READINGS))),
    )


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
        self.checkpoint = folder / "checkpoint.pt"
        saved = (
            torch.load(self.checkpoint, weights_only=True) if self.checkpoint.exists() else None
        )
        self.shape = Shape(**saved["shape"]) if saved else Shape()
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
        self.missed = [0.0] * len(READINGS)  # last loss of each hint, in nats
        if saved:
            self._resume(saved)

    def _resume(self, saved: dict[str, Any]) -> None:
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
        now = batch(group)
        targets = (now.answers, *now.hints)
        with torch.autocast("cpu", torch.bfloat16):
            logits = self.network(now.inputs, *(each.positions for each in targets))
        losses = now.answers.loss(logits[0])
        loss = (losses * now.weights).sum() / now.weights.sum()
        total = loss
        for index, hint in enumerate(now.hints):
            if len(hint.positions) and self.step >= HINTS_FROM:
                missed = hint.loss(logits[index + 1]).mean()
                total = total + HINT * missed
                self.missed[index] = float(missed.item())
        total.backward()
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
                    hints = " ".join(f"{each:.3f}" for each in self.missed)
                    print(f"{self.step} {spent:.0f}s loss {mean:.4f} hints {hints}", flush=True)
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
    parser.add_argument("--steps", type=int, default=7000)
    parser.add_argument("--ramp", type=int, default=2000)
    parser.add_argument("--fall", type=float, default=0.3)
    chosen = parser.parse_args()
    chosen.folder.mkdir(parents=True, exist_ok=True)
    training = Training(chosen.folder, Plan(chosen.steps, chosen.ramp, chosen.fall))
    try:
        training.run()
    except KeyboardInterrupt:
        training.save()
        print(f"stopped at step {training.step}; the same command goes on from here")
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
