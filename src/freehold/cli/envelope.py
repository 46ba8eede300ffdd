"""What `--json` prints: one object with a name and a version, the same for every command."""

import msgspec

from freehold.core.errors import ErrorCard


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of one command."""

    schema: str
    """`freehold/<command>@1`; the number rises when the meaning of a field changes."""
    ok: bool
    data: object = None
    """What the command answers; null when it failed."""
    error: ErrorCard | None = None
    warnings: tuple[str, ...] = ()


def schema_of(command_path: str) -> str:
    """The schema of a command as it was typed: `freehold key new` is `freehold/key-new@1`."""
    words = command_path.split()[1:] or ["freehold"]
    return f"freehold/{'-'.join(words)}@1"
