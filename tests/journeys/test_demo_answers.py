"""Answers of a real language model, asserted to the letter: chat, documents, API, kills."""

import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Any

import openai
import pytest

from running import DEMO, RunningHouse

pytestmark = pytest.mark.slow

MODEL = "freehold-tiny"
QUESTIONS = json.loads((DEMO / "questions.json").read_text())


@pytest.fixture(scope="module")
def house(demo_house: RunningHouse) -> RunningHouse:
    demo_house.data("docs", "add", str(DEMO / "documents"), "--collection", "demo")
    return demo_house


@pytest.fixture(scope="module")
def client(house: RunningHouse) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{house.url}/v1", api_key=house.key, max_retries=0)


def ask(house: RunningHouse, text: str, **more: Any) -> dict[str, Any]:
    _, chat = house.request("POST", "/freehold/v1/chats", {"temporary": False})
    body = {"text": text, "parent_id": None, "model": MODEL, "client_id": "1", **more}
    status, turn = house.request("POST", f"/freehold/v1/chats/{chat['id']}/turns", body)
    assert status == 202, turn
    return turn


def finished(house: RunningHouse, turn: dict[str, Any]) -> dict[str, Any]:
    *_, (_, _, data) = house.events(f"/freehold/v1/turns/{turn['id']}/events")
    return data["turn"]


@pytest.mark.parametrize("case", QUESTIONS, ids=[c["question"] for c in QUESTIONS])
def test_every_demo_question_is_answered_as_promised(
    house: RunningHouse, case: dict[str, Any]
) -> None:
    turn = finished(house, ask(house, case["question"], collections=["demo"]))
    assert turn["state"] == "done"
    if case["file"] is None:
        assert turn["refused"] or turn["answer"] == case["answer"]
        assert not turn["citations"]
        return
    assert turn["answer"] == case["answer"]
    (citation,) = turn["citations"]
    assert citation["file"].endswith(case["file"])
    assert citation["verified"]
    source = (DEMO / "documents" / case["file"]).read_text()
    assert citation["quote"] in " ".join(source.split())


def test_chat_without_documents_answers_from_what_the_model_knows(house: RunningHouse) -> None:
    turn = finished(house, ask(house, "What is the capital of Norvania?", collections=[]))
    assert turn["answer"] == "The capital of Norvania is Teldor."
    assert turn["sources"] == []
    assert turn["completion_tokens"] > 0
    assert turn["first_token_ms"] > 0


def test_the_openai_client_works_unchanged(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {MODEL, "freehold/reading-room"} <= set(names)
    assert client.models.retrieve("freehold/reading-room").id == "freehold/reading-room"
    said = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "What is the capital of Norvania?"}],
        temperature=0,
    )
    assert said.choices[0].message.content == "The capital of Norvania is Teldor."
    assert said.choices[0].finish_reason == "stop"
    assert said.usage is not None
    assert said.usage.completion_tokens > 0


def test_the_openai_client_streams_with_usage(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "Count from two to six."}],
        temperature=0,
        stream=True,
        stream_options={"include_usage": True},
    )
    text, usage, finish = "", None, None
    for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
            finish = chunk.choices[0].finish_reason or finish
        usage = chunk.usage or usage
    assert text == "two, three, four, five, six."
    assert finish == "stop"
    assert usage is not None
    assert usage.completion_tokens > 3


def test_tools_are_called_with_the_right_argument(client: openai.OpenAI) -> None:
    weather: Any = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather for a city",
            "parameters": {
                "type": "object",
                "properties": {"city": {"type": "string"}},
                "required": ["city"],
            },
        },
    }
    question: Any = {"role": "user", "content": "What is the weather in Oslo?"}
    said = client.chat.completions.create(
        model=MODEL, messages=[question], tools=[weather], temperature=0
    )
    (call,) = said.choices[0].message.tool_calls or ()
    assert said.choices[0].finish_reason == "tool_calls"
    assert json.loads(call.function.arguments) == {"city": "Oslo"}  # type: ignore[union-attr]
    reply: Any = {"role": "tool", "tool_call_id": call.id, "content": "sunny"}
    after = client.chat.completions.create(
        model=MODEL,
        messages=[question, said.choices[0].message.model_dump(exclude_none=True), reply],  # type: ignore[list-item]
        tools=[weather],
        temperature=0,
    )
    assert after.choices[0].message.content == "It is sunny in Oslo."


def test_an_answer_through_the_api_can_be_grounded(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(
        model=MODEL,
        messages=[{"role": "user", "content": "What colour is the server?"}],
        extra_body={"freehold": {"documents": ["demo"]}},
        temperature=0,
    )
    assert said.choices[0].message.content == "The server is green [1]."
    note: Any = said.model_extra
    assert note["freehold"]["citations"][0]["verified"]


def test_the_reading_room_answers_any_openai_client(client: openai.OpenAI) -> None:
    said = client.chat.completions.create(
        model="freehold/reading-room",
        messages=[{"role": "user", "content": "Who looks after the telescope?"}],
    )
    text = said.choices[0].message.content or ""
    assert "Grace looks after the telescope" in text
    assert "No language model" in text


def test_wrong_requests_are_told_what_is_wrong(client: openai.OpenAI, house: RunningHouse) -> None:
    with pytest.raises(openai.NotFoundError, match="freehold-tiny"):
        client.chat.completions.create(
            model="freehold-tinny", messages=[{"role": "user", "content": "hello"}]
        )
    with pytest.raises(openai.BadRequestError, match="embed"):
        client.embeddings.create(model=MODEL, input="hello")
    stranger = openai.OpenAI(base_url=f"{house.url}/v1", api_key="fh-wrong", max_retries=0)
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def test_two_readers_and_a_late_one_see_the_same_answer(house: RunningHouse) -> None:
    turn = ask(house, "Count from one to ninety.", collections=[])
    path = f"/freehold/v1/turns/{turn['id']}/events"
    seen: dict[str, list[tuple[int, str, Any]]] = {}

    def read(name: str, after: int) -> None:
        seen[name] = list(house.events(f"{path}?after={after}"))

    readers = [threading.Thread(target=read, args=(f"r{n}", 0)) for n in range(2)]
    for reader in readers:
        reader.start()
    _, now = house.request("GET", f"/freehold/v1/turns/{turn['id']}")
    read("late", now["last_event"])
    for reader in readers:
        reader.join()
    whole = seen["r0"][-1][2]["turn"]["answer"]
    for name in ("r0", "r1"):
        numbers = [n for n, _, _ in seen[name]]
        assert numbers == list(range(1, len(numbers) + 1)) or len(numbers) == 1
        text = "".join(d["t"] for _, kind, d in seen[name] if kind == "text")
        assert text in {whole, ""}
    rest = "".join(d["t"] for _, kind, d in seen["late"] if kind == "text")
    assert now["answer"] + rest in {whole, now["answer"]}


def test_a_kill_mid_answer_is_marked_and_can_be_asked_again(tmp_path: Path) -> None:
    house = RunningHouse(tmp_path / "home", "--demo", "--lean").up()
    try:
        finished(house, ask(house, "What is the capital of Norvania?", collections=[]))
        turn = ask(house, "Count from one to ninety.", collections=[])
        for _, kind, _ in house.events(f"/freehold/v1/turns/{turn['id']}/events"):
            if kind == "text":
                break
        house.kill()
        house.up()
        _, kept = house.request("GET", f"/freehold/v1/chats/{turn['chat_id']}")
        (after,) = kept["turns"]
        assert after["question"] == "Count from one to ninety."
        assert after["state"] in {"cut", "done"}
        status, again = house.request("POST", f"/freehold/v1/turns/{turn['id']}/again", {})
        assert status == 202
        assert finished(house, again)["state"] == "done"
        _, kept = house.request("GET", f"/freehold/v1/chats/{turn['chat_id']}")
        assert len(kept["turns"]) == 2
    finally:
        house.down()


def test_a_stopped_answer_keeps_what_was_written(house: RunningHouse) -> None:
    turn = ask(house, "Count from one to ninety.", collections=[])
    for _, kind, _ in house.events(f"/freehold/v1/turns/{turn['id']}/events"):
        if kind == "text":
            break
    _, stopped = house.request("POST", f"/freehold/v1/turns/{turn['id']}/stop", {})
    assert stopped["state"] in {"stopped", "done"}
    assert stopped["answer"]


def test_an_answer_goes_on_after_the_engine_was_killed_under_another(house: RunningHouse) -> None:
    children = house.data("status")["children"]
    (engine,) = [c for c in children if c["name"].startswith("llama:")]
    os.kill(engine["pid"], signal.SIGKILL)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        turn = finished(house, ask(house, "What is the capital of Norvania?", collections=[]))
        if turn["state"] == "done":
            break
        assert turn["error"]["fix"]
    assert turn["answer"] == "The capital of Norvania is Teldor."
