"""The one place that turns a request's credential into a person, for every header and route."""

import hmac
from typing import Final

from freehold.core.errors import NotAllowed, NotSignedIn
from freehold.runtime.http.contract import Ask, House, Who
from freehold.runtime.people.contract import Principal, Session

COOKIE: Final = "freehold"
CSRF: Final = "x-freehold-csrf"
_SAFE: Final = frozenset({"GET", "HEAD"})


async def principal_of(ask: Ask, house: House, local_token: str) -> Principal | None:
    """Who asks, if anybody we know.

    A credential in a header wins over a cookie; a wrong one never falls back to the next.

    Raises:
        NotSignedIn: a credential was given and is not known here.
        NotAllowed: a browser's change without its page's token.
    """
    credential = _credential(ask)
    if credential:
        if hmac.compare_digest(credential.encode("utf-8", "replace"), local_token.encode()):
            return Principal(user=await house.people.local_admin(), via="local")
        known = house.people.by_key(credential)
        if known is None:
            raise NotSignedIn("the key is not known here", fix="make one with `freehold key new`")
        await house.people.key_was_used(known.key_id)
        return known
    cookie = cookie_of(ask)
    known = house.people.by_session(cookie) if cookie else None
    if known is not None and ask.method not in _SAFE:
        sent = ask.headers.get(CSRF, "")
        if not hmac.compare_digest(sent.encode("utf-8", "replace"), known.csrf.encode()):
            message = "the page's own token is missing or old"
            raise NotAllowed(message, where=CSRF, fix="reload the page")
    return known


def admit(who: Who, principal: Principal | None) -> None:
    """Let a request pass to a route, or say why not.

    Raises:
        NotSignedIn: the route needs somebody, and nobody is there.
        NotAllowed: it needs somebody else.
    """
    if who == "public":
        return
    if principal is None:
        fix = "send `Authorization: Bearer <key>`, or sign in"
        raise NotSignedIn("this needs a key or a session", fix=fix)
    if who == "admin" and principal.user.role != "admin":
        raise NotAllowed("only an admin may do this")
    if who == "local" and principal.via != "local":
        raise NotAllowed("only the command line of the machine itself may do this")


def _credential(ask: Ask) -> str:
    scheme, _, rest = ask.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and rest.strip():
        return rest.strip()
    if scheme:
        raise NotSignedIn("the Authorization header is not a bearer key", where="authorization")
    return ask.headers.get("x-api-key", "") or ask.headers.get("api-key", "")


def cookie_of(ask: Ask) -> str:
    """The session's token, as the browser sent it."""
    for part in ask.headers.get("cookie", "").split(";"):
        name, _, value = part.strip().partition("=")
        if name == COOKIE:
            return value
    return ""


def cookie_for(session: Session) -> tuple[str, str]:
    """The header that hands a browser its session: out of reach of scripts and other sites."""
    flags = f"Path=/; HttpOnly; SameSite=Strict; Max-Age={session.lasts_s}"
    return ("Set-Cookie", f"{COOKIE}={session.token}; {flags}")


CLEAR_COOKIE: Final = ("Set-Cookie", f"{COOKIE}=; Path=/; HttpOnly; SameSite=Strict; Max-Age=0")
