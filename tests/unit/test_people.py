"""Who may: set-up, sign-in, keys, over a real database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from freehold.core.clock import ManualClock
from freehold.core.errors import BadRequest, Busy, Conflict, NotFound, NotSignedIn
from freehold.core.log import Log
from freehold.runtime.people.people import SESSION_S, People
from freehold.runtime.store.database import Database

HOUSE = "freehold.runtime.store.house"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    backups = tmp_path / "backups"
    opened = await Database.open(tmp_path / "h.sqlite", HOUSE, backups=backups, log=Log("test"))
    yield opened
    await opened.close()


@pytest.fixture
async def people(database: Database, clock: ManualClock) -> People:
    return await People.open(database, clock)


async def set_up(people: People, passphrase: str = "correct horse battery") -> str:
    token = people.setup_token.issue()
    session = await people.set_up(token, name="Ada", passphrase=passphrase, only_me=False)
    return session.token


async def test_the_first_admin_needs_the_token_of_the_terminal(people: People) -> None:
    with pytest.raises(NotSignedIn):
        await people.set_up("guess", name="Eve", passphrase="long enough", only_me=False)
    people.setup_token.issue()
    with pytest.raises(NotSignedIn):
        await people.set_up("guess", name="Eve", passphrase="long enough", only_me=False)
    assert not people.is_set_up


async def test_a_set_up_token_works_once_and_runs_out(people: People, clock: ManualClock) -> None:
    old = people.setup_token.issue()
    clock.advance(3601)
    with pytest.raises(NotSignedIn):
        await people.set_up(old, name="Ada", passphrase="long enough", only_me=False)
    token = people.setup_token.issue()
    await people.set_up(token, name="Ada", passphrase="long enough", only_me=False)
    with pytest.raises(Conflict):
        await people.set_up(token, name="Eve", passphrase="long enough", only_me=False)


async def test_ten_wrong_tokens_void_the_right_one(people: People) -> None:
    token = people.setup_token.issue()
    for _ in range(10):
        with pytest.raises(NotSignedIn):
            people.setup_token.check("wrong")
    with pytest.raises(NotSignedIn):
        people.setup_token.check(token)


async def test_a_short_passphrase_is_refused_and_nobody_is_made(people: People) -> None:
    with pytest.raises(BadRequest):
        await set_up(people, passphrase="short")
    assert not people.is_set_up


async def test_a_session_survives_a_restart_and_ends_in_time(
    people: People, database: Database, clock: ManualClock
) -> None:
    token = await set_up(people)
    again = await People.open(database, clock)
    found = again.by_session(token)
    assert found is not None
    assert found.user.name == "Ada"
    clock.advance(SESSION_S + 1)
    assert again.by_session(token) is None


async def test_sign_in_takes_the_name_in_any_case_and_no_wrong_passphrase(people: People) -> None:
    await set_up(people)
    session = await people.sign_in(" ADA ", "correct horse battery")
    assert people.by_session(session.token) is not None
    for name, passphrase in (("ada", "wrong"), ("nobody", "correct horse battery")):
        with pytest.raises(NotSignedIn):
            await people.sign_in(name, passphrase)


async def test_a_name_is_tried_ten_times_a_minute_at_most(
    people: People, clock: ManualClock
) -> None:
    for _ in range(10):
        people._count_try("ada")
    with pytest.raises(Busy):
        people._count_try("ada")
    clock.advance(61)
    people._count_try("ada")


async def test_signing_out_makes_the_cookie_worthless(people: People) -> None:
    token = await set_up(people)
    await people.sign_out(token)
    assert people.by_session(token) is None


async def test_a_key_opens_until_it_is_revoked_and_is_never_stored(
    people: People, database: Database, tmp_path: Path, clock: ManualClock
) -> None:
    await set_up(people)
    owner = people.owner()
    assert owner is not None
    made = await people.new_key(owner, "laptop")
    assert people.by_key(made.key) is not None
    assert (await People.open(database, clock)).by_key(made.key) is not None
    for file in tmp_path.glob("h.sqlite*"):
        assert made.key.encode() not in file.read_bytes()
    await people.revoke(owner, made.id)
    assert people.by_key(made.key) is None
    with pytest.raises(NotFound):
        await people.revoke(owner, made.id)


async def test_only_me_needs_no_passphrase(people: People, database: Database) -> None:
    token = people.setup_token.issue()
    session = await people.set_up(token, name="", passphrase="", only_me=True)
    assert session.user.role == "admin"
    assert (await People.open(database, ManualClock())).is_set_up
