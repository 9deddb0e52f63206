"""Cases: what there is to do, who is on it, and what was found."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from cloud.api.access import READ, WORK, PrincipalDep
from cloud.api.case_schemas import (
    Assign,
    CaseOut,
    CasePage,
    CaseReason,
    Comment,
    EntryPage,
    FindingIn,
    Snooze,
    case_out,
    entry_out,
)
from cloud.api.deps import StoreDep, utc_now
from cloud.api.problems import ProblemError, sentence
from cloud.api.schemas import Problem, Responses
from cloud.api.versions import SeenVersion, etag
from cloud.case_desk import Act, CaseDesk
from cloud.cases import Case, CaseState, Change, acknowledge, assign, close, comment, release, reopen, snooze
from cloud.errors import StaleError
from cloud.store.assessments import assess_cases
from cloud.store.cases import StoredCase, list_cases, list_entries, read_case
from cloud.store.database import Database
from cloud.store.queries import Session
from contract.errors import DataError

router = APIRouter(prefix="/cases", tags=["cases"])
CaseId = Annotated[int, Path(description="Id of the case", ge=1, le=2**63 - 1, examples=[41])]
_NOT_FOUND: Responses = {404: {"model": Problem, "description": "No such case"}}
_REFUSALS: Responses = {
    **_NOT_FOUND,
    409: {"model": Problem, "description": "Its state does not allow that; the detail says why"},
    412: {"model": Problem, "description": "It has changed since you looked at it"},
}


@router.get("", dependencies=READ)
def list_all(
    store: StoreDep,
    state: Annotated[list[CaseState] | None, Query(description="Only in one of these states")] = None,
    device: Annotated[
        str | None, Query(max_length=64, description="Only of this machine", examples=["pump-07"])
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Cases per page")] = 100,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Only ids below this one: `next_before`")
    ] = None,
) -> CasePage:
    """Cases, newest first."""
    with store.session() as session:
        found = list_cases(session, state or (), device, limit, before)
        judged = assess_cases(session, [each.case for each in found], utc_now())
    next_before = found[-1].case.id if len(found) == limit else None
    return CasePage(cases=[case_out(each, judged[each.case.id]) for each in found], next_before=next_before)


@router.get("/{case_id}", dependencies=READ, responses=_NOT_FOUND)
def get_case(case_id: CaseId, store: StoreDep, response: Response) -> CaseOut:
    """One case; its version is the `ETag`."""
    with store.session() as session:
        return _answer(session, read_case(session, case_id), response)


@router.get("/{case_id}/entries", dependencies=READ, responses=_NOT_FOUND)
def list_trail(
    case_id: CaseId,
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=500, description="Entries per page")] = 100,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only later ones: `next_after`")] = 0,
) -> EntryPage:
    """Who did what to it, when and why; oldest first."""
    with store.session() as session:
        read_case(session, case_id)
        found = list_entries(session, case_id, limit, after)
    next_after = found[-1].id if len(found) == limit else None
    return EntryPage(entries=[entry_out(each) for each in found], next_after=next_after)


@router.post("/{case_id}/acknowledge", dependencies=WORK, responses=_REFUSALS)
def post_acknowledge(
    case_id: CaseId,
    body: CaseReason,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> CaseOut:
    """Say that it was seen; a second time changes nothing."""
    return _act(store, case_id, lambda case, now: acknowledge(case, who.name, now), seen, response)


@router.post("/{case_id}/assign", dependencies=WORK, responses=_REFUSALS)
def post_assign(
    case_id: CaseId,
    body: Assign,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> CaseOut:
    """Put somebody on it, or claim it."""

    def act(case: Case, now: datetime) -> Change:
        return assign(case, who.name, body.to, now, body.why)

    return _act(store, case_id, act, seen, response)


@router.post("/{case_id}/release", dependencies=WORK, responses=_REFUSALS)
def post_release(
    case_id: CaseId,
    body: CaseReason,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> CaseOut:
    """Nobody is on it any more."""
    return _act(store, case_id, lambda case, now: release(case, who.name, now, body.why), seen, response)


@router.post("/{case_id}/snooze", dependencies=WORK, responses=_REFUSALS)
def post_snooze(
    case_id: CaseId,
    body: Snooze,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> CaseOut:
    """Let it rest until then; another alert wakes it."""

    def act(case: Case, now: datetime) -> Change:
        return snooze(case, who.name, body.until, body.why, now)

    return _act(store, case_id, act, seen, response)


@router.post("/{case_id}/comments", dependencies=WORK, responses=_REFUSALS)
def post_comment(
    case_id: CaseId,
    body: Comment,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> CaseOut:
    """Write something down."""
    return _act(store, case_id, lambda case, now: comment(case, who.name, body.text, now), seen, response)


@router.post("/{case_id}/close", dependencies=WORK, responses=_REFUSALS)
def post_close(
    case_id: CaseId,
    body: FindingIn,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> CaseOut:
    """End it with what was found; the end of a component goes into the maintenance log."""

    def act(case: Case, now: datetime) -> Change:
        return close(case, who.name, body.build(now), now)

    return _act(store, case_id, act, seen, response)


@router.post("/{case_id}/reopen", dependencies=WORK, responses=_REFUSALS)
def post_reopen(
    case_id: CaseId,
    body: CaseReason,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> CaseOut:
    """It is not over; what was found before is taken back, but stays in the trail."""
    return _act(store, case_id, lambda case, now: reopen(case, who.name, body.why, now), seen, response)


def _act(store: Database, case_id: int, act: Act, seen: int | None, response: Response) -> CaseOut:
    try:
        done = CaseDesk(store).act(case_id, act, seen)
        with store.session() as session:
            return _answer(session, done, response)
    except StaleError as error:
        raise ProblemError(412, sentence(error)) from error
    except DataError as error:
        raise ProblemError(422, sentence(error)) from error


def _answer(session: Session, stored: StoredCase, response: Response) -> CaseOut:
    response.headers["ETag"] = etag(stored.version)
    return case_out(stored, assess_cases(session, [stored.case], utc_now())[stored.case.id])
