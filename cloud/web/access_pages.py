"""Coming in and going: signing in and out, choosing a password, and one's own page.

Rule: as in `cloud.web.pages`. These work without a script. A session begins with a secret of its own,
whatever cookie the browser brought; where a person goes next is a path of this server, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cloud.access.desk import AccessDesk, Caller
from cloud.access.passwords import LONGEST, SHORTEST
from cloud.access.people_desk import PeopleDesk, Purpose
from cloud.api.access import READ, CallerDep, DeskDep, address_of, drop_cookie, set_cookie
from cloud.api.deps import StoreDep, utc_now
from cloud.api.people import PeopleDep
from cloud.api.problems import ProblemError, sentence
from cloud.api.security import require_own_page
from cloud.errors import AccessError, NotFoundError, SignInRefusedError, TooManyTriesError
from cloud.store.database import Database
from cloud.store.people import end_sign_ins, list_sign_ins
from cloud.web.pages import Reader, Render, read_open_form
from cloud.web.reading import PageReader
from cloud.web.render import Renderer
from contract.errors import DataError

router = APIRouter(include_in_schema=False)
Token = Annotated[str, Query(max_length=200)]
Next = Annotated[str, Query(max_length=2000)]
_OWN = [Depends(require_own_page)]
_OVER = "This link does not work, or not any more. Ask an administrator for a new one."


def _open_renderer(request: Request) -> Renderer:
    renderer: Renderer = request.app.state.renderer
    return renderer


OpenRender = Annotated[Renderer, Depends(_open_renderer)]


def local_path(wanted: str) -> str:
    r"""Where somebody goes after signing in: a path of this server, or the fleet.

    >>> local_path("/alerts?status=open"), local_path("//evil.example"), local_path("/\\evil.example")
    ('/alerts?status=open', '/', '/')
    """
    parts = urlsplit(wanted)
    is_ours = wanted.startswith("/") and not parts.scheme and not parts.netloc
    is_plain = wanted.isprintable() and wanted.isascii() and "\\" not in wanted
    return wanted if is_ours and is_plain and not wanted.startswith("//") else "/"


@dataclass(frozen=True, slots=True)
class Arriving:
    """Somebody who is not signed in yet, and what it takes to become so by a link."""

    request: Request
    people: PeopleDesk
    desk: AccessDesk
    render: Renderer

    def show(self, purpose: Purpose, token: str) -> Response:
        """The page behind a link."""
        if not self.people.works(token, purpose):
            return self.render.error_page(404, _OVER)
        return self._form(purpose, token)

    def choose(self, purpose: Purpose, form: Mapping[str, str]) -> Response:
        """Take a password by a link, and let whoever chose it in."""
        token, password, name = form.get("token", ""), form.get("password", ""), form.get("name", "").strip()
        try:
            if purpose is Purpose.SETUP:
                person_id = self.people.set_up(token, name, password)
            else:
                person_id = self.people.choose_password(token, password)
        except DataError as error:
            return self._form(purpose, token, name, sentence(error))
        except (NotFoundError, AccessError):
            return self.render.error_page(404, _OVER)
        return self._let_in(person_id)

    def enter(self, token: str) -> Response:
        """Let somebody in who has a link for that."""
        try:
            return self._let_in(self.people.enter(token))
        except NotFoundError:
            return self.render.error_page(404, _OVER)

    def change_password(self, caller: Caller, old: str, new: str) -> str:
        """Change the password of somebody who is signed in; returns what came of it."""
        try:
            self.desk.check_password(caller.person_id or 0, old, address_of(self.request))
            self.people.set_password(caller.person_id or 0, new, keep=caller.sign_in)
        except (DataError, SignInRefusedError, TooManyTriesError) as error:
            return sentence(error)
        return "Your password is changed; you are signed in here only."

    def _form(self, purpose: Purpose, token: str, name: str = "", problem: str = "") -> Response:
        status = 422 if problem else 200
        shown = {"purpose": purpose, "token": token, "name": name, "problem": problem}
        return self.render.page("pages/password", status, shortest=SHORTEST, longest=LONGEST, **shown)

    def _let_in(self, person_id: int) -> Response:
        secret = self.desk.begin_session(person_id, address_of(self.request))
        self.request.state.signed_in = self.desk.name_of(person_id)
        return let_in(self.request, secret, "/")


def _arriving(request: Request, people: PeopleDep, desk: DeskDep, render: OpenRender) -> Arriving:
    return Arriving(request, people, desk, render)


ArrivingDep = Annotated[Arriving, Depends(_arriving)]


def let_in(request: Request, secret: str, path: str) -> Response:
    """Give a browser its session, and show it a page."""
    answer = RedirectResponse(path, status_code=303)
    set_cookie(request, answer, secret)
    return answer


@router.get("/sign-in")
def sign_in_page(render: OpenRender, next: Next = "/") -> Response:
    """Name and password."""
    return render.page("pages/sign_in", next=local_path(next), name="", problem="")


@router.post("/sign-in", dependencies=_OWN)
async def sign_in(request: Request, desk: DeskDep, render: OpenRender) -> Response:
    """Let somebody in, or say that they are not."""
    form = await read_open_form(request)
    name, wanted = form.get("name", "").strip(), local_path(form.get("next", "/"))
    try:
        secret = await run_in_threadpool(desk.sign_in, name, form.get("password", ""), address_of(request))
    except (SignInRefusedError, TooManyTriesError) as error:
        status = 401 if isinstance(error, SignInRefusedError) else 429
        return render.page("pages/sign_in", status, next=wanted, name=name, problem=sentence(error))
    request.state.signed_in = name
    return let_in(request, secret, wanted)


@router.post("/sign-out", dependencies=READ)
def sign_out(caller: CallerDep, desk: DeskDep) -> Response:
    """End the session."""
    desk.sign_out(caller.sign_in)
    answer = RedirectResponse("/sign-in", status_code=303)
    drop_cookie(answer)
    return answer


@router.get("/setup")
def setup_page(arriving: ArrivingDep, token: Token = "") -> Response:
    """Make the first administrator."""
    return arriving.show(Purpose.SETUP, token)


@router.post("/setup", dependencies=_OWN)
async def set_up(request: Request, arriving: ArrivingDep) -> Response:
    """Make the first administrator, who is signed in then."""
    return await run_in_threadpool(arriving.choose, Purpose.SETUP, await read_open_form(request))


@router.get("/password")
def password_page(arriving: ArrivingDep, token: Token = "") -> Response:
    """Choose a password."""
    return arriving.show(Purpose.PASSWORD, token)


@router.post("/password", dependencies=_OWN)
async def choose_password(request: Request, arriving: ArrivingDep) -> Response:
    """Take the password of whoever was invited, who is signed in then."""
    return await run_in_threadpool(arriving.choose, Purpose.PASSWORD, await read_open_form(request))


@router.get("/enter")
def enter(arriving: ArrivingDep, token: Token = "") -> Response:
    """Sign somebody in by a link that works once."""
    return arriving.enter(token)


@router.get("/account", dependencies=READ)
def account_page(caller: CallerDep, store: StoreDep, reader: Reader, render: Render) -> Response:
    """One's own page."""
    return _account(caller, store, reader, render)


@router.post("/account/password", dependencies=READ)
async def change_password(
    request: Request, caller: CallerDep, arriving: ArrivingDep, reader: Reader, render: Render
) -> Response:
    """Another password, for whoever says the old one; everything else that is signed in ends."""
    form = await read_open_form(request)

    def change() -> Response:
        said = arriving.change_password(caller, form.get("old", ""), form.get("password", ""))
        return _account(caller, request.app.state.database, reader, render, said)

    return await run_in_threadpool(change)


@router.post("/account/sign-ins/end", dependencies=READ)
def end_others(caller: CallerDep, store: StoreDep) -> Response:
    """End everything that is signed in as the caller, but this browser."""
    if caller.person_id is not None:
        with store.transaction() as session:
            end_sign_ins(session, caller.person_id, but=caller.sign_in)
    return RedirectResponse("/account", status_code=303)


def _account(
    caller: Caller, store: Database, reader: PageReader, render: Renderer, said: str = ""
) -> Response:
    if caller.person_id is None:
        raise ProblemError(404, "A key has no page of its own; /api/v1/me says what it may do.")
    with store.session() as session:
        found = list_sign_ins(session, caller.person_id, utc_now())
    page = {"sign_ins": found, "own": caller.sign_in, "said": said}
    return render.page("pages/account", here="account", page=page, ingest=reader.ingest())
