"""Exact-string score of a GGUF file through llama.cpp, greedy, one thread.

Every question is new to the model: other seeds, other passages. An answer counts only when it is
the expected text to the last character.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import xllamacpp

from train_tiny import data, world

Chat = list[dict[str, Any]]

OUTSIDE = (
    "The committee approved the minutes without changes and thanked the treasurer.",
    "Her grandfather sailed twice around the cape before he turned thirty.",
    "Shipping takes about ten working days, longer around holidays.",
    "Version 2.4 fixes a crash when the battery is low (see ticket 318).",
    "Fold the dough gently, let it rest, then fold it once more.",
    "Revenue grew by 12% while travel costs fell sharply.",
    "Each participant signs a waiver; minors need a parent's consent.",
    "Orange signs mark the path through the marshes!",
    "Emails sent after 17:00 are answered the following morning.",
    "In 1968 the observatory received its largest lens.",
)


@dataclass(frozen=True)
class Trial:
    """One question put to the model. ``tokens`` is the most it may answer with."""

    task: str
    messages: Chat
    expected: str
    tools: tuple[data.Tool, ...] = ()
    tokens: int = 80


def _chat(talk: data.Conversation) -> Chat:
    roles = {"said": "assistant"}
    return [
        {"role": roles.get(each.role, each.role), "content": each.content}
        for each in talk.messages
    ]


def _asked(system: str | None, *exchange: str) -> Chat:
    """Messages from alternating user and assistant texts."""
    start: Chat = [{"role": "system", "content": system}] if system else []
    roles = ("user", "assistant")
    return start + [
        {"role": roles[number % 2], "content": text} for number, text in enumerate(exchange)
    ]


def small_trials(rng: Random, each: int) -> Iterator[Trial]:
    """Facts, repetition, counting, small talk, tools."""
    for _ in range(each):
        system = rng.choice(data.SYSTEMS)
        makers: tuple[tuple[str, Callable[[], data.Exchange]], ...] = (
            ("capital", lambda: data.capital(rng)),
            ("repeat five words", lambda: data.repeat(rng, 6)),
            ("small talk", lambda: data.small_talk(rng)),
            ("count up to ten steps", lambda: data.count(rng, 0.0)),
            ("stray question", lambda: data.stray(rng)),
        )
        for task, make in makers:
            asked, answer = make()
            yield Trial(task, _asked(system, asked), answer)
        first, second = data.capital(rng), data.capital(rng)
        yield Trial("capital after a turn", _asked(system, *first, second[0]), second[1])
        for kind, name in ((data.WEATHER_TOOL, "get_weather"), (data.TIME_TOOL, "get_time")):
            (asked, _), city = data.weather(rng, name)
            call = {"name": name, "arguments": json.dumps({"city": city})}
            history = _asked(system, asked)
            yield Trial(f"call of {name}", history, json.dumps(call), (kind,))
            reply = rng.choice(world.WEATHERS) if name == "get_weather" else "14:05"
            tool_calls = [{"id": "c1", "type": "function", "function": call}]
            history = [
                *history,
                {"role": "assistant", "content": "", "tool_calls": tool_calls},
                {"role": "tool", "tool_call_id": "c1", "content": reply},
            ]
            yield Trial(f"reply of {name}", history, f"It is {reply} in {city}.", (kind,))
        asked, answer = data.capital(rng)
        yield Trial("capital with tools", _asked(system, asked), answer, (data.WEATHER_TOOL,))
        talk = data.context(rng)
        yield Trial("context block", _chat(talk)[:-1], talk.messages[-1].content)


def count_trials() -> Iterator[Trial]:
    """The long answers."""
    for system in data.SYSTEMS:
        for last in (20, 30, 40, 50, 60, 70, 80, 90, 100):
            asked, answer = data.count_exchange(0, last - 1)
            yield Trial(f"count from one to {last}", _asked(system, asked), answer, tokens=700)


def _passages(rng: Random, on: data.Shelf, *, strange: bool) -> tuple[data.Passage, ...]:
    """The passages on ``on``, with sentences foreign to the training added if ``strange``."""
    if not strange:
        return on.passages
    return tuple(
        data.Passage(each.file, each.place, f"{each.text} {rng.choice(OUTSIDE)}")
        for each in on.passages
    )


def grounded_trials(rng: Random, each: int) -> Iterator[Trial]:
    """Questions on passages, by kind, and those the passages do not answer."""
    wanted = {
        f"{kind}{suffix}": each
        for kind in ("colour", "place", "keeper", "refusal")
        for suffix in ("", ", strange text", ", after turns")
    }
    while any(wanted.values()):
        on = data.shelf(rng, rng.random())
        suffix = rng.choice(("", ", strange text", ", after turns"))
        number, fact = rng.choice(on.facts) if on.facts else (0, None)
        if fact is None or rng.random() < 0.3:
            kind, asked, answer = "refusal", data.missing(rng, on), data.REFUSAL
        else:
            kind, asked, answer = fact.kind, data.question(rng, fact), fact.answer(number)
        if not wanted[f"{kind}{suffix}"]:
            continue
        wanted[f"{kind}{suffix}"] -= 1
        prompt = data.grounded_prompt(_passages(rng, on, strange="strange" in suffix), asked)
        history: list[str] = []
        if "turns" in suffix:
            before = data.random_fact(rng, data.item_name(rng))
            history = [data.question(rng, before), before.answer(rng.randrange(1, 5))]
        yield Trial(f"grounded {kind}{suffix}", _asked(data.GROUNDED, *history, prompt), answer)


def demo_trials(folder: Path, rng: Random) -> Iterator[Trial]:
    """The demonstration's own questions, each with its document and up to three others.

    Every question is asked with its document at each of the places in the prompt.
    """
    documents = sorted(
        path for path in (folder / "documents").rglob("*") if path.suffix in {".md", ".txt"}
    )
    passages = {
        path.relative_to(folder / "documents").as_posix(): path.read_text(encoding="utf-8").strip()
        for path in documents
    }
    for entry in json.loads((folder / "questions.json").read_text(encoding="utf-8")):
        for place in range(1, 5):
            others = [name for name in passages if name != entry["file"]]
            names = rng.sample(others, 3 if entry["file"] else 4)
            if entry["file"]:
                names.insert(place - 1, entry["file"])
            prompt = data.grounded_prompt(
                [data.Passage(name, "line 1", passages[name]) for name in names],
                entry["question"],
            )
            expected = entry["answer"].replace("[1]", f"[{place}]")
            yield Trial("demonstration", _asked(data.GROUNDED, prompt), expected)


class Engine:
    """A GGUF file in llama.cpp, on one thread."""

    def __init__(self, path: Path) -> None:
        parameters = xllamacpp.CommonParams()
        parameters.model.path = str(path)
        parameters.n_ctx = 2048
        parameters.n_parallel = 1
        parameters.cpuparams.n_threads = 1
        parameters.verbosity = 0
        self.server = xllamacpp.Server(parameters)

    def answer(self, trial: Trial) -> str:
        """What the model says, or the JSON of the tool call it makes."""
        body: dict[str, Any] = {
            "messages": trial.messages,
            "temperature": 0,
            "max_tokens": trial.tokens,
        }
        if trial.tools:
            body["tools"] = list(trial.tools)
        reply = self.server.handle_chat_completions(body)
        if "choices" not in reply:
            return f"error: {reply}"
        message = reply["choices"][0]["message"]
        if message.get("tool_calls"):
            called = message["tool_calls"][0]["function"]
            return json.dumps({"name": called["name"], "arguments": called["arguments"]})
        return str(message.get("content") or "")


def _same(trial: Trial, answer: str) -> bool:
    if not trial.task.startswith("call of"):
        return answer == trial.expected
    try:
        got, due = json.loads(answer), json.loads(trial.expected)
        return bool(
            got["name"] == due["name"]
            and json.loads(got["arguments"]) == json.loads(due["arguments"])
        )
    except (ValueError, KeyError, TypeError):
        return False


def score(model: Path, demo: Path | None, each: int, seed: int, show: int) -> dict[str, list[int]]:
    """Right and asked per task; prints up to ``show`` wrong answers of each."""
    engine = Engine(model)
    trials = [
        *small_trials(Random(seed), each),
        *count_trials(),
        *grounded_trials(Random(seed + 1), each),
        *(demo_trials(demo, Random(seed + 2)) if demo else ()),
    ]
    found: dict[str, list[int]] = {}
    for trial in trials:
        answer = engine.answer(trial)
        counts = found.setdefault(trial.task, [0, 0])
        counts[1] += 1
        if _same(trial, answer):
            counts[0] += 1
        elif counts[1] - counts[0] <= show:
            print(f"--- {trial.task}\n{trial.messages[-1]['content']}")
            print(f"expected {trial.expected!r}\nanswered {answer!r}")
    return found


def main() -> None:
    """Command line: the GGUF file, and how much to ask it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", type=Path, help="the GGUF file")
    parser.add_argument("--demo", type=Path, help="folder of the demonstration")
    parser.add_argument("--each", type=int, default=60, help="questions per task")
    parser.add_argument("--seed", type=int, default=999)
    parser.add_argument("--show", type=int, default=0, help="wrong answers to print per task")
    chosen = parser.parse_args()
    found = score(chosen.model, chosen.demo, chosen.each, chosen.seed, chosen.show)
    for task, (right, asked) in found.items():
        print(f"{task:36} {right}/{asked}")


if __name__ == "__main__":
    main()
