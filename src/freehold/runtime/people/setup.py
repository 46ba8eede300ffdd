"""The first admin: a one-time token, printed to the terminal of whoever started the house.

Whoever registers first is not the owner; whoever can read the owner's terminal is. The token
lives in memory only, runs out, and is replaced by asking again from the machine itself
(`freehold open`).
"""

import hmac
from typing import Final

from freehold.core.clock import Clock
from freehold.core.errors import NotSignedIn
from freehold.core.units import Seconds
from freehold.runtime.people.tokens import digest, new_token

LASTS_S: Final = 3600.0
TRIES: Final = 10


class SetupToken:
    """At most one token at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._digest = b""
        self._until = Seconds(0)
        self._tries_left = 0

    def issue(self) -> str:
        """A fresh token; the one before it is void."""
        token = new_token()
        self._digest = digest(token)
        self._until = Seconds(self._clock.now() + LASTS_S)
        self._tries_left = TRIES
        return token

    def check(self, token: str) -> None:
        """Let a right token pass.

        Raises:
            NotSignedIn: it is wrong, used, or ran out; ten wrong ones void it.
        """
        fresh = self._clock.now() < self._until and self._tries_left > 0
        self._tries_left -= 1
        if not (fresh and self._digest and hmac.compare_digest(digest(token), self._digest)):
            message = "this set-up token is not valid (wrong, used, or older than an hour)"
            raise NotSignedIn(message, where="token", fix="run `freehold open` for a fresh one")
        self._tries_left = TRIES

    def void(self) -> None:
        """The house is set up: no token opens it any more."""
        self._digest = b""
