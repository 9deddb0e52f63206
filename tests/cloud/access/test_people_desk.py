"""Who may come in at all."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from cloud.access.people_desk import ENTER_SPAN, LINK_SPAN, PeopleDesk, Purpose
from cloud.errors import AccessError, NotFoundError
from cloud.people import Role
from cloud.store.database import Database
from contract.errors import DataError

PASSWORD = "correct horse battery"


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.now = datetime(2026, 3, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def people(database: Database, clock: Clock) -> PeopleDesk:
    return PeopleDesk(database, clock)


def test_the_first_administrator_is_made_once(people: PeopleDesk) -> None:
    first, second = people.make_setup_link(), people.make_setup_link()
    assert first is not None and second is not None and people.works(first, Purpose.SETUP)
    people.set_up(first, "Aylin Kaya", PASSWORD)
    assert people.find("aylin kaya").role is Role.ADMIN and people.make_setup_link() is None
    for used in (first, second, "", "x" * 22):
        with pytest.raises(NotFoundError):
            people.set_up(used, "Mallory", PASSWORD)


def test_a_password_that_is_refused_does_not_use_the_link_up(people: PeopleDesk) -> None:
    link = people.make_setup_link()
    assert link is not None
    with pytest.raises(DataError):
        people.set_up(link, "Aylin", "short")
    with pytest.raises(DataError):
        people.set_up(link, "system", PASSWORD)
    people.set_up(link, "Aylin", PASSWORD)


def test_links_work_once_for_what_they_are_for_and_not_for_ever(people: PeopleDesk, clock: Clock) -> None:
    jo = people.add("Jo", Role.VIEWER, None)
    entry, invitation = people.make_entry(jo.id), people.invite(jo.id)
    with pytest.raises(NotFoundError):
        people.enter(invitation)
    assert people.enter(entry) == jo.id
    with pytest.raises(NotFoundError):
        people.enter(entry)
    assert people.choose_password(invitation, PASSWORD) == jo.id and people.find("Jo").has_password
    late, later = people.make_entry(jo.id), people.invite(jo.id)
    clock.now += ENTER_SPAN
    with pytest.raises(NotFoundError):
        people.enter(late)
    clock.now += LINK_SPAN
    with pytest.raises(NotFoundError):
        people.choose_password(later, PASSWORD)


def test_a_link_of_somebody_who_was_locked_out_does_not_work(people: PeopleDesk) -> None:
    people.add("Aylin", Role.ADMIN, None)
    jo = people.add("Jo", Role.VIEWER, None)
    link = people.make_entry(jo.id)
    people.change(jo.id, Role.VIEWER, None, is_active=False)
    with pytest.raises(NotFoundError):
        people.enter(link)


def test_somebody_always_administers(people: PeopleDesk) -> None:
    aylin = people.add("Aylin", Role.ADMIN, None)
    for change in ((Role.ENGINEER, True), (Role.ADMIN, False)):
        with pytest.raises(AccessError, match="another administrator first"):
            people.change(aylin.id, change[0], None, is_active=change[1])
    people.add("Jo", Role.ADMIN, None)
    assert people.change(aylin.id, Role.VIEWER, ["north"], is_active=True).sites == frozenset({"north"})


@pytest.mark.parametrize(
    "wrong",
    [
        lambda people: people.add("", Role.VIEWER, None),
        lambda people: people.add("x" * 81, Role.VIEWER, None),
        lambda people: people.add("a\nb", Role.VIEWER, None),
        lambda people: people.add("System", Role.VIEWER, None),
        lambda people: people.add("KEY mes", Role.VIEWER, None),
        lambda people: people.add("Jo", Role.ADMIN, ["north"]),
        lambda people: people.add("Jo", Role.VIEWER, []),
        lambda people: people.make_key("mes", Role.VIEWER, None, datetime(2026, 2, 1, tzinfo=UTC), "a"),
    ],
    ids=["empty", "long", "two lines", "the cloud", "a key", "admin of a site", "no site", "over"],
)
def test_what_cannot_be_is_refused(people: PeopleDesk, wrong: Callable[[PeopleDesk], object]) -> None:
    with pytest.raises(DataError):
        wrong(people)


def test_two_are_never_called_alike(people: PeopleDesk) -> None:
    people.add("Jo Brandt", Role.VIEWER, None)
    with pytest.raises(AccessError, match="somebody is called"):
        people.add("jo BRANDT", Role.VIEWER, None)
    with pytest.raises(NotFoundError, match="nobody is called"):
        people.find("Mallory")


def test_an_invitation_lies_over_a_weekend() -> None:
    assert timedelta(days=2) < LINK_SPAN < timedelta(days=7)
