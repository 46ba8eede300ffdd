"""What models are called in this house: names a person can type, each of them once."""

import re
from collections.abc import Collection
from typing import Final

_QUANTISATION: Final = re.compile(
    r"(?:^|[-._])(I?Q\d(?:_[A-Z0-9]+){1,2}|TQ\d_0|BF16|F16|F32|MXFP4|NVFP4)(?=$|[-._])",
    re.IGNORECASE,
)
_PART: Final = re.compile(r"-\d{5}-of-\d{5}$")
_SPACES: Final = re.compile(r"[^\w.:/@+-]+")
_LONGEST: Final = 120


def stem(file_name: str) -> str:
    """A file's name without `.gguf` and without `-00001-of-00003`."""
    bare = file_name.rpartition("/")[2]
    if bare.lower().endswith(".gguf"):
        bare = bare[: -len(".gguf")]
    return _PART.sub("", bare)


def quantisation_of(file_name: str) -> str:
    """The quantisation a file's name tells, in capitals: `Q4_K_M`; empty when it tells none."""
    found = _QUANTISATION.findall(stem(file_name))
    return found[-1].upper() if found else ""


def hub_name(repo: str, file_name: str) -> str:
    """Name of a file of a hub's repository, as `models pull` would be given it where it can."""
    tag = quantisation_of(file_name)
    return f"{repo}:{tag}" if tag else f"{repo}/{stem(file_name)}"


def clean(name: str) -> str:
    """The name with everything hard to type made a dash."""
    return _SPACES.sub("-", name).strip("-/")[:_LONGEST] or "model"


def unique(name: str, taken: Collection[str]) -> str:
    """The name, or the name with the first number that makes it unique: `qwen3:8b-2`."""
    if name not in taken:
        return name
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    return f"{name}-{number}"
