"""Rows of a table as text that can be searched and quoted: each value with its header. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

from freehold.runtime.knowledge.outline import Part

_HEADER_WITHIN: Final = 10
_LEAST_COLUMNS: Final = 2
_LONGEST_HEADER: Final = 80


def labelled(rows: Iterable[tuple[int, Sequence[str]]]) -> Iterator[Part]:
    """Rows as `Header: value` lines.

    The header is the first row, among the first ten, of words only, no two the same; rows above
    it stand as they are, and when there is none, all do. A table of a header alone gives that.

    Args:
        rows: row number, counted from 1, and cells as text.
    """
    source = iter(rows)
    first = list(islice(source, _HEADER_WITHIN))
    at = next((at for at, (_, cells) in enumerate(first) if _is_header(cells)), None)
    if at is None:
        for number, cells in _chain(first, source):
            yield Part(plain_row(cells), number)
        return
    for number, cells in first[:at]:
        yield Part(plain_row(cells), number)
    header_number, header = first[at]
    below = False
    for number, cells in _chain(first[at + 1 :], source):
        text = row_under(header, cells)
        below = below or bool(text)
        yield Part(text, number)
    if not below:
        yield Part(plain_row(header), header_number)


def row_under(header: Sequence[str], cells: Sequence[str], join: str = "\n") -> str:
    """One row, each value after its header; empty values are left out."""
    said = []
    for at, cell in enumerate(cells):
        value = " ".join(cell.split())
        if value:
            label = header[at].strip() if at < len(header) else ""
            said.append(f"{label}: {value}" if label else value)
    return join.join(said)


def plain_row(cells: Sequence[str]) -> str:
    """One row of a table without a header."""
    return " | ".join(value for cell in cells if (value := " ".join(cell.split())))


def _chain(
    first: Sequence[tuple[int, Sequence[str]]], rest: Iterator[tuple[int, Sequence[str]]]
) -> Iterator[tuple[int, Sequence[str]]]:
    yield from first
    yield from rest


def _is_header(cells: Sequence[str]) -> bool:
    named = [cell.strip() for cell in cells if cell.strip()]
    return (
        len(named) >= _LEAST_COLUMNS
        and len(set(named)) == len(named)
        and not any(_is_value(cell) for cell in named)
    )


def _is_value(cell: str) -> bool:
    digits = sum(sign.isdigit() for sign in cell)
    return len(cell) > _LONGEST_HEADER or digits * 2 > len(cell) or "@" in cell
