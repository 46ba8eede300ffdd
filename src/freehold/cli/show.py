"""How answers look to a person: columns, ages, counts."""

from collections.abc import Iterable, Sequence

_GAP = "  "


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as they need to be; the last one is left ragged."""
    lines = [tuple(head), *(tuple(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return "\n".join(
        _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def count(amount: int, word: str) -> str:
    """`1 file`, `2 files`, `1,024 passages`."""
    return f"{amount:,} {word}{'' if amount == 1 else 's'}"


def age(seconds: float) -> str:
    """How long ago: `12 s`, `5 min`, `3 h`, `9 d`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"


def place(file: str, page: int | None, line: int | None) -> str:
    """Where a passage stands: `notes.md, line 12` or `lease.pdf, page 3`."""
    if page is not None:
        return f"{file}, page {page}"
    return f"{file}, line {line}" if line is not None else file
