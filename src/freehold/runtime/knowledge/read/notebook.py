"""Jupyter notebooks: the notes and the code, without pictures and outputs.

Source: the notebook format 4.5, nbformat's documentation.
"""

import re
from collections.abc import Iterator
from typing import Final

import msgspec

from freehold.runtime.knowledge.decode import decode
from freehold.runtime.knowledge.outline import Part, Title, pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source, Unreadable

_HEADING: Final = re.compile(r"(#{1,6})[ \t]+(\S.*)")


class _Cell(msgspec.Struct):
    cell_type: str
    source: str | list[str] = ""


class _Notebook(msgspec.Struct):
    cells: list[_Cell] = []


def _detects(_head: Head) -> bool:
    return False


def _read(source: Source) -> Reading:
    try:
        book = msgspec.json.decode(decode(source.data), type=_Notebook)
    except (msgspec.DecodeError, RecursionError) as error:
        raise Unreadable("damaged", "the notebook is no well-formed JSON") from error
    return Reading(pieces_under(_met(book)))


def _met(book: _Notebook) -> Iterator[Title | Part]:
    for cell in book.cells:
        text = cell.source if isinstance(cell.source, str) else "".join(cell.source)
        if cell.cell_type == "markdown":
            yield from _notes(text)
        else:
            yield Part(text)


def _notes(text: str) -> Iterator[Title | Part]:
    said: list[str] = []
    for line in text.split("\n"):
        if match := _HEADING.fullmatch(line.strip()):
            yield Part("\n".join(said))
            said = []
            yield Title(len(match.group(1)), match.group(2))
        else:
            said.append(line)
    yield Part("\n".join(said))


READER: Final = Reader(
    summary="Jupyter notebooks: notes and code.",
    suffixes=(".ipynb",),
    detects=_detects,
    text=True,
    read=_read,
)
