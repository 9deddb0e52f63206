"""People as rows, their sign-ins, and links that work once.

Rule: `cloud.access` decides, this file stores. What is over is not found, and is taken away when something
new is added.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, delete, func, select, update
from sqlmodel import Session

from cloud.errors import AccessError, NotFoundError
from cloud.people import Role
from cloud.store.access_tables import OneTimeLinkRow, PersonRow, SignInRow
from cloud.store.statements import insert_new
from cloud.store.tables import table_of

_PERSON, _SIGN_IN, _LINK = table_of(PersonRow), table_of(SignInRow), table_of(OneTimeLinkRow)
_PEOPLE_SHOWN = 1000


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign in."""

    id: int
    name: str
    role: Role
    sites: frozenset[str] | None
    is_active: bool
    has_password: bool
    made_at: datetime


@dataclass(frozen=True, slots=True)
class SignIn:
    """A browser's session, or a family of refresh tokens."""

    id: str
    kind: str
    digest: bytes
    person: Person
    made_at: datetime
    expires_at: datetime
    address: str


@dataclass(frozen=True, slots=True)
class NewSignIn:
    """One to be stored."""

    id: str
    kind: str
    digest: bytes
    person_id: int
    made_at: datetime
    expires_at: datetime
    address: str


def add_person(session: Session, name: str, role: Role, sites: Collection[str] | None, now: datetime) -> int:
    """Store somebody without a password; returns the id.

    Raises:
        AccessError: somebody is called so.
    """
    values = {
        "name": name,
        "folded": name.casefold(),
        "password": "",
        "role": str(role),
        "sites": None if sites is None else sorted(sites),
        "is_active": True,
        "made_at": now,
    }
    added = session.connection().execute(insert_new(session, _PERSON).values(values).returning(_PERSON.c.id))
    number = added.scalar_one_or_none()
    if number is None:
        raise AccessError(f"somebody is called {name!r} already; choose another name")
    return int(number)


def change_person(session: Session, person_id: int, values: Mapping[str, Any]) -> None:
    """Set some of: role, sites, is_active, password (its hash).

    Raises:
        NotFoundError: there is nobody of that id.
    """
    change = update(_PERSON).where(_PERSON.c.id == person_id).values(**values)
    if session.connection().execute(change).rowcount == 0:
        raise NotFoundError(f"there is no person {person_id}")


def read_person(session: Session, person_id: int) -> Person:
    """Somebody.

    Raises:
        NotFoundError: there is nobody of that id.
    """
    row = session.connection().execute(select(_PERSON).where(_PERSON.c.id == person_id)).first()
    if row is None:
        raise NotFoundError(f"there is no person {person_id}")
    return _person(row)


def find_by_name(session: Session, name: str) -> tuple[Person, str] | None:
    """Somebody and the hash of the password, by the name as it is compared."""
    row = session.connection().execute(select(_PERSON).where(_PERSON.c.folded == name.casefold())).first()
    return None if row is None else (_person(row), row.password)


def list_people(session: Session) -> list[Person]:
    """Everybody, by name."""
    query = select(_PERSON).order_by(_PERSON.c.folded).limit(_PEOPLE_SHOWN)
    return [_person(row) for row in session.connection().execute(query)]


def count_admins(session: Session) -> int:
    """Administrators who are not locked out."""
    is_able = _PERSON.c.is_active & (_PERSON.c.role == str(Role.ADMIN))
    return int(session.connection().execute(select(func.count()).where(is_able)).scalar_one())


def add_sign_in(session: Session, new: NewSignIn) -> None:
    """Store one; those that are over go."""
    session.connection().execute(delete(_SIGN_IN).where(_SIGN_IN.c.expires_at <= new.made_at))
    values = {name: getattr(new, name) for name in NewSignIn.__dataclass_fields__}
    session.connection().execute(_SIGN_IN.insert(), values)


def find_sign_in(
    session: Session, now: datetime, *, digest: bytes | None = None, sign_in: str | None = None
) -> SignIn | None:
    """One that counts, by its secret's digest or by its id, of somebody who is active."""
    named = _SIGN_IN.c.digest == digest if digest is not None else _SIGN_IN.c.id == sign_in
    found = _sign_ins(session, named & (_SIGN_IN.c.expires_at > now) & _PERSON.c.is_active)
    return found[0] if found else None


def list_sign_ins(session: Session, person_id: int, now: datetime) -> list[SignIn]:
    """Those of somebody that count, newest first."""
    return _sign_ins(session, (_SIGN_IN.c.person_id == person_id) & (_SIGN_IN.c.expires_at > now))


def renew_sign_in(session: Session, sign_in: str, before: bytes, digest: bytes, expires_at: datetime) -> bool:
    """Put a new secret in place of one; whether that was still the one that counts."""
    at = (_SIGN_IN.c.id == sign_in) & (_SIGN_IN.c.digest == before)
    change = update(_SIGN_IN).where(at).values(digest=digest, expires_at=expires_at)
    return session.connection().execute(change).rowcount == 1


def end_sign_in(session: Session, sign_in: str) -> None:
    """End one, where it has not ended."""
    session.connection().execute(delete(_SIGN_IN).where(_SIGN_IN.c.id == sign_in))


def end_sign_ins(session: Session, person_id: int, but: str = "") -> None:
    """End all of somebody, but one."""
    ending = delete(_SIGN_IN).where(_SIGN_IN.c.person_id == person_id, _SIGN_IN.c.id != but)
    session.connection().execute(ending)


def add_link(session: Session, digest: bytes, purpose: str, person_id: int | None, until: datetime) -> None:
    """Store a link that works once."""
    values = {"digest": digest, "purpose": purpose, "person_id": person_id, "expires_at": until}
    session.connection().execute(_LINK.insert(), values)


def has_link(session: Session, digest: bytes, purpose: str, now: datetime) -> bool:
    """Whether a link still works."""
    return (
        session.connection().execute(select(_LINK).where(_is_link(digest, purpose, now))).first() is not None
    )


def take_link(session: Session, digest: bytes, purpose: str, now: datetime) -> int | None:
    """Use a link up; returns whose it is, None where it is nobody's.

    Raises:
        NotFoundError: it does not work, or not any more.
    """
    session.connection().execute(delete(_LINK).where(_LINK.c.expires_at <= now))
    taking = delete(_LINK).where(_is_link(digest, purpose, now)).returning(_LINK.c.person_id)
    row = session.connection().execute(taking).first()
    if row is None:
        raise NotFoundError("this link does not work, or not any more; ask for a new one")
    return cast("int | None", row.person_id)


def drop_links(session: Session, purpose: str) -> None:
    """Links for this do not work any more."""
    session.connection().execute(delete(_LINK).where(_LINK.c.purpose == purpose))


def _is_link(digest: bytes, purpose: str, now: datetime) -> ColumnElement[bool]:
    return (_LINK.c.digest == digest) & (_LINK.c.purpose == purpose) & (_LINK.c.expires_at > now)


def _person(row: Row[Any]) -> Person:
    return Person(
        id=row.person_id if "person_id" in row._fields else row.id,
        name=row.name,
        role=Role(row.role),
        sites=None if row.sites is None else frozenset(row.sites),
        is_active=row.is_active,
        has_password=bool(row.password),
        made_at=row.person_made_at if "person_made_at" in row._fields else row.made_at,
    )


def _sign_ins(session: Session, condition: ColumnElement[bool]) -> list[SignIn]:
    own = [each for each in _PERSON.c if each.name not in {"id", "made_at"}]
    query = (
        select(_SIGN_IN, *own, _PERSON.c.made_at.label("person_made_at"))
        .join(_PERSON, _PERSON.c.id == _SIGN_IN.c.person_id)
        .where(condition)
        .order_by(_SIGN_IN.c.made_at.desc(), _SIGN_IN.c.id)
    )
    return [
        SignIn(row.id, row.kind, row.digest, _person(row), row.made_at, row.expires_at, row.address)
        for row in session.connection().execute(query)
    ]
