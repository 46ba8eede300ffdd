"""Why llama.cpp could not load a model: the reason stands in its log and nowhere else."""

import re
from pathlib import Path
from typing import Final

_CANNOT_LOAD: Final = re.compile(r"error loading model: (?:error loading model [a-z]+: )?(.+)")
_CANNOT_FORMAT: Final = re.compile(r"common_chat_templates_init: error: (.+)")
"""Sources: llama.cpp, src/llama.cpp (`llama_model_load`) and common/chat.cpp."""
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
    for words, what in ((_CANNOT_LOAD, ""), (_CANNOT_FORMAT, "its chat template is wrong: ")):
        found = words.findall(said)
        if found:
            return what + " ".join(found[-1].split())[:_LONGEST]
    return ""
