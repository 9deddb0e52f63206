"""Who may come in at all: people, links that work once, and keys of programs.

Rule: nobody knows another's password: an administrator makes a link, and whoever opens it chooses one. There
is no default password; the first administrator is made by a link that the cloud prints while there is none.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from cloud.access.passwords import check_password, hash_password
from cloud.access.tokens import digest_of, format_key, new_id, new_secret, new_short_secret
from cloud.errors import AccessError, NotFoundError
from cloud.people import Role, check_name, check_rights
from cloud.store import people
from cloud.store.api_keys import ApiKey, add_key
from cloud.store.database import Database
from cloud.store.people import Person
from cloud.store.queries import Session
from contract.errors import DataError

LINK_SPAN = timedelta(days=3)
"""An invitation may lie over a weekend."""
ENTER_SPAN = timedelta(minutes=15)
Sites = Collection[str] | None


class Purpose(StrEnum):
    """What a link is for, and the path of the page that takes it."""

    SETUP = "setup"
    """Make the first administrator."""
    PASSWORD = "password"  # noqa: S105 - a path
    """Choose a password."""
    ENTER = "enter"
    """Be signed in."""


class PeopleDesk:
    """Adds, changes and invites.

    Args:
        database: An open store.
        clock: Cloud time.
    """

    def __init__(self, database: Database, clock: Callable[[], datetime]) -> None:
        self._database, self._clock = database, clock

    def make_setup_link(self) -> str | None:
        """The secret of a link that makes the first administrator; None: there is one."""
        with self._database.transaction() as session:
            if people.count_admins(session):
                return None
            return self._link(session, Purpose.SETUP, None, LINK_SPAN)

    def set_up(self, secret: str, name: str, password: str) -> int:
        """Make the first administrator; returns the id.

        Raises:
            NotFoundError: the link does not work any more.
            AccessError: there is one meanwhile, or somebody is called so.
            DataError: name or password cannot be one.
        """
        check_password(password)
        hashed = hash_password(password)
        with self._database.transaction() as session:
            people.take_link(session, digest_of(secret), Purpose.SETUP, self._clock())
            if people.count_admins(session):
                raise AccessError("there is an administrator already; ask for a link")
            person_id = self._add(session, name, Role.ADMIN, None)
            people.change_person(session, person_id, {"password": hashed})
            people.drop_links(session, Purpose.SETUP)
        return person_id

    def works(self, secret: str, purpose: Purpose) -> bool:
        """Whether a link still works."""
        with self._database.session() as session:
            return people.has_link(session, digest_of(secret), purpose, self._clock())

    def add(self, name: str, role: Role, sites: Sites) -> Person:
        """Add somebody, who has no password yet.

        Raises:
            AccessError: somebody is called so.
            DataError: the name cannot be one, or role and sites do not go together.
        """
        with self._database.transaction() as session:
            return people.read_person(session, self._add(session, name, role, sites))

    def invite(self, person_id: int) -> str:
        """The secret of a link by which somebody chooses a password.

        Raises:
            NotFoundError: there is nobody of that id.
        """
        with self._database.transaction() as session:
            people.read_person(session, person_id)
            return self._link(session, Purpose.PASSWORD, person_id, LINK_SPAN)

    def make_entry(self, person_id: int) -> str:
        """The secret of a link that signs somebody in without a password, soon and once.

        Raises:
            NotFoundError: there is nobody of that id.
        """
        with self._database.transaction() as session:
            people.read_person(session, person_id)
            return self._link(session, Purpose.ENTER, person_id, ENTER_SPAN)

    def enter(self, secret: str) -> int:
        """Use such a link up; returns whose it is.

        Raises:
            NotFoundError: it does not work, or not any more.
        """
        with self._database.transaction() as session:
            return self._take(session, secret, Purpose.ENTER)

    def choose_password(self, secret: str, password: str) -> int:
        """Set the password of whoever was invited, and end what else is signed in; returns whose it is.

        Raises:
            NotFoundError: the link does not work, or not any more.
            DataError: the password cannot be one.
        """
        check_password(password)
        hashed = hash_password(password)
        with self._database.transaction() as session:
            person_id = self._take(session, secret, Purpose.PASSWORD)
            people.change_person(session, person_id, {"password": hashed})
            people.end_sign_ins(session, person_id)
        return person_id

    def set_password(self, person_id: int, password: str, keep: str = "") -> None:
        """Set somebody's password, and end all sign-ins but one.

        Raises:
            DataError: the password cannot be one.
        """
        check_password(password)
        hashed = hash_password(password)
        with self._database.transaction() as session:
            people.change_person(session, person_id, {"password": hashed})
            people.end_sign_ins(session, person_id, keep)

    def change(self, person_id: int, role: Role, sites: Sites, is_active: bool) -> Person:
        """Change what somebody may do; who is locked out is signed out.

        Raises:
            NotFoundError: there is nobody of that id.
            AccessError: nobody would administer any more.
            DataError: role and sites do not go together.
        """
        check_rights(role, sites)
        values: dict[str, Any] = {
            "role": str(role),
            "sites": None if sites is None else sorted(sites),
            "is_active": is_active,
        }
        with self._database.transaction() as session:
            before = people.read_person(session, person_id)
            people.change_person(session, person_id, values)
            if before.role is Role.ADMIN and not people.count_admins(session):
                raise AccessError("somebody has to administer: make another administrator first")
            if not is_active:
                people.end_sign_ins(session, person_id)
            return people.read_person(session, person_id)

    def find(self, name: str) -> Person:
        """Somebody by name.

        Raises:
            NotFoundError: nobody is called so.
        """
        with self._database.session() as session:
            found = people.find_by_name(session, name)
        if found is None:
            raise NotFoundError(f"nobody is called {name[:80]!r}; `people list` shows who is there")
        return found[0]

    def make_key(self, name: str, role: Role, sites: Sites, expires_at: datetime | None, by: str) -> str:
        """Make a program's key; returns it, which nobody can see again.

        Raises:
            DataError: the name cannot be one, role and sites do not go together, or it would be over already.
        """
        check_name(name)
        check_rights(role, sites)
        now, secret = self._clock(), new_secret()
        key = ApiKey(new_id(), name, role, None if sites is None else frozenset(sites), now, by, expires_at)
        if not key.counts(now):
            raise DataError("a key that is over when it is made lets nobody in; give it more time")
        with self._database.transaction() as session:
            add_key(session, key, digest_of(secret))
        return format_key(key.id, secret)

    def _add(self, session: Session, name: str, role: Role, sites: Sites) -> int:
        check_name(name)
        check_rights(role, sites)
        return people.add_person(session, name, role, sites, self._clock())

    def _link(self, session: Session, purpose: Purpose, person_id: int | None, span: timedelta) -> str:
        secret = new_short_secret()
        people.add_link(session, digest_of(secret), purpose, person_id, self._clock() + span)
        return secret

    def _take(self, session: Session, secret: str, purpose: Purpose) -> int:
        person_id = people.take_link(session, digest_of(secret), purpose, self._clock())
        if person_id is None or not people.read_person(session, person_id).is_active:
            raise NotFoundError("this link does not work, or not any more; ask for a new one")
        return person_id
