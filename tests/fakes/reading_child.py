"""The reading child with scripted faults, by the name of the file it is given.

Speaks the protocol of `freehold.runtime.knowledge.read_wire` through the real child's own loop.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from freehold.runtime.knowledge import read_child
from freehold.runtime.knowledge.read.contract import Piece
from freehold.runtime.knowledge.read_wire import PIECES_PER_FRAME, Batch, Read, Reply

BOOT: Final = (
    "import sys; sys.path[:0] = sys.argv[2:]; from fakes.reading_child import main; main()"
)

_sound = read_child._read


def scripted(request: Read) -> Iterator[Reply]:
    """Read as the name says, or as the real child would."""
    yield from FAULTS.get(request.name, _sound)(request)


def main() -> None:
    """The child's own loop, with scripted faults."""
    read_child._read = scripted
    read_child.main()


def _hang(_request: Read) -> Iterator[Reply]:
    while True:
        time.sleep(1)
    yield


def _spin(_request: Read) -> Iterator[Reply]:
    signal.setitimer(signal.ITIMER_REAL, 0)
    while True:
        pass
    yield


def _eat(_request: Read) -> Iterator[Reply]:
    held = []
    while True:
        held.append(bytearray(2**20))
    yield


def _exit(_request: Read) -> Iterator[Reply]:
    os._exit(7)
    yield


def _die(number: int) -> Callable[[Read], Iterator[Reply]]:
    def die(_request: Read) -> Iterator[Reply]:
        os.kill(os.getpid(), number)
        yield

    return die


def _say(data: bytes, *, then_leave: bool = False) -> Callable[[Read], Iterator[Reply]]:
    def say(request: Read) -> Iterator[Reply]:
        os.write(_pipe(), data)
        if then_leave:
            os._exit(0)
        yield from _sound(request)

    return say


def _stumble(request: Read) -> Iterator[Reply]:
    been = Path(os.fsdecode(request.path) + ".been")
    if not been.exists():
        been.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    yield from _sound(request)


def _flood(_request: Read) -> Iterator[Reply]:
    while True:
        yield Batch((Piece("again"),) * PIECES_PER_FRAME)


def _pipe() -> int:
    """The copy of standard output the child made: the lowest pipe above the usual three."""
    for descriptor in range(3, 20):
        link = Path(f"/proc/self/fd/{descriptor}")
        if link.is_symlink() and str(link.readlink()).startswith("pipe:"):
            return descriptor
    sys.exit(1)


FAULTS: Final[dict[str, Callable[[Read], Iterator[Reply]]]] = {
    "hang": _hang,
    "spin": _spin,
    "eat": _eat,
    "exit": _exit,
    "segfault": _die(signal.SIGSEGV),
    "killed": _die(signal.SIGKILL),
    "garbage": _say(b"\x00\x00\x00\x04junk"),
    "huge": _say(b"\xff\xff\xff\xff"),
    "half": _say(b"\x00\x00\x10\x00only a little", then_leave=True),
    "flood": _flood,
    "stumble": _stumble,
}
