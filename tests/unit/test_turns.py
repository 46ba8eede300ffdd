"""Answers that go on when nobody watches, over a real store and a real bus."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from freehold.core.clock import SystemClock
from freehold.core.errors import DiskFull, EngineCut
from freehold.core.ids import new_id
from freehold.core.log import Log
from freehold.runtime.bus.bus import Bus
from freehold.runtime.calls import ChatCall, Text, Usage
from freehold.runtime.chat import turns as turns_module
from freehold.runtime.chat.contract import Chat, Shelf, Turn
from freehold.runtime.chat.steps import Finished, Step
from freehold.runtime.chat.stored import StoredChats
from freehold.runtime.chat.temporary import TemporaryChats
from freehold.runtime.chat.turns import Turns
from freehold.runtime.store.database import Database
from freehold.runtime.supervise.supervisor import Supervisor
from freehold.spec.home import Home

USER = "user_1"


class Script:
    """Stands where the answers are: says what it is told, when it is told."""

    def __init__(self) -> None:
        self.calls: list[ChatCall] = []
        self.next: asyncio.Queue[Step | Exception] = asyncio.Queue()

    @asynccontextmanager
    async def answer(
        self, call: ChatCall, collections: tuple[str, ...] | None
    ) -> AsyncGenerator[AsyncIterator[Step]]:
        del collections
        self.calls.append(call)
        yield self._steps()

    async def _steps(self) -> AsyncIterator[Step]:
        while True:
            step = await self.next.get()
            if isinstance(step, Exception):
                raise step
            yield step
            if isinstance(step, Finished):
                return

    def say(self, *texts: str) -> None:
        for text in texts:
            self.next.put_nowait(Text(text))

    def end(self, answer: str) -> None:
        usage = Usage(prompt_tokens=3, completion_tokens=5)
        self.next.put_nowait(
            Finished(
                answer=answer, model="m", finish="stop", usage=usage, refused=False, citations=()
            )
        )


class Rig:
    def __init__(
        self, turns: Turns, script: Script, chats: StoredChats, database: Database
    ) -> None:
        self.turns = turns
        self.script = script
        self.chats = chats
        self.database = database
        self.temporary = TemporaryChats()

    async def chat(self, kind: Any = "chat") -> Chat:
        now = SystemClock().wall()
        chat = Chat(id=new_id(kind, now), title="", created_at=now, updated_at=now)
        await self.shelf(chat.id).add_chat(USER, chat)
        return chat

    def shelf(self, chat_id: str) -> Shelf:
        return self.temporary if chat_id.startswith("tmp_") else self.chats

    async def ask(self, chat: Chat, question: str = "why?", client_id: str = "c1") -> Turn:
        now = SystemClock().wall()
        turn = Turn(
            id=new_id("turn", now),
            chat_id=chat.id,
            client_id=client_id,
            question=question,
            model="m",
            created_at=now,
        )
        return await self.turns.ask(turn, self.shelf(chat.id))

    async def read(self, turn: Turn, after: int = 0) -> list[tuple[int, str, dict[str, Any]]]:
        async with asyncio.timeout(10), self.turns.follow(turn, after) as events:
            return [(e.n, e.type, msgspec.json.decode(e.data)) async for e in events]

    async def stored(self, turn: Turn) -> Turn:
        found = await self.chats.turn(USER, turn.id)
        assert found is not None
        return found


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    home = Home(tmp_path / "home")
    home.create()
    clock, log = SystemClock(), Log("test")
    async with Supervisor(clock=clock, log=log) as supervisor:
        bus = await Bus.start(home, supervisor, clock, log)
        database = await Database.open(
            home.db / "house.sqlite", "freehold.runtime.store.house", backups=home.backups, log=log
        )
        await database.write(
            lambda c: list(
                c.execute(
                    "INSERT INTO users VALUES (?, 'Ada', 'ada', 'admin', NULL, NULL, 0)", (USER,)
                )
            )
        )
        script = Script()
        async with Turns(script, bus, clock, log) as turns:
            yield Rig(turns, script, StoredChats(database), database)
        await bus.close()
        await database.close()


def text_of(events: list[tuple[int, str, dict[str, Any]]]) -> str:
    return "".join(data["t"] for _, kind, data in events if kind == "text")


async def test_a_reader_gets_the_answer_and_its_end(rig: Rig) -> None:
    turn = await rig.ask(await rig.chat())
    rig.script.say("one ", "two ", "three")
    rig.script.end("one two three")
    events = await rig.read(turn)
    assert text_of(events) == "one two three"
    assert events[-1][1] == "done"
    assert events[-1][2]["turn"]["answer"] == "one two three"
    assert [n for n, _, _ in events] == list(range(1, len(events) + 1))
    kept = await rig.stored(turn)
    assert (kept.state, kept.answer, kept.completion_tokens) == ("done", "one two three", 5)


async def test_a_reader_joins_anywhere_without_gap_or_double(rig: Rig) -> None:
    turn = await rig.ask(await rig.chat())
    rig.script.say("one ")
    await asyncio.sleep(0.1)
    rig.script.say("two ")
    await asyncio.sleep(0.1)
    now = rig.turns.now(turn)
    assert now.answer == "one two "
    late = asyncio.ensure_future(rig.read(turn, after=now.last_event))
    early = asyncio.ensure_future(rig.read(turn))
    await asyncio.sleep(0.1)
    rig.script.say("three")
    rig.script.end("one two three")
    assert text_of(await early) == "one two three"
    assert now.answer + text_of(await late) == "one two three"


async def test_the_answer_goes_on_when_its_reader_leaves(rig: Rig) -> None:
    turn = await rig.ask(await rig.chat())
    rig.script.say("one ")
    async with rig.turns.follow(turn, 0) as events:
        async for event in events:
            if event.type == "text":
                break
    rig.script.say("two")
    rig.script.end("one two")
    assert text_of(await rig.read(turn)) in {"one two", ""}
    assert (await rig.stored(turn)).answer == "one two"


async def test_the_same_client_id_is_the_same_turn(rig: Rig) -> None:
    chat = await rig.chat()
    first = await rig.ask(chat, client_id="x")
    second = await rig.ask(chat, client_id="x")
    assert first.id == second.id
    rig.script.end("")
    await rig.read(first)
    assert len(rig.script.calls) == 1
    assert len(await rig.chats.turns(chat.id)) == 1


async def test_stop_keeps_what_was_written(rig: Rig) -> None:
    turn = await rig.ask(await rig.chat())
    rig.script.say("half ")
    await asyncio.sleep(0.1)
    left = await rig.turns.stop(turn)
    assert (left.state, left.answer) == ("stopped", "half ")
    assert (await rig.stored(turn)).state == "stopped"
    assert (await rig.read(turn))[-1][1] == "stopped"


async def test_a_failed_answer_says_why_and_keeps_what_came(rig: Rig) -> None:
    turn = await rig.ask(await rig.chat())
    rig.script.say("half ")
    rig.script.next.put_nowait(EngineCut("the engine went away", fix="ask again"))
    events = await rig.read(turn)
    assert events[-1][1] == "failed"
    kept = await rig.stored(turn)
    assert kept.error is not None
    assert (kept.answer, kept.error.code, kept.error.fix) == (
        "half ",
        "FH-ENGINE-004",
        "ask again",
    )


async def test_a_bug_fails_its_turn_and_nothing_else(rig: Rig) -> None:
    chat = await rig.chat()
    turn = await rig.ask(chat)
    rig.script.next.put_nowait(ZeroDivisionError())
    assert (await rig.read(turn))[-1][1] == "failed"
    other = await rig.ask(chat, client_id="c2")
    rig.script.end("fine")
    assert (await rig.read(other))[-1][1] == "done"


async def test_after_a_crash_an_open_turn_is_marked_as_cut(rig: Rig) -> None:
    turn = await rig.ask(await rig.chat())
    rig.script.say("kept ")
    async with asyncio.timeout(20):
        while (await rig.stored(turn)).answer != "kept ":
            await asyncio.sleep(0.05)
    assert await rig.chats.cut_open_turns(SystemClock().wall()) == 1
    after = await rig.stored(turn)
    assert (after.state, after.answer[:5]) == ("cut", "kept ")


async def test_the_model_is_shown_the_branch_it_answers_on(rig: Rig) -> None:
    chat = await rig.chat()
    first = await rig.ask(chat, "first?", "a")
    rig.script.end("one")
    await rig.read(first)
    second = msgspec.structs.replace(
        first, id=new_id("turn", SystemClock().wall()), client_id="b", question="second?",
        parent_id=first.id, state="queued",
    )  # fmt: skip
    await rig.turns.ask(second, rig.chats)
    rig.script.end("two")
    await rig.read(second)
    said = [(m.role, m.content) for m in rig.script.calls[-1].messages]
    assert said == [("user", "first?"), ("assistant", "one"), ("user", "second?")]


async def test_a_temporary_chat_leaves_no_trace_on_disk(rig: Rig, tmp_path: Path) -> None:
    chat = await rig.chat("tmp")
    turn = await rig.ask(chat, "the zebra question")
    rig.script.say("the okapi answer")
    rig.script.end("the okapi answer")
    assert text_of(await rig.read(turn)) in {"the okapi answer", ""}
    await asyncio.sleep(0.1)
    for file in tmp_path.rglob("*"):
        if file.is_file():
            content = file.read_bytes()
            assert b"zebra" not in content, file
            assert b"okapi" not in content, file


async def test_search_finds_words_of_questions_and_answers(rig: Rig) -> None:
    chat = await rig.chat()
    turn = await rig.ask(chat, "what of the lease?")
    rig.script.end("subletting is forbidden")
    await rig.read(turn)
    for query in ("lease", "sublet", "forbidden"):
        found = await rig.chats.search(USER, query, limit=10)
        assert [c.id for c in found.chats] == [chat.id], query
    assert (await rig.chats.search("somebody else", "lease", limit=10)).chats == ()
    for odd in ('"', "AND", "a*b", "NEAR(", "-", "'"):
        await rig.chats.search(USER, odd, limit=10)


async def test_pages_of_chats_are_whole_and_in_order(rig: Rig) -> None:
    made = [await rig.chat() for _ in range(7)]
    await rig.chats.change_chat(USER, msgspec.structs.replace(made[2], pinned=True))
    seen: list[str] = []
    before: str | None = ""
    while before is not None:
        page = await rig.chats.chats(USER, before=before, limit=3)
        seen += [c.id for c in page.chats]
        before = page.next
    assert sorted(seen) == sorted(c.id for c in made)
    assert seen[0] == made[2].id


async def test_an_answer_the_disk_would_not_take_is_told_and_kept_later(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turns_module, "FINISH_AGAIN_S", 0.05)
    real, refusals = rig.chats.finish, [DiskFull(), DiskFull()]

    async def finish(turn: Turn) -> None:
        if refusals:
            raise refusals.pop()
        await real(turn)

    monkeypatch.setattr(rig.chats, "finish", finish)
    chat = await rig.chat()
    turn = await rig.ask(chat)
    rig.script.end("whole")
    *_, (_, kind, data) = await rig.read(turn)
    assert kind == "failed"
    assert data["turn"]["error"]["code"] == DiskFull.code
    async with asyncio.timeout(10):
        while (await rig.stored(turn)).state != "done":
            await asyncio.sleep(0.02)
    assert (await rig.stored(turn)).answer == "whole"
    other = await rig.ask(chat, client_id="c2")
    rig.script.end("fine")
    assert (await rig.read(other))[-1][1] == "done"
