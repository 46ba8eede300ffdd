"""The demonstration model's world: its prompts are Freehold's, its answers follow from them."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from random import Random

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "src" / "freehold" / "catalog" / "demo"

sys.path.insert(0, str(ROOT / "scripts"))
try:
    from train_tiny import data, world
finally:
    sys.path.pop(0)

QUESTIONS: list[dict[str, str | None]] = json.loads(
    (DEMO / "questions.json").read_text(encoding="utf-8")
)


def test_grounded_prompt_is_freeholds_layout() -> None:
    """The layout is a contract with the product, byte for byte."""
    passages = [
        data.Passage("inventory.md", "line 12", "The server is red."),
        data.Passage("rooms/cellar notes.txt", "page 7", "# Cellar\nThe kettle is in the cellar."),
    ]
    assert data.grounded_prompt(passages, "What colour is the server?") == (
        "Passages:\n"
        "[1] inventory.md, line 12\n"
        "The server is red.\n"
        "\n"
        "[2] rooms/cellar notes.txt, page 7\n"
        "# Cellar\n"
        "The kettle is in the cellar.\n"
        "\n"
        "Question: What colour is the server?"
    )


def test_grounded_system_prompt_is_freeholds() -> None:
    """So is the system prompt."""
    assert data.GROUNDED == (
        "You are Freehold, a private assistant. Answer only from the passages. After each fact "
        "put the number of its passage, like [1]. If the passages do not say, answer: "
        "The documents do not say."
    )


@pytest.mark.parametrize(
    ("fact", "answer"),
    [
        (data.Fact("colour", "server", "red"), "The server is red [2]."),
        (data.Fact("place", "printer", "in the attic"), "The printer is in the attic [2]."),
        (data.Fact("keeper", "camera", "Ada"), "Ada looks after the camera [2]."),
    ],
)
def test_answers_cite_the_passage(fact: data.Fact, answer: str) -> None:
    """An answer is the document's own sentence and the number of its passage."""
    assert fact.answer(2) == answer
    assert fact.sentence() == answer.replace(" [2]", "")


@pytest.mark.parametrize("seed", range(30))
def test_every_stated_fact_stands_in_its_passage(seed: int) -> None:
    """A citation names the passage that has the words, and no other passage contradicts it."""
    on = data.shelf(Random(seed), 1.0)
    assert 1 <= len(on.passages) <= 6
    for number, fact in on.facts:
        words = fact.sentence()[1:-1]
        assert words in on.passages[number - 1].text
    asked = [(fact.kind, fact.item) for _, fact in on.facts]
    assert len(asked) == len(set(asked))


@pytest.mark.parametrize("seed", range(30))
def test_missing_questions_have_no_answer(seed: int) -> None:
    """What the model must refuse is really not in the passages."""
    rng = Random(seed)
    on = data.shelf(rng, 0.7)
    asked = data.missing(rng, on)
    for _, fact in on.facts:
        forms = [form.format(fact.item) for form in data.QUESTIONS[fact.kind]]
        assert asked not in forms


def test_segments_are_chatml_and_mark_only_the_assistants_words() -> None:
    """History that is not to be learned is rendered like an answer but not marked."""
    talk = data.Conversation(
        (
            data.Message("system", "Be brief."),
            data.Message("user", "Hi"),
            data.Message("said", "Yes?"),
            data.Message("user", "ping"),
            data.Message("assistant", "pong"),
        )
    )
    pieces = data.segments(talk)
    assert "".join(text for text, _ in pieces) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHi<|im_end|>\n"
        "<|im_start|>assistant\nYes?<|im_end|>\n"
        "<|im_start|>user\nping<|im_end|>\n"
        "<|im_start|>assistant\npong<|im_end|>"
    )
    assert [text for text, own in pieces if own] == ["pong<|im_end|>"]


def test_numbers_run_from_one_to_one_hundred() -> None:
    """Counting is the model's one long answer."""
    assert len(world.NUMBERS) == len(set(world.NUMBERS)) == 100
    assert world.NUMBERS[41] == "forty-two"
    assert data.count_exchange(1, 5) == (
        "Count from two to six.",
        "two, three, four, five, six.",
    )


def test_conversations_depend_on_the_seed_alone() -> None:
    """The recipe can be repeated."""
    one = [data.conversation(Random(seed), 0.8) for seed in range(50)]
    two = [data.conversation(Random(seed), 0.8) for seed in range(50)]
    assert one == two


@pytest.mark.parametrize("entry", QUESTIONS, ids=lambda entry: str(entry["question"]))
def test_demo_answers_stand_in_exactly_one_document(entry: dict[str, str | None]) -> None:
    """Each demonstration question has its one answer in the document it names, or none at all."""
    documents = {
        path.relative_to(DEMO / "documents").as_posix(): path.read_text(encoding="utf-8")
        for path in (DEMO / "documents").rglob("*")
        if path.is_file()
    }
    answer, file = entry["answer"], entry["file"]
    assert answer is not None
    if file is None:
        assert answer == data.REFUSAL
        return
    said = re.sub(r" \[1\]\.$", ".", answer)
    assert [name for name, text in documents.items() if said in text] == [file]


def test_demo_documents_are_short_enough_for_one_passage() -> None:
    """Retrieval then shows a whole document, and four of them fit the model's context."""
    for path in (DEMO / "documents").rglob("*"):
        if path.is_file():
            assert len(path.read_text(encoding="utf-8")) < 600


def test_model_file_is_a_gguf_of_at_most_one_mebibyte() -> None:
    """It travels with the product, so it stays small."""
    model = DEMO / "freehold-tiny-q8_0.gguf"
    assert model.stat().st_size <= 1024 * 1024
    with model.open("rb") as file:
        assert file.read(4) == b"GGUF"
