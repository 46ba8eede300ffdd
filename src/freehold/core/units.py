"""Quantities as types: a number of bytes is never a number of seconds.

Inside the code the type carries the unit (`Bytes`, `Seconds`). At every edge, where a value turns
into a bare number (spec keys, JSON, SQL columns, metric names), the *name* carries it:
`vram_bytes`, `timeout_s`, `latency_ms`, `cost_microusd`.
"""

import re
from typing import Final, NewType

from freehold.core.errors import SpecError

Bytes = NewType("Bytes", int)
Seconds = NewType("Seconds", float)
Tokens = NewType("Tokens", int)

KIB: Final = 2**10
MIB: Final = 2**20
GIB: Final = 2**30

_SCALE: Final = {"B": 1, "KiB": KIB, "MiB": MIB, "GiB": GIB, "kB": 10**3, "MB": 10**6, "GB": 10**9}
_SIZE: Final = re.compile(r"\s*(\d{1,15}(?:\.\d{1,6})?)\s*(B|[KMG]iB|kB|[MG]B)\s*")


def size(text: str) -> Bytes:
    """Read a size such as `23GiB`.

    Args:
        text: a number and a unit; binary (`GiB`) and decimal (`GB`) units differ, on purpose.

    Raises:
        SpecError: the text is not a size.
    """
    found = _SIZE.fullmatch(text)
    if found is None:
        message = f"{text!r} is not a size"
        raise SpecError(message, fix="write a number and a unit, for example `23GiB`")
    return Bytes(int(float(found[1]) * _SCALE[found[2]]))


def show_size(amount: int) -> str:
    """A size for people: `4.9 GB`, `968 kB`, `0 B` (decimal, as disks are sold)."""
    value = float(amount)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":  # noqa: PLR2004 - the step between decimal units
            return f"{value:.0f} {unit}" if unit in {"B", "kB"} else f"{value:.1f} {unit}"
        value /= 1000
    return f"{amount} B"
