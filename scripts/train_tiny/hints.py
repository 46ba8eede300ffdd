"""Hints: what the network should know at a token before its last layer.

Citing takes several steps (which passage a word stands in, which thing a fact is about, which fact
is asked for), and a small network finds them slowly from the answers alone. The generator knows
them, so training says them: each hint is a token id per token of the text, or ``NOTHING``. They
cost nothing when the model is used.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from tokenizers import Tokenizer

from train_tiny import data, world

NOTHING = -1

_MARKER = re.compile(r"^\[(\d)\] ", re.MULTILINE)
_KEEPER = re.compile(r"(\w+) looks after the ([\w ]+?)(?=[.,]| again| this year)")
_COLOURS = "|".join(world.COLOURS)
_STATE = re.compile(
    rf"[Tt]he ([\w ]+?) is ((?:in|on|under|behind|beside|near) the|(?:{_COLOURS})\b)"
)
_ASKED = re.compile(r"Question: .* the ([\w ]+?)(?: kept)?\??<\|im_end\|>")
_CITED = re.compile(r"\[(\d)\]\.")

Offsets = Sequence[tuple[int, int]]


class Hints:
    """The five hints of a conversation, in the order of ``model.READINGS``.

    The number of the passage a token stands in; the keeper of a thing, at the thing; the thing a
    fact or question is about; the number of the passage that answers, where the answer begins;
    the name of the keeper asked for, there too.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.passages: list[int] = []
        self.keepers: list[int] = []
        self.things: list[int] = []
        self.sources: list[int] = []
        self.names: list[int] = []

    def rows(self) -> tuple[list[int], ...]:
        """One list per reading."""
        return self.passages, self.keepers, self.things, self.sources, self.names

    def _first(self, text: str) -> int:
        return int(self.tokenizer.encode(text).ids[0])

    def _thing(self, name: str) -> int:
        """The token that stands for a thing: the last of its name."""
        return int(self.tokenizer.encode(f" {name}").ids[-1])

    def add_answer(self, tokens: Sequence[str], text: str) -> None:
        """An answer of the assistant: before its citation it knows the passage."""
        size = len(tokens)
        for row in self.rows():
            row.extend([NOTHING] * size)
        cited = _CITED.search(text)
        bracket = next((index for index, each in enumerate(tokens) if each.endswith("[")), 0)
        if cited and bracket:
            self.sources[bracket - size - 1] = self._first(cited[1])

    def add_prompt(self, text: str, offsets: Offsets, answer: str) -> None:
        """A prompt, up to where the assistant's ``answer`` begins."""
        size = len(offsets)
        for row in self.rows():
            row.extend([NOTHING] * size)
        start, end = text.rfind("Passages:\n"), text.rfind("\n\nQuestion: ")
        if 0 <= start < end:
            self._add_passages(text, offsets, start, end)
        asked = _ASKED.search(text)
        cited = _CITED.search(answer)
        if asked:
            self.things[-1] = self._thing(asked[1])
        if cited:
            self.sources[-1] = self._first(cited[1])
            if " looks after " in answer:
                self.names[-1] = self._first(answer.split(maxsplit=1)[0])
        elif answer.startswith(data.REFUSAL):
            self.sources[-1] = self._first("0")

    def _add_passages(self, text: str, offsets: Offsets, start: int, end: int) -> None:
        base = len(self.passages) - len(offsets)
        marks = [(each.end(), self._first(each[1])) for each in _MARKER.finditer(text, start, end)]
        owned = [
            (each.start(2), each.end(2), self._first(each[1]), self._thing(each[2]))
            for each in _KEEPER.finditer(text, start, end)
        ]
        stated = [
            (each.start(2), self._thing(each[1])) for each in _STATE.finditer(text, start, end)
        ]
        for index, (first, last) in enumerate(offsets, base):
            for bound, number in marks:
                if bound <= first < end:
                    self.passages[index] = number
            for left, right, name, thing in owned:
                if left < last <= right:
                    self.keepers[index] = name
                if last == right:
                    self.things[index] = thing
            for value, thing in stated:
                if first <= value < last:
                    self.things[index] = thing
