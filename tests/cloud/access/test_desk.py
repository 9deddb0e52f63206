"""The door: who is let in, and when that ends."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from cloud.access.desk import REFRESH_SPAN, SESSION_SPAN, AccessDesk
from cloud.access.people_desk import PeopleDesk
from cloud.access.tokens import ACCESS_SPAN, Signer
from cloud.errors import SignInRefusedError, TooManyTriesError
from cloud.people import Role
from cloud.store.database import Database
from cloud.store.people import end_sign_ins

PASSWORD = "correct horse battery"
HERE, ELSEWHERE = "192.0.2.1", "192.0.2.2"


class Clock:
    """Cloud time, and a steady one, that stand still unless told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def steady_s(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(database: Database, clock: Clock) -> PeopleDesk:
    desk = PeopleDesk(database, clock)
    person = desk.add("Aylin Kaya", Role.ADMIN, None)
    desk.set_password(person.id, PASSWORD)
    return desk


@pytest.fixture
def desk(database: Database, people: PeopleDesk, clock: Clock) -> Iterator[AccessDesk]:
    yield AccessDesk(database, Signer(b"k" * 32), clock, clock.steady_s)


def test_a_session_lasts_a_shift(desk: AccessDesk, clock: Clock) -> None:
    secret = desk.sign_in("aylin KAYA", PASSWORD, HERE)
    caller = desk.by_session(secret)
    assert caller is not None and caller.is_browser and caller.principal.name == "Aylin Kaya"
    clock.now += SESSION_SPAN - timedelta(seconds=1)
    assert desk.by_session(secret) is not None
    clock.now += timedelta(seconds=1)
    assert desk.by_session(secret) is None


def test_signing_out_ends_it_at_once(desk: AccessDesk) -> None:
    secret = desk.sign_in("Aylin Kaya", PASSWORD, HERE)
    caller = desk.by_session(secret)
    assert caller is not None
    desk.sign_out(caller.sign_in)
    desk.sign_out(caller.sign_in)
    assert desk.by_session(secret) is None


def test_a_secret_of_one_kind_is_none_of_another(desk: AccessDesk, people: PeopleDesk) -> None:
    cookie, tokens = desk.sign_in("Aylin Kaya", PASSWORD, HERE), desk.issue("Aylin Kaya", PASSWORD, HERE)
    key = people.make_key("mes", Role.VIEWER, None, None, "a test")
    refresh = tokens.refresh.partition(".")[2]
    for text in (cookie, tokens.access, tokens.refresh, refresh, key, ""):
        assert (desk.by_session(text) is not None) == (text == cookie)
        assert (desk.by_token(text) is not None) == (text == tokens.access)
        assert (desk.by_key(text) is not None) == (text == key)
    with pytest.raises(SignInRefusedError):
        desk.refresh(cookie)


def test_a_role_a_lock_out_and_a_new_password_count_at_the_next_request(
    desk: AccessDesk, people: PeopleDesk, database: Database
) -> None:
    jo = people.add("Jo", Role.VIEWER, ["north"])
    tokens, cookie = desk.begin_tokens(jo.id, HERE), desk.begin_session(jo.id, HERE)
    caller = desk.by_token(tokens.access)
    assert caller is not None and caller.principal.sites == frozenset({"north"})
    people.change(jo.id, Role.ENGINEER, None, is_active=True)
    caller = desk.by_token(tokens.access)
    assert caller is not None and (caller.principal.role, caller.principal.sites) == (Role.ENGINEER, None)
    people.set_password(jo.id, PASSWORD)
    assert desk.by_token(tokens.access) is None and desk.by_session(cookie) is None
    cookie = desk.begin_session(jo.id, HERE)
    people.change(jo.id, Role.ENGINEER, None, is_active=False)
    assert desk.by_session(cookie) is None
    with pytest.raises(SignInRefusedError):
        desk.sign_in("Jo", PASSWORD, HERE)
    with database.transaction() as session:
        end_sign_ins(session, jo.id)


def test_a_refresh_token_counts_once_and_a_stolen_one_ends_the_family(desk: AccessDesk, clock: Clock) -> None:
    first = desk.issue("Aylin Kaya", PASSWORD, HERE)
    clock.now += ACCESS_SPAN
    assert desk.by_token(first.access) is None
    second = desk.refresh(first.refresh)
    assert desk.by_token(second.access) is not None
    with pytest.raises(SignInRefusedError):
        desk.refresh(first.refresh)
    assert desk.by_token(second.access) is None, "the owner's tokens are gone as well"
    with pytest.raises(SignInRefusedError):
        desk.refresh(second.refresh)


def test_of_many_who_refresh_at_once_one_gets_tokens_at_most(desk: AccessDesk) -> None:
    tokens = desk.issue("Aylin Kaya", PASSWORD, HERE)

    def refresh(_: int) -> bool:
        try:
            desk.refresh(tokens.refresh)
        except SignInRefusedError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(refresh, range(8))) == 1


def test_who_does_not_come_back_signs_in_again(desk: AccessDesk, clock: Clock) -> None:
    tokens = desk.issue("Aylin Kaya", PASSWORD, HERE)
    clock.now += REFRESH_SPAN
    with pytest.raises(SignInRefusedError):
        desk.refresh(tokens.refresh)


@pytest.mark.parametrize("name", ["Aylin Kaya", "nobody", ""])
def test_a_wrong_name_and_a_wrong_password_are_refused_alike(desk: AccessDesk, name: str) -> None:
    with pytest.raises(SignInRefusedError, match=r"^name or password is not right$"):
        desk.sign_in(name, "wrong" * 3, HERE)


def test_whoever_has_chosen_no_password_cannot_sign_in_with_none(
    desk: AccessDesk, people: PeopleDesk
) -> None:
    people.add("Jo", Role.VIEWER, None)
    for password in ("", "nobody has this password"):
        with pytest.raises(SignInRefusedError):
            desk.sign_in("Jo", password, HERE)


def test_guessing_is_slowed_for_the_guesser_and_not_for_the_owner(desk: AccessDesk, clock: Clock) -> None:
    for _ in range(5):
        with pytest.raises(SignInRefusedError):
            desk.sign_in("Aylin Kaya", "wrong" * 3, HERE)
    with pytest.raises(TooManyTriesError):
        desk.sign_in("Aylin Kaya", PASSWORD, HERE)
    assert desk.sign_in("Aylin Kaya", PASSWORD, ELSEWHERE)
    clock.now += timedelta(seconds=30)
    assert desk.sign_in("Aylin Kaya", PASSWORD, HERE)


def test_one_address_cannot_try_many_names(desk: AccessDesk) -> None:
    outcomes = []
    for number in range(40):
        try:
            desk.sign_in(f"person {number}", "wrong" * 3, HERE)
        except (SignInRefusedError, TooManyTriesError) as error:
            outcomes.append(type(error))
    assert outcomes.count(SignInRefusedError) == 30
