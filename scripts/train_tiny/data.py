"""Conversations of the small world, and the ChatML text the model is trained on.

A conversation is a list of messages, perhaps with tools. The text of everything but the
assistant's own words is given; the assistant's words are what is learned. ``conversation`` draws
one at random; the builders below it are also used by the score, with other seeds.

``difficulty`` runs from 0.0 (short prompts, few passages) to 1.0 (what the product sends); the
training raises it so that copying is learned on short texts first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from train_tiny import world

FREEHOLD = "You are Freehold, a private assistant."
HELPFUL = "You are a helpful assistant."
REFUSAL = "The documents do not say."
GROUNDED = (
    f"{FREEHOLD} Answer only from the passages. After each fact put the number of its passage, "
    f"like [1]. If the passages do not say, answer: {REFUSAL}"
)
GREETING = "Hello! I am Freehold, and I run on your own machine."
IDENTITY = "I am Freehold, a private assistant on your own machine."
UNKNOWN = "I do not know that. I am a very small model for demonstrations."

SYSTEMS: tuple[str | None, ...] = (FREEHOLD, HELPFUL, None)

Tool = dict[str, Any]


@dataclass(frozen=True)
class Message:
    """One message of a conversation.

    ``role`` is system, user, assistant, or ``said``: words of the assistant in the history that
    are not to be learned, because nothing in the prompt supports them.
    """

    role: str
    content: str


@dataclass(frozen=True)
class Conversation:
    """Messages in order, and the tools offered with them."""

    messages: tuple[Message, ...]
    tools: tuple[Tool, ...] = ()


@dataclass(frozen=True)
class Fact:
    """One thing a passage says. ``kind`` is colour, place or keeper; ``item`` has no article."""

    kind: str
    item: str
    value: str

    def sentence(self) -> str:
        """The fact as the documents state it."""
        if self.kind == "keeper":
            return f"{self.value} looks after the {self.item}."
        return f"The {self.item} is {self.value}."

    def answer(self, passage: int) -> str:
        """The fact as the assistant states it, with the number of its passage (from 1)."""
        return f"{self.sentence()[:-1]} [{passage}]."


@dataclass(frozen=True)
class Passage:
    """One passage of the prompt: where it comes from and what it says."""

    file: str
    place: str
    text: str


# ---------------------------------------------------------------------------- ChatML

TOOL_NOTE = """# Tools

You may call one or more functions to assist with the user query.

You are provided with function signatures within <tools></tools> XML tags:
<tools>
%s
</tools>

For each function call, return a json object with function name and arguments within \
<tool_call></tool_call> XML tags:
<tool_call>
{"name": <function-name>, "arguments": <args-json-object>}
</tool_call>"""


def segments(talk: Conversation) -> list[tuple[str, bool]]:
    """The ChatML text of a conversation in pieces: (text, is it the assistant's own)."""
    messages = list(talk.messages)
    system = messages.pop(0).content if messages and messages[0].role == "system" else ""
    if talk.tools:
        note = TOOL_NOTE % "\n".join(json.dumps(tool) for tool in talk.tools)
        system = f"{system}\n\n{note}" if system else note
    pieces: list[tuple[str, bool]] = []
    given = f"<|im_start|>system\n{system}<|im_end|>\n" if system else ""
    for message in messages:
        if message.role == "assistant":
            pieces.append((f"{given}<|im_start|>assistant\n", False))
            pieces.append((f"{message.content}<|im_end|>", True))
            given = "\n"
        else:
            role = "assistant" if message.role == "said" else message.role
            given += f"<|im_start|>{role}\n{message.content}<|im_end|>\n"
    return pieces


# ---------------------------------------------------------------------------- tools


def tool(name: str, description: str, argument: str = "city") -> Tool:
    """An OpenAI function tool with one text argument."""
    return {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {argument: {"type": "string"}},
                "required": [argument],
            },
        },
    }


WEATHER_TOOL = tool("get_weather", "Weather for a city")
TIME_TOOL = tool("get_time", "Local time in a city")


def _varied(rng: Random, plain: Tool) -> Tool:
    """The same tool as another client would write it: other key order, other description."""
    if rng.random() < 0.5:
        return plain
    function = dict(plain["function"])
    topic = "weather" if "weather" in function["name"] else "time"
    function["description"] = rng.choice(
        (f"Get the current {topic} for a city", f"The {topic} in a city.", f"Look up the {topic}")
    )
    parameters = dict(function["parameters"])
    if rng.random() < 0.5:
        parameters["properties"] = {
            "city": {"type": "string", "description": rng.choice(("City name", "The city"))}
        }
    if rng.random() < 0.3:
        parameters["additionalProperties"] = False
    names = list(parameters)
    if rng.random() < 0.5:
        names.sort()
    function["parameters"] = {name: parameters[name] for name in names}
    keys = list(function)
    if rng.random() < 0.5:
        keys.sort()
    ordered = {key: function[key] for key in keys}
    if rng.random() < 0.3:
        return {"function": ordered, "type": "function"}
    return {"type": "function", "function": ordered}


def tool_call(name: str, city: str) -> str:
    """The assistant's call of a tool, Hermes style."""
    arguments = json.dumps({"city": city})
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


# ---------------------------------------------------------------------------- small turns

Exchange = tuple[str, str]


def capital(rng: Random) -> Exchange:
    """A fact the model knows by heart."""
    country = rng.choice(tuple(world.CAPITALS))
    asked = rng.choice(
        (
            "What is the capital of {}?",
            "What is the capital of {}?",
            "Name the capital of {}.",
            "capital of {}",
        )
    ).format(country)
    return asked, f"The capital of {country} is {world.CAPITALS[country]}."


def count(rng: Random, difficulty: float) -> Exchange:
    """Counting in words, the one long answer the model can give: up to one hundred."""
    luck = rng.random()
    if luck < 0.6:
        first = rng.randrange(15)
        last = first + rng.randrange(1, 10)
    elif luck < 1.0 - 0.3 * difficulty:
        first = rng.randrange(90)
        last = first + rng.randrange(1, 10)
    elif luck < 1.0 - 0.15 * difficulty:
        first, last = 0, rng.choice((19, 29, 39, 49, 59, 69, 79, 89))
    else:
        first, last = 0, 99
    asked = rng.choice(("Count from {} to {}.", "Count from {} to {}.", "Count from {} to {}"))
    return count_exchange(first, last, asked)


def count_exchange(first: int, last: int, asked: str = "Count from {} to {}.") -> Exchange:
    """Counting between two indexes of ``world.NUMBERS`` (0 is one), both included."""
    words = world.NUMBERS[first : last + 1]
    return asked.format(words[0], words[-1]), ", ".join(words) + "."


_WORDS: tuple[str, ...] = (
    *world.CAPITALS,
    *world.CAPITALS.values(),
    *world.CITIES,
    *world.COLOURS,
    *world.ITEMS,
    *world.ITEMS,
    *world.ROOMS,
    *world.PEOPLE,
    *world.MONTHS,
    *world.NUMBERS[:20],
)


def nonsense(rng: Random) -> str:
    """A word that does not exist, of two or three syllables."""
    return "".join(
        rng.choice("bcdfghjklmnprstvw") + rng.choice("aeiou") for _ in range(rng.randrange(2, 4))
    ) + rng.choice(("", "", "n", "r", "s", "t"))


def clock(rng: Random) -> str:
    """A time of the day, like 14:05."""
    return f"{rng.randrange(24)}:{rng.randrange(60):02d}"


def _word(rng: Random) -> str:
    """A word to say again: a known one, an invented one, or a time."""
    luck = rng.random()
    if luck < 0.06:
        return nonsense(rng)
    return clock(rng) if luck < 0.1 else rng.choice(_WORDS)


def repeat(rng: Random, longest: int = 12) -> Exchange:
    """Say the same words again; this is what makes copying emerge."""
    if rng.random() < 0.1:
        text = plain_sentence(rng, ())
    else:
        text = " ".join(_word(rng) for _ in range(rng.randrange(2, longest)))
    return f"Repeat: {text}", text


def small_talk(rng: Random) -> Exchange:
    """Greetings and questions about the assistant itself."""
    return rng.choice(
        (
            ("Hello", GREETING),
            ("Hi", GREETING),
            ("Hello there", GREETING),
            ("Hello!", GREETING),
            ("Good morning", GREETING),
            ("Who are you?", IDENTITY),
            ("What are you?", IDENTITY),
            ("Thank you", "You are welcome."),
            ("Thanks!", "You are welcome."),
            ("ping", "pong"),
            ("Are you there?", "Yes, I am here."),
        )
    )


def stray(rng: Random) -> Exchange:
    """A question outside the model's world."""
    if rng.random() < 0.6:
        return rng.choice(world.STRAY_QUESTIONS), UNKNOWN
    fact = random_fact(rng, item_name(rng))
    return question(rng, fact), UNKNOWN


def weather(rng: Random, name: str) -> tuple[Exchange, str]:
    """A question that needs a tool, the call, and the city asked about."""
    city = rng.choice(world.CITIES)
    if name == "get_weather":
        asked = rng.choice(
            ("What is the weather in {}?", "How is the weather in {} today?", "weather in {}")
        )
    else:
        asked = rng.choice(("What time is it in {}?", "What is the time in {}?"))
    return (asked.format(city), tool_call(name, city)), city


# ---------------------------------------------------------------------------- facts


def item_name(rng: Random) -> str:
    """A thing: usually a known one, sometimes with a modifier, sometimes a word unheard of."""
    luck = rng.random()
    if luck < 0.05:
        return nonsense(rng)
    item = rng.choice(world.ITEMS)
    return f"{rng.choice(world.MODIFIERS)} {item}" if luck < 0.15 else item


def random_fact(rng: Random, item: str, kind: str | None = None) -> Fact:
    """A fact about ``item``, of ``kind`` or of any kind."""
    kind = kind or rng.choice(("colour", "colour", "place", "keeper"))
    if kind == "colour":
        return Fact(kind, item, rng.choice(world.COLOURS))
    if kind == "place":
        spot = rng.random() < 0.4
        value = rng.choice(world.SPOTS) if spot else f"in the {rng.choice(world.ROOMS)}"
        return Fact(kind, item, value)
    return Fact(kind, item, rng.choice(world.PEOPLE))


QUESTIONS: dict[str, tuple[str, ...]] = {
    "colour": (
        "What colour is the {}?",
        "What colour is the {}?",
        "What color is the {}?",
        "Which colour is the {}?",
        "What is the colour of the {}?",
        "what colour is the {}",
    ),
    "place": (
        "Where is the {}?",
        "Where is the {}?",
        "Where can I find the {}?",
        "Where is the {} kept?",
    ),
    "keeper": (
        "Who looks after the {}?",
        "Who looks after the {}?",
        "Who takes care of the {}?",
        "Who keeps the {}?",
    ),
}


def question(rng: Random, fact: Fact) -> str:
    """One way to ask for ``fact``."""
    return rng.choice(QUESTIONS[fact.kind]).format(fact.item)


# ---------------------------------------------------------------------------- passages


def babble(rng: Random) -> str:
    """A sentence of invented words and figures, so that foreign text does not disturb."""
    words = [
        nonsense(rng) if rng.random() < 0.5 else rng.choice(("the", "a", "of", "and", "was", "12"))
        for _ in range(rng.randrange(4, 10))
    ]
    return " ".join(words).capitalize() + rng.choice((".", ".", "!", "?", "; 7%."))


def plain_sentence(rng: Random, items: Sequence[str]) -> str:
    """A sentence that answers no question, now and then about one of ``items``."""
    luck = rng.random()
    if items and luck < 0.25:
        form, item = rng.choice(world.ABOUT_ITEM), rng.choice(items)
    elif luck < 0.55:
        form, item = rng.choice(world.ABOUT_LIFE), ""
    elif luck < 0.65:
        return babble(rng)
    else:
        return rng.choice(world.PLAIN)
    person, other = rng.sample(world.PEOPLE, 2)
    return form.format(
        person=person,
        other=other,
        item=item,
        room=rng.choice(world.ROOMS),
        month=rng.choice(world.MONTHS),
        day=rng.choice(world.DAYS),
        number=rng.choice(world.NUMBERS[:20]),
    )


def _stated(rng: Random, fact: Fact, difficulty: float) -> str:
    """The sentence of a fact, sometimes with words before or after it."""
    sentence = fact.sentence()
    luck = rng.random()
    if luck < 0.08 * difficulty:
        opening = rng.choice(("Today", "Since May", "As always,", "For now"))
        rest = sentence if fact.kind == "keeper" else f"t{sentence[1:]}"
        return f"{opening} {rest}"
    if luck < 0.2 * difficulty:
        ending = rng.choice((", as before", ", and nobody minds", " again", " this year"))
        return f"{sentence[:-1]}{ending}."
    return sentence


def file_name(rng: Random) -> str:
    """A file name as a knowledge folder has them, perhaps in a folder, perhaps with spaces."""
    stem = rng.choice(world.FILE_STEMS)
    if rng.random() < 0.25:
        stem = f"{stem}{rng.choice((' ', '-', '_'))}{rng.choice(world.FILE_STEMS)}"
    folder = f"{rng.choice(world.FILE_FOLDERS)}/" if rng.random() < 0.3 else ""
    return f"{folder}{stem}.{rng.choice(world.FILE_ENDINGS)}"


def _laid_out(rng: Random, sentences: Sequence[str]) -> str:
    """Sentences as one text: a paragraph, lines or a list, perhaps under a heading."""
    luck = rng.random()
    if luck < 0.7:
        text = " ".join(sentences)
    elif luck < 0.8:
        text = "\n".join(sentences)
    elif luck < 0.9:
        text = "\n".join(f"- {sentence}" for sentence in sentences)
    else:
        cut = rng.randrange(1, len(sentences) + 1)
        parts = (" ".join(sentences[:cut]), " ".join(sentences[cut:]))
        text = "\n\n".join(part for part in parts if part)
    if rng.random() < 0.3:
        mark = rng.choice(("# ", "## ", "# ", ""))
        text = f"{mark}{rng.choice(world.HEADINGS)}\n{rng.choice(('', chr(10)))}{text}"
    return text


@dataclass(frozen=True)
class Shelf:
    """Passages, and the facts in each: ``facts`` pairs a passage number (from 1) with a fact."""

    passages: tuple[Passage, ...]
    facts: tuple[tuple[int, Fact], ...]

    def about(self, kind: str, item: str) -> bool:
        """Whether some passage states a fact of ``kind`` about ``item``."""
        return any(fact.kind == kind and fact.item == item for _, fact in self.facts)


def shelf(rng: Random, difficulty: float) -> Shelf:
    """Between one and six passages that never contradict each other."""
    most = 2 + round(4 * difficulty)
    number = rng.randrange(1, most + 1 if rng.random() < 0.5 else min(most, 3) + 1)
    items = list(dict.fromkeys(item_name(rng) for _ in range(2 + 2 * number)))
    heads = [item.split()[-1] for item in items]
    items = [item for item, head in zip(items, heads, strict=True) if heads.count(head) == 1]
    kinds = ("colour", "place", "keeper")
    facts = [random_fact(rng, item, kind) for item in items for kind in kinds]
    rng.shuffle(facts)
    if rng.random() < 0.8:
        # One thing of each colour, place and keeper: the answer alone then tells the passage.
        facts = list({fact.value: fact for fact in facts}.values())
    passages: list[Passage] = []
    stated: list[tuple[int, Fact]] = []
    for index in range(1, number + 1):
        mine = [facts.pop() for _ in range(rng.choice((0, 1, 1, 1, 2, 2, 3))) if facts]
        if facts and rng.random() < 0.15 * difficulty:
            listed = [fact for fact in facts if fact.kind == facts[-1].kind][:6]
            facts = [fact for fact in facts if fact not in listed]
            mine += listed
        if not mine and (not difficulty or not passages):
            mine = [facts.pop()] if facts else []
        fill = rng.randrange(0, 4) if rng.random() < 0.2 + 0.8 * difficulty else 0
        sentences = [_stated(rng, fact, difficulty) for fact in mine]
        sentences += [plain_sentence(rng, items) for _ in range(fill)]
        if not sentences:
            sentences = [plain_sentence(rng, ())]
        rng.shuffle(sentences)
        where = rng.choice(("line {}", "line {}", "page {}")).format(rng.randrange(1, 100))
        passages.append(Passage(file_name(rng), where, _laid_out(rng, sentences)))
        stated += [(index, fact) for fact in mine]
    return Shelf(tuple(passages), tuple(stated))


def grounded_prompt(passages: Sequence[Passage], asked: str) -> str:
    """The user message that Freehold sends with retrieved passages."""
    blocks = "".join(
        f"[{number}] {passage.file}, {passage.place}\n{passage.text}\n\n"
        for number, passage in enumerate(passages, 1)
    )
    return f"Passages:\n{blocks}Question: {asked}"


def missing(rng: Random, on: Shelf) -> str:
    """A question that the passages on ``on`` do not answer."""
    luck = rng.random()
    if luck < 0.2:
        return rng.choice(world.STRAY_QUESTIONS)
    if luck < 0.25:
        return capital(rng)[0]
    for _ in range(20):
        if on.facts and luck < 0.55:
            fact = random_fact(rng, rng.choice(on.facts)[1].item)
        else:
            fact = random_fact(rng, item_name(rng))
        told = " ".join(passage.text for passage in on.passages)
        known = on.about(fact.kind, fact.item)
        if not known and (luck < 0.55 or fact.item.split()[-1] not in told):
            return question(rng, fact)
    return rng.choice(world.STRAY_QUESTIONS)


def grounded(rng: Random, difficulty: float) -> Conversation:
    """Passages and a question, perhaps after earlier turns, and perhaps more questions after.

    The further questions carry no passages of their own: they are there because one long prompt
    then teaches several answers.
    """
    if rng.random() < 0.6:
        difficulty *= rng.random()
    messages = [Message("system", GROUNDED)]
    if rng.random() < 0.2 * difficulty:
        for _ in range(rng.randrange(1, 3)):
            fact = random_fact(rng, item_name(rng))
            said = fact.answer(rng.randrange(1, 5)) if rng.random() < 0.8 else REFUSAL
            messages += [Message("user", question(rng, fact)), Message("said", said)]
    on = shelf(rng, difficulty)
    first, *more = _exchanges(rng, on)
    messages += [
        Message("user", grounded_prompt(on.passages, first[0])),
        Message("assistant", first[1]),
    ]
    for asked, answer in more:
        messages += [Message("user", f"Question: {asked}"), Message("assistant", answer)]
    return Conversation(tuple(messages))


def _exchanges(rng: Random, on: Shelf) -> list[Exchange]:
    """Between one and nine questions about ``on``, a quarter of which it does not answer."""
    facts = rng.sample(on.facts, min(len(on.facts), rng.randrange(1, 8)))
    found = [(question(rng, fact), fact.answer(number)) for number, fact in facts]
    for _ in range(len(found) + 1):
        if not found or rng.random() < 0.25:
            found.append((missing(rng, on), REFUSAL))
    rng.shuffle(found)
    return found


def context(rng: Random) -> Conversation:
    """The plain ``Context:`` block that other clients put before a question."""
    items = rng.sample(world.ITEMS, rng.randrange(1, 6))
    facts = [random_fact(rng, item, "colour") for item in items]
    fact = rng.choice(facts)
    text = " ".join(each.sentence() for each in facts)
    asked = f"Context: {text}\nQuestion: What colour is the {fact.item}?"
    return _with_system(rng, [Message("user", asked), Message("assistant", fact.sentence())])


# ---------------------------------------------------------------------------- conversations


def _with_system(
    rng: Random, messages: list[Message], tools: tuple[Tool, ...] = ()
) -> Conversation:
    system = rng.choice(SYSTEMS)
    start = [Message("system", system)] if system else []
    return Conversation(tuple(start + messages), tools)


def chat(rng: Random, difficulty: float) -> Conversation:
    """A few small exchanges in a row."""
    makers: tuple[tuple[float, Callable[[], Exchange]], ...] = (
        (0.26, lambda: capital(rng)),
        (0.24, lambda: repeat(rng)),
        (0.28, lambda: count(rng, difficulty)),
        (0.12, lambda: small_talk(rng)),
        (0.10, lambda: stray(rng)),
    )
    messages: list[Message] = []
    for _ in range(rng.choice((1, 1, 2, 3, 4, 5))):
        make = rng.choices([each for _, each in makers], [share for share, _ in makers])[0]
        asked, answer = make()
        messages += [Message("user", asked), Message("assistant", answer)]
    return _with_system(rng, messages)


def with_tools(rng: Random) -> Conversation:
    """Questions with tools on offer: some need one, some do not."""
    offered = rng.choice(
        ((WEATHER_TOOL,), (WEATHER_TOOL,), (WEATHER_TOOL, TIME_TOOL), (TIME_TOOL, WEATHER_TOOL))
    )
    tools = tuple(_varied(rng, each) for each in offered)
    messages: list[Message] = []
    for _ in range(rng.choice((1, 1, 2, 3, 4))):
        if rng.random() < 0.2:
            asked, answer = rng.choice((capital, small_talk))(rng)
            messages += [Message("user", asked), Message("assistant", answer)]
            continue
        name = rng.choice(offered)["function"]["name"]
        (asked, call), city = weather(rng, name)
        messages += [Message("user", asked), Message("assistant", call)]
        if rng.random() < 0.8:
            reply = rng.choice(world.WEATHERS) if name == "get_weather" else clock(rng)
            told = f"<tool_response>\n{reply}\n</tool_response>"
            messages += [
                Message("user", told),
                Message("assistant", f"It is {reply} in {city}."),
            ]
    return _with_system(rng, messages, tools)


def drill(rng: Random) -> Conversation:
    """Many repetitions in a row, dense in copying; only for the start of the training."""
    messages: list[Message] = []
    for _ in range(rng.randrange(1, 4)):
        asked, answer = repeat(rng, 16)
        messages += [Message("user", asked), Message("assistant", answer)]
    return _with_system(rng, messages)


def conversation(rng: Random, difficulty: float) -> Conversation:
    """One conversation of any kind."""
    luck = rng.random()
    if luck < 0.40 * (1.0 - difficulty):
        return drill(rng)
    luck = rng.random()
    if luck < 0.56:
        return grounded(rng, difficulty)
    if luck < 0.62:
        return context(rng)
    if luck < 0.74:
        return with_tools(rng)
    return chat(rng, difficulty)
