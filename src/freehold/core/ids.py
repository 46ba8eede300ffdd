"""Identifiers: a prefix that says what it names, then time and chance; they sort by age.

`chat_06d3v5k2q8x7p1mz4c9t`: 48 bits of milliseconds since 1970 and 52 bits of randomness in
Crockford's base 32 (no i, l, o, u), lower case. A caller who guesses gets nothing: ownership is
checked by the query that reads.
"""

import re
import secrets
from typing import Final, Literal

from freehold.core.units import Seconds

Kind = Literal["chat", "tmp", "turn", "doc", "key", "user", "ses", "job", "pull", "req"]

_ALPHABET: Final = "0123456789abcdefghjkmnpqrstvwxyz"
_CHANCE_BITS: Final = 52
_LENGTH: Final = 20
_SHAPE: Final = re.compile(r"[a-z]{2,5}_[0-9abcdefghjkmnpqrstvwxyz]{20}")


def new_id(kind: Kind, wall: Seconds) -> str:
    """Make an id for something created at `wall` (seconds since 1970)."""
    number = (int(wall * 1000) << _CHANCE_BITS) | secrets.randbits(_CHANCE_BITS)
    digits = [_ALPHABET[(number >> (5 * place)) & 31] for place in range(_LENGTH)]
    return f"{kind}_{''.join(reversed(digits))}"


def is_id(text: str, *kinds: Kind) -> bool:
    """Whether `text` has the shape of an id of one of these kinds."""
    return _SHAPE.fullmatch(text) is not None and text.partition("_")[0] in kinds
