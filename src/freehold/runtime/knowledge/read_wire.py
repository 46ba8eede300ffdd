"""What the house and a reading child say to each other: MessagePack, each after its length."""

import struct
from typing import Final

import msgspec

from freehold.core.units import MIB
from freehold.runtime.knowledge.pieces import Piece, Reason

LONGEST_FRAME: Final = 8 * MIB
"""Bytes; a longer one is not from a child of ours in its right mind."""

PIECES_PER_FRAME: Final = 200
"""So that decoding one frame never holds the event loop for more than a millisecond or two."""

LENGTH: Final = struct.Struct(">I")


class Read(msgspec.Struct, frozen=True, tag="read"):
    """Read this file."""

    path: bytes
    """As the operating system knows it; names need not be text."""
    name: str
    seconds: float
    """Time allowed; the child ends itself a little later, should nobody else."""
    largest: int
    """Bytes a file may have."""


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The child has started and given up what it does not need; said once, first."""


class Batch(msgspec.Struct, frozen=True, tag="batch"):
    """Pieces, in order."""

    pieces: tuple[Piece, ...]


class Finished(msgspec.Struct, frozen=True, tag="finished"):
    """The file is read; all its pieces have been sent."""

    kind: str
    pages: int | None
    note: str


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The file cannot be read; pieces sent before do not count."""

    reason: Reason
    message: str
    where: str = ""
    fix: str = ""


Reply = Ready | Batch | Finished | Failed

_ENCODER: Final = msgspec.msgpack.Encoder()
REPLIES: Final = msgspec.msgpack.Decoder(Reply)
REQUESTS: Final = msgspec.msgpack.Decoder(Read)


def frame(message: Read | Reply) -> bytes:
    """The message as it goes over the pipe."""
    body = _ENCODER.encode(message)
    return LENGTH.pack(len(body)) + body
