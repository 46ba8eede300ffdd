"""How a model of the hub is named: `org/repo`, a quantisation or a file of it, a revision."""

import re
from typing import Final

import msgspec

from freehold.core.errors import BadRequest

_PART: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,127}")
_PREFIXES: Final = ("https://huggingface.co/", "huggingface.co/", "https://hf.co/", "hf.co/")


class Reference(msgspec.Struct, frozen=True, kw_only=True):
    """What to pull, as a person wrote it."""

    repo: str
    """`organisation/repository`."""
    wanted: str = ""
    """A quantisation (`Q4_K_M`) or a file (`model.gguf`); empty for the usual choice."""
    revision: str = "main"


def read_reference(text: str) -> Reference:
    """Read `org/repo[:QUANT|:file.gguf][@revision]`.

    Raises:
        BadRequest: it is not written so.
    """
    bare = text.strip()
    for prefix in _PREFIXES:
        bare = bare.removeprefix(prefix)
    bare, at, revision = bare.partition("@")
    repo, colon, wanted = bare.partition(":")
    parts = repo.split("/")
    wrong = (
        len(parts) != 2  # noqa: PLR2004 - organisation and repository
        or not all(_PART.fullmatch(part) and ".." not in part for part in parts)
        or (bool(colon) and not is_plain_path(wanted))
        or (bool(at) and (_REVISION.fullmatch(revision) is None or ".." in revision))
    )
    if wrong:
        message = f"{text[:200]!r} does not name a model of the hub"
        fix = "write org/repo, org/repo:Q4_K_M or org/repo:file.gguf; @revision may follow"
        raise BadRequest(message, fix=fix)
    return Reference(repo=repo, wanted=wanted, revision=revision or "main")


def is_plain_path(path: str) -> bool:
    """Whether a path of the hub is one we may write below a folder of ours."""
    return bool(path) and all(
        segment.isprintable()
        and not segment.startswith((".", "-", " "))
        and not any(character in segment for character in '\\:*?"<>|')
        and 0 < len(segment.encode()) <= 200  # noqa: PLR2004 - file systems take 255
        for segment in path.split("/")
    )
