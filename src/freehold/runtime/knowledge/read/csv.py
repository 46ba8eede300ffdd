"""Tables as text: each row with the headers of its values."""

import csv
from collections.abc import Iterator
from itertools import islice
from typing import Final

from freehold.runtime.knowledge.decode import decode
from freehold.runtime.knowledge.outline import pieces_under
from freehold.runtime.knowledge.read.contract import (
    LARGEST_TEXT,
    Head,
    Reader,
    Reading,
    Source,
    Unreadable,
)
from freehold.runtime.knowledge.table import labelled

_SIGNS: Final = ",;\t|"
_SAMPLE: Final = 20


def _detects(_head: Head) -> bool:
    return False  # any text with commas could be one


def _read(source: Source) -> Reading:
    csv.field_size_limit(LARGEST_TEXT)
    text = decode(source.data)
    sign = "\t" if source.suffix in {".tsv", ".tab"} else _sign(text)
    return Reading(pieces_under(labelled(_rows(text, sign))))


def _rows(text: str, sign: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(text.split("\n"), delimiter=sign)
    before = 0
    try:
        for cells in reader:
            yield before + 1, cells
            before = reader.line_num
    except csv.Error as error:
        raise Unreadable("damaged", f"the table cannot be read: {error}") from error


def _sign(text: str) -> str:
    """The sign between values: the one that cuts the first lines into most equal rows."""
    lines = [line for line in islice(text.split("\n", _SAMPLE), _SAMPLE) if line.strip()]

    def fitness(sign: str) -> tuple[int, int]:
        counts = [line.count(sign) for line in lines]
        usual = max(set(counts), key=counts.count) if counts else 0
        return (counts.count(usual) if usual else 0, usual)

    return max(_SIGNS, key=fitness)


READER: Final = Reader(
    summary="Tables in CSV and TSV, each value under its header.",
    suffixes=(".csv", ".tsv", ".tab"),
    detects=_detects,
    text=True,
    read=_read,
)
