"""Who is signed in; the first admin; signing in and out."""

from typing import Final

import msgspec

from freehold import VERSION
from freehold.core.errors import BadRequest, NotAllowed
from freehold.runtime.http.contract import Answer, Ask, House, Reply, Route, as_json
from freehold.runtime.http.who import CLEAR_COOKIE, cookie_for, cookie_of
from freehold.runtime.people.contract import Session, User


class _HouseCard(msgspec.Struct, frozen=True):
    name: str
    version: str


class SessionCard(msgspec.Struct, frozen=True, kw_only=True):
    """What a page needs to know about who is looking at it."""

    state: str
    """`setup`, `signed-out` or `signed-in`."""
    user: User | None
    csrf: str
    only_me: bool
    house: _HouseCard


class _SetUp(msgspec.Struct):
    token: str
    name: str = ""
    passphrase: str = ""
    only_me: bool = False


class _SignIn(msgspec.Struct):
    name: str
    passphrase: str


def _card(house: House, state: str, user: User | None, csrf: str) -> SessionCard:
    return SessionCard(
        state=state,
        user=user,
        csrf=csrf,
        only_me=house.people.only_me,
        house=_HouseCard(house.options.spec.name, VERSION),
    )


def _signed_in(house: House, session: Session) -> Reply:
    card = _card(house, "signed-in", session.user, session.csrf)
    return Reply(body=msgspec.json.encode(card), headers=(cookie_for(session),))


async def show(ask: Ask, house: House) -> Answer:
    """Whether the house is set up, and who this browser is."""
    if ask.principal is not None:
        csrf = ask.principal.csrf
        return as_json(_card(house, "signed-in", ask.principal.user, csrf))
    if not house.people.is_set_up:
        return as_json(_card(house, "setup", None, ""))
    owner = house.people.owner()
    if house.people.only_me and owner is not None and ask.is_loopback and _is_our_page(ask):
        return _signed_in(house, await house.people.new_session(owner))
    return as_json(_card(house, "signed-out", None, ""))


def _is_our_page(ask: Ask) -> bool:
    """Only our own page, in a browser on this machine, is given a session for the asking."""
    return ask.headers.get("sec-fetch-site", "same-origin") == "same-origin"


async def set_up(ask: Ask, house: House) -> Answer:
    """Make the first admin."""
    wanted = await ask.json(_SetUp)
    if wanted.only_me and not ask.is_loopback:
        raise NotAllowed("only a browser on this machine can choose to be the only one")
    if not wanted.only_me and not wanted.passphrase:
        raise BadRequest("a passphrase is missing", where="passphrase")
    session = await house.people.set_up(
        wanted.token,
        name=wanted.name,
        passphrase=wanted.passphrase,
        only_me=wanted.only_me,
    )
    return _signed_in(house, session)


async def sign_in(ask: Ask, house: House) -> Answer:
    """Sign a browser in."""
    wanted = await ask.json(_SignIn)
    return _signed_in(house, await house.people.sign_in(wanted.name, wanted.passphrase))


async def sign_out(ask: Ask, house: House) -> Answer:
    """End this browser's session."""
    cookie = cookie_of(ask)
    if cookie:
        await house.people.sign_out(cookie)
    return Reply(body=b"{}", headers=(CLEAR_COOKIE,))


class _Token(msgspec.Struct, frozen=True):
    token: str
    url: str


async def setup_token(ask: Ask, house: House) -> Answer:
    """A fresh one-time token, for who sits at the machine."""
    del ask
    if house.people.is_set_up:
        return as_json(_Token("", house.url))
    token = house.people.setup_token.issue()
    return as_json(_Token(token, f"{house.url}/#token={token}"))


_AT: Final = "/freehold/v1"
ROUTES: Final = (
    Route(
        method="GET",
        path=f"{_AT}/session",
        who="public",
        take=show,
        summary="Whether the house is set up, and who this browser is.",
    ),
    Route(
        method="POST",
        path=f"{_AT}/setup",
        who="public",
        take=set_up,
        summary="Make the first admin, with the one-time token.",
    ),
    Route(
        method="POST",
        path=f"{_AT}/sign-in",
        who="public",
        take=sign_in,
        summary="Sign a browser in.",
    ),
    Route(
        method="POST",
        path=f"{_AT}/sign-out",
        who="person",
        take=sign_out,
        summary="End this browser's session.",
    ),
    Route(
        method="POST",
        path=f"{_AT}/setup-token",
        who="local",
        take=setup_token,
        summary="A fresh one-time set-up token.",
    ),
)
