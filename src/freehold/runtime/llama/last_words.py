"""Why llama.cpp could not load a model: the reason stands in its log and nowhere else."""

import re
from pathlib import Path
from typing import Final

_CANNOT_LOAD: Final = re.compile(r"error loading model: (?:error loading model [a-z]+: )?(.+)")
"""Source: llama.cpp, src/llama.cpp, `llama_model_load`."""
_MOST: Final = 64 * 1024
_LONGEST: Final = 300


def length(log: Path) -> int:
    """Bytes in the log now; 0 when there is none."""
    try:
        return log.stat().st_size
    except OSError:
        return 0


def reason_since(log: Path, start: int) -> str:
    """The reason said after the first `start` bytes of the log; empty when none was said."""
    try:
        with log.open("rb") as file:
            file.seek(start)
            said = file.read(_MOST).decode("utf-8", "replace")
    except OSError:
        return ""
    found = _CANNOT_LOAD.findall(said)
    return " ".join(found[-1].split())[:_LONGEST] if found else ""
