"""Random credentials: 256 bits, kept only as SHA-256, compared in constant time.

Looking a credential up by its hash leaks nothing: whoever can make a hash that matches already
holds the credential.
"""

import hashlib
import secrets
from typing import Final

KEY_PREFIX: Final = "fh-"
_SHOWN: Final = 10


def new_token() -> str:
    """256 random bits, safe in headers, cookies and addresses."""
    return secrets.token_urlsafe(32)


def new_key() -> str:
    """An API key: recognisable by its prefix, so that scanners and logs can blank it."""
    return KEY_PREFIX + new_token()


def shown(key: str) -> str:
    """The part of a key that people may see."""
    return key[:_SHOWN] + "…"


def digest(token: str) -> bytes:
    """What is kept of a credential."""
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
