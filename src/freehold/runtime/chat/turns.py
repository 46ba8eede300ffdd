"""Answers that go on when nobody watches: one task per turn, followed at an offset by anyone.

A turn is acknowledged when its question is on disk. Its answer is written by a task of the house,
not of a request: events are numbered, published to the bus (memory only, five minutes), and kept
on disk about once a second. A reader joins at any number. After a crash the conversation shows
what was kept, marked as cut.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, Literal, Self

import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import ErrorCard, FreeholdError, HouseError
from freehold.core.ids import is_id
from freehold.core.log import Log
from freehold.runtime.bus.bus import Bus
from freehold.runtime.bus.events import TurnEvent
from freehold.runtime.calls import ChatCall, Reasoning, Text, ToolPart
from freehold.runtime.chat.contract import Shelf, State, Turn
from freehold.runtime.chat.steps import (
    Answering,
    Finished,
    Loading,
    Retrieving,
    Sources,
    Step,
    history,
)
from freehold.runtime.chat.stored import pace

SAVE_EVERY_S: Final = 1.0
"""A crash loses at most this much of an answer that was being written."""
FINISH_AGAIN_S: Final = 2.0
"""A finished answer that the disk would not take is offered to it again after this time."""
PUBLISH_EVERY_S: Final = 0.025
"""Pieces that arrive within this time travel as one event."""
HISTORY_TURNS: Final = 12
"""Turns before this one that the model is shown, as far as its context allows."""


class TurnNote(msgspec.Struct, frozen=True, kw_only=True):
    """What the bus keeps of a turn for 30 days: that it was, not what was said."""

    turn_id: str
    chat_id: str
    state: State
    model: str


class _Running:
    """A turn being answered: what it is so far, and the events that said so."""

    def __init__(self, turn: Turn, shelf: Shelf) -> None:
        self.turn = turn
        self.shelf = shelf
        self.events: list[TurnEvent] = []
        self.published = 0
        self.task: asyncio.Task[None] | None = None
        self.stopped = False
        self.ended = asyncio.Event()
        self._waiting: list[str] = []

    def change(self, **changes: object) -> None:
        """The turn with these fields changed."""
        self.turn = msgspec.structs.replace(self.turn, **changes)

    def say(self, kind: str, data: object) -> None:
        """Number an event, after the text that came before it."""
        self.settle()
        self._number(kind, data)

    def write(self, text: str) -> None:
        """Text for the answer; pieces that arrive close together become one event."""
        self.change(answer=self.turn.answer + text)
        self._waiting.append(text)

    def settle(self) -> None:
        """Make an event of the text that waits, so that `last_event` covers the whole answer."""
        if self._waiting:
            text = "".join(self._waiting)
            self._waiting.clear()
            self._number("text", {"t": text})

    def _number(self, kind: str, data: object) -> None:
        number = len(self.events) + 1
        raw = msgspec.Raw(msgspec.json.encode(data))
        self.events.append(TurnEvent(turn_id=self.turn.id, n=number, type=kind, data=raw))
        self.change(last_event=number)


class Turns:
    """Runs turns. The house enters it once; leaving it cuts what is still being written."""

    def __init__(self, answers: Answering, bus: Bus, clock: Clock, log: Log) -> None:
        self._answers = answers
        self._bus = bus
        self._clock = clock
        self._log = log
        self._running: dict[str, _Running] = {}
        self._group = asyncio.TaskGroup()
        self._closing = False

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        self._bus.on_reconnect(self._publish_again)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._closing = True
        for running in tuple(self._running.values()):
            if running.task is not None:
                running.task.cancel()
        await self._group.__aexit__(None, None, None)

    async def ask(self, turn: Turn, shelf: Shelf) -> Turn:
        """Acknowledge a turn and start answering it; the same `client_id` again starts nothing."""
        kept = await shelf.add_turn(turn)
        if kept.id != turn.id:
            return kept
        running = _Running(turn, shelf)
        self._running[turn.id] = running
        running.task = self._group.create_task(self._run(running), name=f"turn {turn.id}")
        return turn

    async def _note(self, kind: Literal["asked", "finished"], turn: Turn) -> None:
        """Tell the bus that a turn came or went: who and when, never what was said."""
        if is_id(turn.chat_id, "tmp") or self._closing:
            return
        note = TurnNote(turn_id=turn.id, chat_id=turn.chat_id, state=turn.state, model=turn.model)
        try:
            await self._bus.publish_turn(kind, note)
        except FreeholdError as error:
            self._log.warning("turn not told to the bus", turn=turn.id, why=str(error))

    def now(self, turn: Turn) -> Turn:
        """The turn as it stands this moment, also between two saves."""
        running = self._running.get(turn.id)
        if running is None:
            return turn
        running.settle()
        return running.turn

    async def stop(self, turn: Turn) -> Turn:
        """Stop an answer; returns the turn as it was left."""
        running = self._running.get(turn.id)
        if running is None or running.task is None:
            return turn
        running.stopped = True
        running.task.cancel()
        await running.ended.wait()
        return running.turn

    @asynccontextmanager
    async def follow(self, turn: Turn, after: int) -> AsyncGenerator[AsyncIterator[TurnEvent]]:
        """Events of a turn after the given number, as they come; the last one carries the turn."""
        running = self._running.get(turn.id)
        if running is None:
            yield _only(_last_event(turn))
            return
        said = tuple(running.events[after:])
        async with self._bus.follow(turn.id, max(after, len(running.events))) as events:
            yield _until_the_end(said, events)

    async def _run(self, running: _Running) -> None:
        """One answer from start to end; it ends in a state that says how."""
        start = self._clock.now()
        flow = self._group.create_task(self._keep_flowing(running))
        state: State = "done"
        error: ErrorCard | None = None
        try:
            self._group.create_task(self._note("asked", running.turn))
            await self._write(running, start)
        except asyncio.CancelledError:
            state = "stopped" if running.stopped else "cut"
        except FreeholdError as failure:
            state, error = "failed", failure.card()
        except Exception as failure:  # noqa: BLE001 - task edge: one turn, not the house
            self._log.error("turn broke", turn=running.turn.id, error=repr(failure))
            state, error = "failed", HouseError("the house failed on this turn").card()
        finally:
            flow.cancel()
        await self._end(running, state, error, start)

    async def _write(self, running: _Running, start: float) -> None:
        call, collections = await self._call(running)
        async with self._answers.answer(call, collections) as steps:
            async for step in steps:
                self._take(running, step, start)

    async def _call(self, running: _Running) -> tuple[ChatCall, tuple[str, ...] | None]:
        turn = running.turn
        by_id = {known.id: known for known in await running.shelf.turns(turn.chat_id)}
        path: list[tuple[str, str]] = []
        parent = by_id.get(turn.parent_id or "")
        while parent is not None and len(path) < HISTORY_TURNS:
            path.append((parent.question, parent.answer))
            parent = by_id.get(parent.parent_id or "")
        messages = history(tuple(reversed(path)), turn.question)
        return ChatCall(model=turn.model, messages=messages), turn.collections

    def _take(self, running: _Running, step: Step, start: float) -> None:
        """One step of the answer into the turn and its events."""
        match step:
            case Retrieving():
                running.say("retrieving", {})
            case Loading(model):
                running.change(model=model)
                running.say("loading", {"model": model})
            case Sources(sources):
                running.change(sources=sources)
                running.say("sources", {"sources": sources})
            case Text(text):
                self._first_word(running, start)
                running.write(text)
            case Reasoning(text):
                self._first_word(running, start)
                running.say("reasoning", {"t": text})
            case ToolPart():
                pass
            case Finished():
                running.change(
                    answer=step.answer,
                    model=step.model,
                    refused=step.refused,
                    citations=step.citations,
                    prompt_tokens=step.usage.prompt_tokens,
                    completion_tokens=step.usage.completion_tokens,
                )
                running.say("citations", {"citations": step.citations})

    def _first_word(self, running: _Running, start: float) -> None:
        if running.turn.first_token_ms is None:
            first = round((self._clock.now() - start) * 1000, 1)
            running.change(first_token_ms=first, state="writing")

    async def _end(
        self, running: _Running, state: State, error: ErrorCard | None, start: float
    ) -> None:
        """Keep the end on disk first, then tell whoever follows."""
        whole = round((self._clock.now() - start) * 1000, 1)
        turn = running.turn
        speed = pace(turn.completion_tokens, turn.first_token_ms, whole)
        finished = self._clock.wall()
        running.change(
            state=state, error=error, duration_ms=whole, finished_at=finished, tokens_per_s=speed
        )
        ended = running.turn
        try:
            trouble = await self._finish(running, ended)
            if trouble is not None:
                running.change(state="failed", error=trouble)
            running.say(_END_EVENT[running.turn.state], {"turn": running.turn})
            await self._publish(running)
            running.ended.set()
            while trouble is not None and not self._closing:
                await self._clock.sleep(FINISH_AGAIN_S)
                trouble = await self._finish(running, ended)
            self._group.create_task(self._note("finished", ended))
        finally:
            self._running.pop(running.turn.id, None)
            running.ended.set()

    async def _finish(self, running: _Running, turn: Turn) -> ErrorCard | None:
        """Keep the end of a turn on disk, or say why that was not possible now."""
        try:
            await running.shelf.finish(turn)
        except FreeholdError as error:
            self._log.error("answer not kept yet", turn=turn.id, why=str(error))
            return error.card()
        return None

    async def _keep_flowing(self, running: _Running) -> None:
        """What is new to the bus at once, and to disk once a second, until cancelled."""
        saved, kept = self._clock.now(), running.turn.answer
        while True:
            await asyncio.sleep(PUBLISH_EVERY_S)
            await self._publish(running)
            turn = running.turn
            if turn.answer != kept and self._clock.now() - saved >= SAVE_EVERY_S:
                saved, kept = self._clock.now(), turn.answer
                await self._save(running, turn)

    async def _save(self, running: _Running, turn: Turn) -> None:
        try:
            await running.shelf.save_answer(turn)
        except FreeholdError as error:
            self._log.warning("answer not kept yet", turn=turn.id, why=str(error))

    async def _publish(self, running: _Running) -> None:
        running.settle()
        end = len(running.events)
        if end == running.published:
            return
        try:
            await self._bus.publish(running.events[running.published : end])
        except FreeholdError as error:
            self._log.warning("events wait for the bus", turn=running.turn.id, why=str(error))
        else:
            running.published = end

    async def _publish_again(self) -> None:
        """A memory stream went with its server: say again what is still being said."""
        for running in tuple(self._running.values()):
            end = len(running.events)
            await self._bus.publish(running.events[:end])
            running.published = end


def _last_event(turn: Turn) -> TurnEvent:
    data = msgspec.Raw(msgspec.json.encode({"turn": turn}))
    kind = _END_EVENT.get(turn.state, "stopped")
    return TurnEvent(turn_id=turn.id, n=max(turn.last_event, 1), type=kind, data=data)


async def _only(event: TurnEvent) -> AsyncIterator[TurnEvent]:
    yield event


async def _until_the_end(
    said: tuple[TurnEvent, ...], events: AsyncIterator[TurnEvent]
) -> AsyncIterator[TurnEvent]:
    for event in said:
        yield event
        if event.type in _ENDS:
            return
    async for event in events:
        yield event
        if event.type in _ENDS:
            return


_END_EVENT: Final[dict[State, str]] = {
    "done": "done",
    "stopped": "stopped",
    "failed": "failed",
    "cut": "stopped",
}
_ENDS: Final = frozenset(_END_EVENT.values())
EVENT_KINDS: Final = _ENDS | {
    "retrieving", "loading", "sources", "text", "reasoning", "citations",
}  # fmt: skip
"""Every kind of event a turn may say; the ends carry the whole turn."""
