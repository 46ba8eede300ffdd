"""API keys."""

from typing import Final

import msgspec

from freehold.runtime.http.contract import Answer, Ask, House, Route, as_json
from freehold.runtime.people.contract import Key


class _New(msgspec.Struct):
    name: str


class _Keys(msgspec.Struct, frozen=True):
    keys: tuple[Key, ...]


async def show(ask: Ask, house: House) -> Answer:
    """Keys of this person, without what opens the door."""
    return as_json(_Keys(house.people.keys(ask.user)))


async def make(ask: Ask, house: House) -> Answer:
    """A new key, shown this once."""
    wanted = await ask.json(_New)
    return as_json(await house.people.new_key(ask.user, wanted.name))


async def revoke(ask: Ask, house: House) -> Answer:
    """Make a key worthless."""
    await house.people.revoke(ask.user, ask.named("id"))
    return as_json({})


_AT: Final = "/freehold/v1/keys"
ROUTES: Final = (
    Route(method="GET", path=_AT, who="person", take=show, summary="Your API keys."),
    Route(method="POST", path=_AT, who="person", take=make, summary="Make an API key."),
    Route(
        method="DELETE",
        path=_AT + "/{id}",
        who="person",
        take=revoke,
        summary="Revoke an API key.",
    ),
)
