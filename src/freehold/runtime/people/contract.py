"""The words of this room: a person, a principal, a key, a session."""

from typing import Literal

import msgspec

Role = Literal["admin", "developer", "monitor", "guest"]
Via = Literal["session", "key", "local"]


class User(msgspec.Struct, frozen=True, kw_only=True):
    """Someone who lives here."""

    id: str
    name: str
    role: Role


class Principal(msgspec.Struct, frozen=True, kw_only=True):
    """Who a request speaks for, and by which credential."""

    user: User
    via: Via
    csrf: str = ""
    """What a browser session must send back in `X-Freehold-CSRF`."""
    key_id: str = ""


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A browser signed in."""

    token: str
    """The cookie's value; known to the browser alone, kept here as a hash."""
    csrf: str
    user: User
    lasts_s: int


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, as it is shown after it was made."""

    id: str
    name: str
    prefix: str
    """The first characters, so that a person can tell keys apart."""
    created_at: float
    last_used_at: float | None = None


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """An API key, the one time it is shown whole."""

    id: str
    name: str
    prefix: str
    key: str
