"""Who may come in, and who changed what: pages for administrators.

Rule: as in `cloud.web.pages`; these work without a script. A link or a key that was made is shown in the
answer to what made it, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import RedirectResponse, Response

from cloud.access.people_desk import PeopleDesk
from cloud.api.access import ADMINISTER, PrincipalDep
from cloud.api.deps import StoreDep, utc_now
from cloud.api.people import PeopleDep
from cloud.api.problems import sentence
from cloud.errors import AccessError
from cloud.people import Role
from cloud.store.api_keys import list_keys, revoke_key
from cloud.store.audit import list_audit
from cloud.store.database import Database
from cloud.store.people import list_people, read_person
from cloud.web.pages import Reader, Render, read_open_form
from cloud.web.reading import PageReader
from cloud.web.render import Renderer
from contract.errors import DataError

router = APIRouter(include_in_schema=False)
ENTRIES_SHOWN = 100
PersonId = Annotated[int, Path(ge=1, le=2**63 - 1)]
KeyId = Annotated[str, Path(max_length=24)]
Before = Annotated[int | None, Query(ge=1, le=2**63 - 1)]
Form = dict[str, str]


@dataclass(frozen=True, slots=True)
class Secret:
    """Something that is shown once."""

    title: str
    text: str


@dataclass(frozen=True, slots=True)
class PeoplePage:
    """The page, and what can be done on it."""

    people: PeopleDesk
    store: Database
    reader: PageReader
    render: Renderer
    address: str
    """Of this server, as the browser knows it."""

    def show(self, secret: Secret | None = None, problem: str = "") -> Response:
        """Everybody, and all keys."""
        with self.store.session() as session:
            page: dict[str, Any] = {"people": list_people(session), "programs": list_keys(session)}
        page |= {"now": utc_now(), "secret": secret, "problem": problem}
        status = 422 if problem else 200
        return self.render.page("pages/people", status, here="people", page=page, ingest=self.reader.ingest())

    def attempt(self, act: Callable[[], Secret | None]) -> Response:
        """Do something, and show what came of it."""
        try:
            secret = act()
        except (DataError, ValueError, AccessError) as error:
            return self.show(problem=sentence(error))
        return self.show(secret) if secret else RedirectResponse("/people", status_code=303)

    def invite(self, person_id: int) -> Secret:
        """A link for somebody."""
        with self.store.session() as session:
            name = read_person(session, person_id).name
        link = f"{self.address}/password?token={self.people.invite(person_id)}"
        return Secret(f"A link with which {name} chooses a password, once and within three days.", link)


def _page(request: Request, people: PeopleDep, store: StoreDep, reader: Reader, render: Render) -> PeoplePage:
    return PeoplePage(people, store, reader, render, str(request.base_url).rstrip("/"))


PageDep = Annotated[PeoplePage, Depends(_page)]
FormDep = Annotated[Form, Depends(read_open_form)]


@router.get("/people", dependencies=ADMINISTER)
def people_page(page: PageDep) -> Response:
    """People and keys."""
    return page.show()


@router.post("/people", dependencies=ADMINISTER)
def add_person(page: PageDep, form: FormDep) -> Response:
    """Invite somebody."""

    def act() -> Secret:
        person = page.people.add(form.get("name", "").strip(), _role(form), _sites(form))
        return page.invite(person.id)

    return page.attempt(act)


@router.post("/people/{person_id}", dependencies=ADMINISTER)
def change_person(person_id: PersonId, page: PageDep, form: FormDep) -> Response:
    """Say what somebody may do."""

    def act() -> None:
        page.people.change(person_id, _role(form), _sites(form), form.get("state") == "in")

    return page.attempt(act)


@router.post("/people/{person_id}/link", dependencies=ADMINISTER)
def invite_again(person_id: PersonId, page: PageDep) -> Response:
    """Make another link for somebody."""
    return page.attempt(lambda: page.invite(person_id))


@router.post("/keys", dependencies=ADMINISTER)
def make_key(page: PageDep, form: FormDep, principal: PrincipalDep) -> Response:
    """Make a program's key."""

    def act() -> Secret:
        days, name = form.get("days", ""), form.get("name", "").strip()
        until = utc_now() + timedelta(days=int(days)) if days else None
        key = page.people.make_key(name, _role(form), _sites(form), until, principal.name)
        return Secret(f"The key of {name}.", key)

    return page.attempt(act)


@router.post("/keys/{key_id}/revoke", dependencies=ADMINISTER)
def revoke(key_id: KeyId, page: PageDep) -> Response:
    """Let a key count no more."""

    def act() -> None:
        with page.store.transaction() as session:
            revoke_key(session, key_id, utc_now())

    return page.attempt(act)


@router.get("/audit", dependencies=ADMINISTER)
def audit_page(
    store: StoreDep,
    reader: Reader,
    render: Render,
    who: Annotated[str, Query(max_length=80)] = "",
    before: Before = None,
) -> Response:
    """Who changed what."""
    with store.session() as session:
        found = list_audit(session, ENTRIES_SHOWN, before, who.strip() or None)
    next_before = found[-1].id if len(found) == ENTRIES_SHOWN else None
    page = {"entries": found, "who": who.strip(), "next_before": next_before}
    return render.page("pages/audit", here="people", page=page, ingest=reader.ingest())


def _role(form: Form) -> Role:
    try:
        return Role(form.get("role", ""))
    except ValueError as error:
        raise DataError("choose a role from the list") from error


def _sites(form: Form) -> list[str] | None:
    codes = [code for each in form.get("sites", "").split(",") if (code := each.strip())]
    return codes or None
