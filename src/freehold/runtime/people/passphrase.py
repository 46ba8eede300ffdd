"""Passphrases: slow to guess, and never more than two computed at once.

Source: reliability study A2 (9): scrypt N=2^15, r=8, p=3 costs about 0.4 s and 32 MiB here; two at
a time bound what a flood of sign-ins can take from the machine.
"""

import asyncio
import hashlib
import hmac
import secrets
from typing import Final

from freehold.core.errors import BadRequest

SHORTEST: Final = 8
LONGEST: Final = 256
_COST: Final = 2**15
_BLOCK: Final = 8
_LANES: Final = 3
_MEMORY_BYTES: Final = 128 * _COST * _BLOCK * 2


class Hashed:
    """A salt and what scrypt made of it and a passphrase."""

    def __init__(self, salt: bytes, digest: bytes) -> None:
        self.salt = salt
        self.digest = digest


class Passphrases:
    """Makes and checks hashes, two at a time."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(2)

    async def hashed(self, passphrase: str) -> Hashed:
        """Hash a new passphrase.

        Raises:
            BadRequest: it is shorter than 8 or longer than 256 characters.
        """
        if not SHORTEST <= len(passphrase) <= LONGEST:
            message = (
                f"a passphrase has {SHORTEST} to {LONGEST} characters, this has {len(passphrase)}"
            )
            raise BadRequest(
                message, where="passphrase", fix="three or four unrelated words do well"
            )
        salt = secrets.token_bytes(16)
        return Hashed(salt, await self._scrypt(passphrase, salt))

    async def matches(self, passphrase: str, stored: Hashed | None) -> bool:
        """Whether the passphrase is right; takes as long for a person who does not exist."""
        salt = stored.salt if stored else b"\0" * 16
        digest = await self._scrypt(passphrase[:LONGEST], salt)
        return stored is not None and hmac.compare_digest(digest, stored.digest)

    async def _scrypt(self, passphrase: str, salt: bytes) -> bytes:
        async with self._room:
            return await asyncio.to_thread(_scrypt, passphrase.encode("utf-8", "replace"), salt)


def _scrypt(passphrase: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(
        passphrase, salt=salt, n=_COST, r=_BLOCK, p=_LANES, maxmem=_MEMORY_BYTES, dklen=32
    )
