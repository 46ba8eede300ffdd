"""What travels on the bus, and how it is written there (MessagePack)."""

from collections.abc import Iterable, Sequence

import msgspec


class TurnEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One event of a turn that is being answered."""

    turn_id: str
    n: int
    """1 for the first event of the turn, then gapless."""
    type: str
    data: msgspec.Raw
    """A JSON object."""


class _Wire(msgspec.Struct, frozen=True, array_like=True):
    n: int
    type: str
    data: bytes


def pack(events: Iterable[TurnEvent]) -> bytes:
    """Write events of one turn; the turn's id is in the subject."""
    return msgspec.msgpack.encode(
        [_Wire(n=event.n, type=event.type, data=bytes(event.data)) for event in events]
    )


def unpack(turn_id: str, payload: bytes) -> list[TurnEvent]:
    """Read what `pack` wrote. Raises `msgspec.DecodeError` on anything else."""
    return [
        TurnEvent(turn_id=turn_id, n=wire.n, type=wire.type, data=msgspec.Raw(wire.data))
        for wire in msgspec.msgpack.decode(payload, type=list[_Wire])
    ]


def batches(events: Sequence[TurnEvent], largest: int) -> list[list[TurnEvent]]:
    """Split events into messages: one turn each, and about `largest` bytes at most."""
    made: list[list[TurnEvent]] = []
    size = largest
    for event in events:
        size += len(bytes(event.data)) + len(event.type) + 16
        if not made or made[-1][0].turn_id != event.turn_id or size > largest:
            made.append([])
            size = len(bytes(event.data))
        made[-1].append(event)
    return made
