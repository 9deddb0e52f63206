"""People, keys of programs, and who changed what; for administrators."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request

from cloud.access.people_desk import PeopleDesk
from cloud.api.access import ADMINISTER, PrincipalDep
from cloud.api.access_schemas import (
    AuditOut,
    AuditPage,
    Invited,
    KeyIn,
    KeyList,
    KeyMade,
    KeyOut,
    PersonChange,
    PersonIn,
    PersonList,
    PersonOut,
    key_out,
)
from cloud.api.deps import StoreDep, utc_now
from cloud.api.problems import ProblemError, sentence
from cloud.api.schemas import Problem, Responses
from cloud.store.api_keys import list_keys, revoke_key
from cloud.store.audit import list_audit
from cloud.store.people import Person, end_sign_ins, list_people, read_person
from contract.errors import DataError

router = APIRouter(tags=["access"])
PersonId = Annotated[int, Path(ge=1, le=2**63 - 1, examples=[3])]
KeyId = Annotated[
    str, Path(max_length=24, description="Id of the key", examples=["0a1b2c3d4e5f60718293a4b5"])
]
_NOBODY: Responses = {404: {"model": Problem, "description": "There is nobody of that id"}}
_TAKEN: Responses = {409: {"model": Problem, "description": "Somebody is called so already"}}
_LAST: Responses = {409: {"model": Problem, "description": "Nobody would administer any more"}}


def _people(request: Request) -> PeopleDesk:
    people: PeopleDesk = request.app.state.people
    return people


PeopleDep = Annotated[PeopleDesk, Depends(_people)]


@router.get("/people", dependencies=ADMINISTER)
def list_everybody(store: StoreDep) -> PersonList:
    """Everybody who may sign in, or could once."""
    with store.session() as session:
        return PersonList(people=[_person(each) for each in list_people(session)])


@router.post("/people", status_code=201, dependencies=ADMINISTER, responses=_TAKEN)
def add_person(body: PersonIn, people: PeopleDep) -> Invited:
    """Add somebody; the link in the answer lets them choose a password, and is not shown again."""
    with _judged():
        person = people.add(body.name, body.role, body.sites)
    return _invited(person, people)


@router.put("/people/{person_id}", dependencies=ADMINISTER, responses=_NOBODY | _LAST)
def change_person(person_id: PersonId, body: PersonChange, people: PeopleDep) -> PersonOut:
    """Say what somebody may do, from their next request on; who is not active is signed out."""
    with _judged():
        return _person(people.change(person_id, body.role, body.sites, body.is_active))


@router.post("/people/{person_id}/link", status_code=201, dependencies=ADMINISTER, responses=_NOBODY)
def invite_again(person_id: PersonId, people: PeopleDep, store: StoreDep) -> Invited:
    """Make another link, for somebody who lost the first one or forgot the password."""
    with store.session() as session:
        person = read_person(session, person_id)
    return _invited(person, people)


@router.delete("/people/{person_id}/sign-ins", status_code=204, dependencies=ADMINISTER, responses=_NOBODY)
def sign_out_everywhere(person_id: PersonId, store: StoreDep) -> None:
    """Sign somebody out everywhere."""
    with store.transaction() as session:
        end_sign_ins(session, read_person(session, person_id).id)


@router.get("/keys", dependencies=ADMINISTER)
def list_all_keys(store: StoreDep) -> KeyList:
    """The keys of programs; the newest first."""
    with store.session() as session:
        return KeyList(keys=[key_out(each) for each in list_keys(session)])


@router.post("/keys", status_code=201, dependencies=ADMINISTER)
def make_key(body: KeyIn, people: PeopleDep, principal: PrincipalDep) -> KeyMade:
    """Make a key; nobody can see it again."""
    with _judged():
        return KeyMade(key=people.make_key(body.name, body.role, body.sites, body.expires_at, principal.name))


@router.delete(
    "/keys/{key_id}",
    dependencies=ADMINISTER,
    responses={404: {"model": Problem, "description": "There is no such key"}},
)
def revoke(key_id: KeyId, store: StoreDep) -> KeyOut:
    """Let a key count no more, from now on."""
    with store.transaction() as session:
        return key_out(revoke_key(session, key_id, utc_now()))


@router.get("/audit", dependencies=ADMINISTER)
def list_changes(
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=500, description="Entries per page")] = 100,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Only ids below this one: `next_before`")
    ] = None,
    who: Annotated[str | None, Query(max_length=80, description="Only of this name")] = None,
) -> AuditPage:
    """Who changed what, from where, and what came of it; newest first, never changed."""
    with store.session() as session:
        found = list_audit(session, limit, before, who)
    next_before = found[-1].id if len(found) == limit else None
    return AuditPage(entries=[AuditOut.model_validate(each) for each in found], next_before=next_before)


@contextmanager
def _judged() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise ProblemError(422, sentence(error)) from error


def _person(person: Person) -> PersonOut:
    sites = None if person.sites is None else sorted(person.sites)
    return PersonOut(**{name: getattr(person, name) for name in PersonOut.model_fields} | {"sites": sites})


def _invited(person: Person, people: PeopleDesk) -> Invited:
    return Invited(person=_person(person), link=f"/password?token={people.invite(person.id)}")
