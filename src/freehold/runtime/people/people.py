"""Accounts, sessions and keys, behind one door.

The house is the only writer, so what is checked on each request lives in memory; every change is
on disk before it is in memory, and so before it is answered.
"""

import asyncio
from typing import Final

import apsw
import msgspec

from freehold.core.clock import Clock
from freehold.core.errors import BadRequest, Busy, Conflict, NotFound, NotSignedIn
from freehold.core.ids import new_id
from freehold.runtime.people.contract import Key, NewKey, Principal, Role, Session, User
from freehold.runtime.people.passphrase import Hashed, Passphrases
from freehold.runtime.people.setup import SetupToken
from freehold.runtime.people.tokens import digest, new_key, new_token, shown
from freehold.runtime.store.database import Database
from freehold.runtime.store.queries import queries
from freehold.runtime.store.rows import rows

SESSION_S: Final = 30 * 86_400
_TRIES_A_MINUTE: Final = 10
_NAME_LONGEST: Final = 80
_USED_AT_MOST_EVERY_S: Final = 60.0
_SQL: Final = queries("freehold.runtime.people", "queries.sql")


class _UserRow(msgspec.Struct):
    id: str
    name: str
    role: Role
    salt: bytes | None
    hash: bytes | None


class _SessionRow(msgspec.Struct):
    hash: bytes
    user_id: str
    csrf: str
    expires_at: float


class _KeyRow(msgspec.Struct):
    id: str
    user_id: str
    name: str
    prefix: str
    hash: bytes
    created_at: float
    last_used_at: float | None


class People:
    """Who may."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._passphrases = Passphrases()
        self._setup_room = asyncio.Lock()
        self.setup_token = SetupToken(clock)
        self._users: dict[str, _UserRow] = {}
        self._sessions: dict[bytes, _SessionRow] = {}
        self._keys: dict[bytes, _KeyRow] = {}
        self._tries: dict[str, list[float]] = {}
        self.only_me = False

    @classmethod
    async def open(cls, database: Database, clock: Clock) -> "People":
        """Read everyone in."""
        people = cls(database, clock)
        now = clock.wall()

        def read(
            c: apsw.Connection,
        ) -> tuple[list[_UserRow], list[_SessionRow], list[_KeyRow], bool]:
            return (
                rows(c.execute(_SQL["users"]), _UserRow),
                rows(c.execute(_SQL["sessions"], (now,)), _SessionRow),
                rows(c.execute(_SQL["keys"]), _KeyRow),
                c.execute(_SQL["setting"], ("only_me",)).fetchone() is not None,
            )

        users, sessions, keys, people.only_me = await database.read(read)
        people._users = {user.id: user for user in users}
        people._sessions = {session.hash: session for session in sessions}
        people._keys = {key.hash: key for key in keys}
        return people

    @property
    def is_set_up(self) -> bool:
        """Whether there is an admin who can sign in."""
        return any(user.hash is not None for user in self._users.values()) or self.only_me

    def owner(self) -> User | None:
        """The first admin."""
        admins = [user for user in self._users.values() if user.role == "admin"]
        return _user(min(admins, key=lambda user: user.id)) if admins else None

    async def set_up(self, token: str, *, name: str, passphrase: str, only_me: bool) -> Session:
        """Make the first admin, with a passphrase or for this machine only.

        Raises:
            NotSignedIn: the token is not valid.
            Conflict: the house is set up already.
            BadRequest: the name or passphrase will not do.
        """
        async with self._setup_room:
            if self.is_set_up:
                raise Conflict("this house is set up already", fix="sign in instead")
            self.setup_token.check(token)
            wanted = _name(name or "Owner")
            hashed = None if only_me else await self._passphrases.hashed(passphrase)
            user = await self._first_admin(wanted, hashed, only_me=only_me)
            self.setup_token.void()
        return await self.new_session(user)

    async def local_admin(self) -> User:
        """The admin whom the machine's own command line speaks for; made where there is none."""
        return self.owner() or await self._first_admin("Owner", None, only_me=False)

    async def _first_admin(self, name: str, hashed: Hashed | None, *, only_me: bool) -> User:
        now = self._clock.wall()
        present = self.owner()
        row = _UserRow(
            id=present.id if present else new_id("user", now),
            name=name,
            role="admin",
            salt=hashed.salt if hashed else None,
            hash=hashed.digest if hashed else None,
        )

        def write(c: apsw.Connection) -> None:
            values = (row.id, name, name.casefold(), row.role, row.salt, row.hash, now)
            c.execute(_SQL["add_user"], values)
            if only_me:
                c.execute(_SQL["put_setting"], ("only_me", "1"))

        await self._database.write(write)
        self._users[row.id] = row
        self.only_me = self.only_me or only_me
        return _user(row)

    async def sign_in(self, name: str, passphrase: str) -> Session:
        """Check a passphrase.

        Raises:
            NotSignedIn: wrong, without saying whether the name exists.
            Busy: more than ten tries a minute for this name.
        """
        folded = name.strip().casefold()[:_NAME_LONGEST]
        self._count_try(folded)
        row = next((u for u in self._users.values() if u.name.casefold() == folded), None)
        stored = Hashed(row.salt, row.hash) if row and row.salt and row.hash else None
        if not await self._passphrases.matches(passphrase, stored) or row is None:
            message = "the name or the passphrase is wrong"
            raise NotSignedIn(message, fix="check capitals; an admin can set a new passphrase")
        self._tries.pop(folded, None)
        return await self.new_session(_user(row))

    def _count_try(self, folded: str) -> None:
        now = self._clock.now()
        recent = [at for at in self._tries.get(folded, []) if now - at < 60]  # noqa: PLR2004 - a minute
        if len(recent) >= _TRIES_A_MINUTE:
            raise Busy("too many tries for this name", fix="wait a minute and try again")
        if len(self._tries) > 10_000:  # noqa: PLR2004 - a flood of invented names must not fill memory
            self._tries.clear()
        self._tries[folded] = [*recent, now]

    async def new_session(self, user: User) -> Session:
        """Sign a browser in."""
        now = self._clock.wall()
        token, csrf = new_token(), new_token()
        row = _SessionRow(digest(token), user.id, csrf, now + SESSION_S)

        def write(c: apsw.Connection) -> None:
            c.execute(_SQL["remove_old_sessions"], (now,))
            c.execute(_SQL["add_session"], (row.hash, user.id, csrf, now, row.expires_at))

        await self._database.write(write)
        self._sessions[row.hash] = row
        return Session(token=token, csrf=csrf, user=user, lasts_s=SESSION_S)

    async def sign_out(self, token: str) -> None:
        """End a session; the cookie is worthless before this returns."""
        hashed = digest(token)
        self._sessions.pop(hashed, None)
        await self._run("remove_session", (hashed,))

    def by_session(self, token: str) -> Principal | None:
        """Whose browser this is."""
        row = self._sessions.get(digest(token))
        if row is None or row.expires_at <= self._clock.wall():
            return None
        user = self._users.get(row.user_id)
        return Principal(user=_user(user), via="session", csrf=row.csrf) if user else None

    def by_key(self, key: str) -> Principal | None:
        """Whose key this is."""
        row = self._keys.get(digest(key))
        user = self._users.get(row.user_id) if row else None
        if row is None or user is None:
            return None
        return Principal(user=_user(user), via="key", key_id=row.id)

    async def new_key(self, user: User, name: str) -> NewKey:
        """Make an API key; this is the only time it is seen whole."""
        now = self._clock.wall()
        key = new_key()
        row = _KeyRow(new_id("key", now), user.id, _name(name), shown(key), digest(key), now, None)
        values = (row.id, user.id, row.name, row.prefix, row.hash, now)
        await self._run("add_key", values)
        self._keys[row.hash] = row
        return NewKey(id=row.id, name=row.name, prefix=row.prefix, key=key)

    def keys(self, user: User) -> tuple[Key, ...]:
        """Keys of this person, newest first."""
        own = [row for row in self._keys.values() if row.user_id == user.id]
        return tuple(
            Key(
                id=row.id,
                name=row.name,
                prefix=row.prefix,
                created_at=row.created_at,
                last_used_at=row.last_used_at,
            )
            for row in sorted(own, key=lambda row: row.id, reverse=True)
        )

    async def revoke(self, user: User, key_id: str) -> None:
        """Make a key worthless.

        Raises:
            NotFound: this person has no such key.
        """
        found = [row for row in self._keys.values() if row.id == key_id and row.user_id == user.id]
        if not found:
            message = f"there is no key {key_id!r}"
            raise NotFound(message, fix="see `freehold key ls`")
        await self._run("remove_key", (key_id,))
        self._keys.pop(found[0].hash, None)

    async def key_was_used(self, key_id: str) -> None:
        """Remember when, at most once a minute for each key."""
        now = self._clock.wall()
        row = next((row for row in self._keys.values() if row.id == key_id), None)
        if row is None or now - (row.last_used_at or 0) < _USED_AT_MOST_EVERY_S:
            return
        row.last_used_at = now
        await self._run("key_used", (now, key_id))

    async def _run(self, name: str, values: tuple[str | float | bytes | None, ...]) -> None:
        def write(c: apsw.Connection) -> None:
            c.execute(_SQL[name], values)

        await self._database.write(write)


def _user(row: _UserRow) -> User:
    return User(id=row.id, name=row.name, role=row.role)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > _NAME_LONGEST or not name.isprintable():
        message = f"a name has 1 to {_NAME_LONGEST} printable characters"
        raise BadRequest(message, where="name", fix="choose a shorter or plainer name")
    return name
