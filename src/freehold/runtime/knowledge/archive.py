"""Zip containers (office files, books): measured before anything in them is unpacked.

A document that declares more than it may hold is refused by its directory alone; what is then
unpacked is no longer than the directory says, because the zip module stops there.
"""

import struct
from typing import IO, Final
from zipfile import BadZipFile, LargeZipFile, ZipFile, ZipInfo

from freehold.core.units import MIB
from freehold.runtime.knowledge.pieces import Unreadable

MOST_MEMBERS: Final = 2_000
MOST_UNPACKED: Final = 500 * MIB
MOST_RATIO: Final = 100
"""Bytes unpacked for each byte packed, of members that unpack to more than `_RATIO_FROM`."""

_RATIO_FROM: Final = 4 * MIB
_END: Final = b"PK\x05\x06"
_END_WITHIN: Final = 65_557
_END_SIZE: Final = 22
_ENCRYPTED: Final = 0x1
_PROLOG: Final = 8_192


def open_archive(file: IO[bytes]) -> ZipFile:
    """Open a zip, unless it is a bomb.

    Raises:
        Unreadable: `archive-bomb`, `damaged` or `encrypted`.
    """
    _refuse_count(_declared(file))
    try:
        archive = ZipFile(file)
    except (BadZipFile, LargeZipFile, ValueError, OSError) as error:
        raise Unreadable("damaged", "the archive inside is damaged or cut short") from error
    members = archive.infolist()
    _refuse_count(len(members))
    _refuse_size(members)
    if any(member.flag_bits & _ENCRYPTED for member in members):
        raise Unreadable("encrypted", "the archive inside is locked with a password")
    return archive


def refuse_entities(archive: ZipFile) -> None:
    """Refuse XML that declares a document type: no office program writes one, attacks do.

    Raises:
        Unreadable: `damaged`.
    """
    for member in archive.infolist():
        if not member.filename.lower().endswith((".xml", ".rels")):
            continue
        with archive.open(member) as file:
            prolog = file.read(_PROLOG).replace(b"\x00", b"")
        if b"<!DOCTYPE" in prolog or b"<!ENTITY" in prolog:
            message = "it declares XML entities, which no office program writes"
            raise Unreadable("damaged", message, where=member.filename)


def _refuse_count(count: int) -> None:
    if count > MOST_MEMBERS:
        message = f"it holds {count} parts; at most {MOST_MEMBERS} are opened"
        raise Unreadable("archive-bomb", message)


def _refuse_size(members: list[ZipInfo]) -> None:
    unpacked = sum(member.file_size for member in members)
    if unpacked > MOST_UNPACKED:
        message = f"it unpacks to {unpacked // MIB} MiB; at most {MOST_UNPACKED // MIB} are opened"
        raise Unreadable("archive-bomb", message)
    for member in members:
        swollen = member.file_size > MOST_RATIO * max(1, member.compress_size)
        if member.file_size > _RATIO_FROM and swollen:
            message = f"a part unpacks to more than {MOST_RATIO} times its size"
            raise Unreadable("archive-bomb", message, where=member.filename)


def _declared(file: IO[bytes]) -> int:
    """Members the end record declares, so that a huge directory is never read.

    Source: APPNOTE.TXT 6.3.10, 4.3.16: total number of entries, 2 bytes at offset 10.
    """
    size = file.seek(0, 2)
    file.seek(max(0, size - _END_WITHIN))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_SIZE:
        raise Unreadable("damaged", "the archive inside is damaged or cut short")
    count: int = struct.unpack_from("<H", tail, at + 10)[0]
    return count
