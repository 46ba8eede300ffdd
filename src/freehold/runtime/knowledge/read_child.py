"""The program of a reading child: takes files one after another and answers with their pieces.

Started by `reader` as a process of its own, confined before it opens the first file. It ends when
its standard input does, and with its parent. Standard output carries frames only: what a library
prints goes nowhere.
"""

import errno
import os
import signal
import stat
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO, Final

from freehold.core.units import MIB
from freehold.runtime.knowledge.archive import open_archive
from freehold.runtime.knowledge.confine import allow_cpu, confine
from freehold.runtime.knowledge.kinds import OLE, choose
from freehold.runtime.knowledge.read.contract import (
    LARGEST_TEXT,
    MOST_PIECES,
    Head,
    Piece,
    Reason,
    Source,
    Unreadable,
)
from freehold.runtime.knowledge.read_wire import (
    LENGTH,
    PIECES_PER_FRAME,
    REQUESTS,
    Batch,
    Failed,
    Finished,
    Read,
    Ready,
    Reply,
    frame,
)
from freehold.runtime.supervise import leash

_HEAD: Final = 4_096
_ZIP: Final = b"PK\x03\x04"
_LOCKED: Final = "EncryptedPackage".encode("utf-16-le")
"""Name of a stream in a locked office file. Source: [MS-OFFCRYPTO] 2.3.4.4."""
_BACKSTOP_S: Final = 5
_NO_MEMORY: Final = 3
_REASONS: Final[dict[int | None, tuple[Reason, str]]] = {
    errno.ENOENT: ("vanished", "the file is gone"),
    errno.ENOTDIR: ("vanished", "the file is gone"),
    errno.ESTALE: ("vanished", "the file is gone from its network drive"),
    errno.EACCES: ("no-permission", "the house may not read this file"),
    errno.EPERM: ("no-permission", "the house may not read this file"),
    errno.ELOOP: ("cyclic", "its links lead back to themselves"),
    errno.ENXIO: ("not-a-file", "it is no regular file"),
    errno.ENAMETOOLONG: ("vanished", "its name is longer than this system takes"),
}


def main() -> None:
    """Serve files until standard input ends; the first argument is the memory limit in bytes."""
    leash.tie()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    requests = sys.stdin.buffer
    out = os.fdopen(os.dup(1), "wb", buffering=0)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    confine(int(sys.argv[1]))
    _send(out, frame(Ready()))
    while request := _next(requests):
        signal.setitimer(signal.ITIMER_REAL, request.seconds + _BACKSTOP_S)
        allow_cpu(request.seconds)
        for reply in answer(request):
            _send(out, frame(reply))
        signal.setitimer(signal.ITIMER_REAL, 0)


def answer(request: Read) -> Iterator[Reply]:
    """Read one file: batches of pieces, then exactly one `Finished` or `Failed`."""
    try:
        yield from _read(request)
    except Unreadable as error:
        yield Failed(error.reason, str(error), error.where, error.fix)
    except MemoryError:
        yield Failed("too-much-memory", "reading it takes more memory than a file may use")
    except RecursionError:
        yield Failed("damaged", "it is nested deeper than any document should be")
    except OSError as error:
        reason, message = _REASONS.get(error.errno, ("damaged", "the disk could not read it"))
        yield Failed(reason, message)
    except Exception as error:  # noqa: BLE001 - parsers raise whatever they stumble on
        yield Failed("damaged", f"the file is damaged ({type(error).__name__})")


def _read(request: Read) -> Iterator[Reply]:
    with _opened(request) as file:
        start = file.read(_HEAD)
        file.seek(0)
        head = Head(start)
        if start.startswith(_ZIP):
            head = Head(start, frozenset(open_archive(file).namelist()))
            file.seek(0)
        elif start.startswith(OLE):
            head = Head(start, locked=_LOCKED in file.read(request.largest))
            file.seek(0)
        choice = choose(head, request.name)
        most = LARGEST_TEXT if choice.reader.text else request.largest
        data = file.read(most)
        cut = bool(file.read(1))
    reading = choice.reader.read(Source(data, request.name, cut))
    yield from _batches(islice(reading.pieces, MOST_PIECES), empty=lambda: _nothing(reading.pages))
    more = next(reading.pieces, None) is not None
    notes = [choice.note, *reading.notes]
    if cut:
        notes.append(f"only its first {most // MIB} MiB were read")
    if more:
        notes.append(f"only its first {MOST_PIECES} pieces were kept")
    yield Finished(choice.kind, reading.pages, "; ".join(note for note in notes if note))


def _batches(pieces: Iterator[Piece], *, empty: Callable[[], Unreadable]) -> Iterator[Reply]:
    sent = False
    while batch := tuple(islice(pieces, PIECES_PER_FRAME)):
        sent = True
        yield Batch(batch)
    if not sent:
        raise empty()


def _nothing(pages: int | None) -> Unreadable:
    if pages:
        message = f"none of its {pages} pages holds text; it may be a scan"
        fix = "run it through text recognition (OCR) and add the result"
        return Unreadable("no-text", message, fix=fix)
    return Unreadable("no-text", "there is no text in it")


def _opened(request: Read) -> IO[bytes]:
    if b"\x00" in request.path:
        raise Unreadable("not-a-file", "its name holds a zero character")
    path = Path(os.fsdecode(request.path))
    _check(path.stat(), request.largest)  # before opening: to open a device may already act
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(descriptor, "rb")
    try:
        _check(os.fstat(descriptor), request.largest)
    except Unreadable:
        file.close()
        raise
    return file


def _check(found: os.stat_result, largest: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "no regular file"
        raise Unreadable("not-a-file", f"it is {what}")
    if found.st_size == 0:
        raise Unreadable("empty", "the file is empty")
    if found.st_size > largest:
        message = f"it has {found.st_size // MIB} MiB; at most {largest // MIB} are read"
        raise Unreadable("too-large", message)


def _next(requests: IO[bytes]) -> Read | None:
    head = requests.read(LENGTH.size)
    if len(head) < LENGTH.size:
        return None
    (length,) = LENGTH.unpack(head)
    return REQUESTS.decode(requests.read(length))


def _send(out: IO[bytes], data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[out.write(view) :]
