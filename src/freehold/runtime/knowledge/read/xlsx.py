"""Excel workbooks: each sheet a table, each row with the headers of its values.

Values as last calculated; a formula that was never calculated has none.
"""

import datetime as dt
from collections.abc import Iterator
from io import BytesIO
from typing import TYPE_CHECKING, Final

from freehold.runtime.knowledge.archive import open_archive, refuse_entities
from freehold.runtime.knowledge.decode import clean
from freehold.runtime.knowledge.outline import Part, Title, pieces_under
from freehold.runtime.knowledge.read.contract import Head, Reader, Reading, Source
from freehold.runtime.knowledge.table import labelled

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell, MergedCell
    from openpyxl.workbook.workbook import Workbook

_MOST_COLUMNS: Final = 500


def _detects(head: Head) -> bool:
    return "xl/workbook.xml" in head.members


def _read(source: Source) -> Reading:
    from openpyxl import load_workbook  # noqa: PLC0415 - only where a workbook is read

    with open_archive(BytesIO(source.data)) as archive:
        refuse_entities(archive)
    book = load_workbook(BytesIO(source.data), read_only=True, data_only=True, keep_links=False)
    return Reading(pieces_under(_met(book)))


def _met(book: "Workbook") -> Iterator[Title | Part]:
    for sheet in book.worksheets:
        yield Title(1, clean(sheet.title))
        sheet.reset_dimensions()  # what the file says of its size may be a lie
        yield from labelled(
            (number, [_said(cell) for cell in cells])
            for number, cells in enumerate(sheet.iter_rows(max_col=_MOST_COLUMNS), 1)
            if any(cell.value is not None for cell in cells)
        )


def _said(cell: "Cell | MergedCell") -> str:
    value = cell.value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dt.datetime) and value.time() == dt.time():
        return value.date().isoformat()
    if isinstance(value, int | float):
        if "%" in str(cell.number_format):
            return f"{value * 100:.10g}%"
        return f"{value:.15g}"
    return clean(str(value))


READER: Final = Reader(
    summary="Excel workbooks, each value under its header.",
    suffixes=(".xlsx", ".xlsm", ".xltx"),
    detects=_detects,
    text=False,
    read=_read,
)
