"""The case pages: what there is to do, and one thing to do with all that is known of it.

Rule: as in `cloud.web.pages`. A change asked for here is the API's own, by whoever is signed in; the
version that the page showed goes with it, so that nobody overrules what they have not seen.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from cloud.api.access import READ, WORK
from cloud.api.deps import StoreDep, utc_now
from cloud.api.problems import ProblemError, sentence
from cloud.case_desk import Act, CaseDesk
from cloud.cases import acknowledge, assign, close, comment, release, reopen, snooze
from cloud.findings import Activity, FailureCause, FailureMode, Finding
from cloud.triage import Urgency
from cloud.web.case_reading import CaseChoice, CaseReader
from cloud.web.case_views import ENDS, URGENCIES, VERDICTS, choices, codes
from cloud.web.pages import Reader, Render, read_form
from contract.errors import DataError
from contract.labels import ComponentEnd, Verdict

router = APIRouter(include_in_schema=False)
_LISTS = {
    "verdicts": choices(VERDICTS),
    "modes": codes(FailureMode),
    "causes": codes(FailureCause),
    "activities": codes(Activity),
    "ends": choices(ENDS),
}
RESTS = {"tomorrow": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}


def _cases(store: StoreDep) -> CaseReader:
    return CaseReader(store, utc_now)


Cases = Annotated[CaseReader, Depends(_cases)]
CaseId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Action = Annotated[str, Path(pattern="^(acknowledge|claim|release|snooze|comment|close|reopen)$")]
UrgencyFilter = Annotated[str, Query(pattern="^(|now|soon|plan|watch)$")]
DeviceFilter = Annotated[str, Query(max_length=64)]


def _choice(
    closed: Annotated[bool, Query()] = False, urgency: UrgencyFilter = "", device: DeviceFilter = ""
) -> CaseChoice:
    return CaseChoice(closed, Urgency[urgency.upper()] if urgency else None, device.strip())


Choice = Annotated[CaseChoice, Depends(_choice)]


@router.get("/cases", dependencies=READ)
def cases_page(cases: Cases, reader: Reader, render: Render, choice: Choice) -> HTMLResponse:
    """The inbox."""
    return render.page(
        "pages/cases", here="cases", page=cases.cases(choice), urgencies=URGENCIES, ingest=reader.ingest()
    )


@router.get("/fragments/cases", dependencies=READ)
def cases_part(cases: Cases, render: Render, choice: Choice) -> HTMLResponse:
    """What changes in the inbox."""
    return render.page("parts/cases", page=cases.cases(choice))


@router.get("/cases/{case_id}", dependencies=READ)
def case_page(case_id: CaseId, cases: Cases, reader: Reader, render: Render) -> HTMLResponse:
    """One case."""
    page = cases.case(case_id)
    return render.page("pages/case", here="case", page=page, lists=_LISTS, ingest=reader.ingest())


@router.get("/fragments/cases/{case_id}", dependencies=READ)
def case_part(case_id: CaseId, cases: Cases, render: Render) -> HTMLResponse:
    """What changes on a case's page."""
    return render.page("parts/case", page=cases.case(case_id), lists=_LISTS)


@router.post("/cases/{case_id}/{action}", dependencies=WORK)
async def change(
    case_id: CaseId, action: Action, request: Request, store: StoreDep, cases: Cases, render: Render
) -> HTMLResponse:
    """Do what a button says; answers with the case as it now stands."""
    form = await read_form(request)
    await run_in_threadpool(_change, CaseDesk(store), case_id, action, form)
    page = await run_in_threadpool(cases.case, case_id)
    return render.page("parts/case", page=page, lists=_LISTS)


def _change(desk: CaseDesk, case_id: int, action: str, form: dict[str, str]) -> None:
    seen = form.get("version", "")
    try:
        desk.act(case_id, _act(action, form), int(seen) if seen.isdecimal() else None)
    except (DataError, ValueError) as error:
        raise ProblemError(422, sentence(error)) from error


def _act(action: str, form: dict[str, str]) -> Act:
    who, why = form["who"], form.get("why", "").strip()
    rest = RESTS.get(form.get("until", ""), timedelta(days=1))
    acts: dict[str, Act] = {
        "acknowledge": lambda case, now: acknowledge(case, who, now),
        "claim": lambda case, now: assign(case, who, who, now),
        "release": lambda case, now: release(case, who, now, why),
        "snooze": lambda case, now: snooze(case, who, now + rest, why, now),
        "comment": lambda case, now: comment(case, who, why, now),
        "close": lambda case, now: close(case, who, _finding(form, now), now),
        "reopen": lambda case, now: reopen(case, who, why, now),
    }
    return acts[action]


def _finding(form: dict[str, str], now: datetime) -> Finding:
    """What the form says.

    Raises:
        ValueError: a word that is in no list.
        DataError: it contradicts itself.
    """
    return Finding(
        verdict=Verdict(form.get("verdict", "")),
        found_at=now,
        mode=FailureMode(form["mode"]) if form.get("mode") else None,
        cause=FailureCause(form["cause"]) if form.get("cause") else None,
        activity=Activity(form["activity"]) if form.get("activity") else None,
        component=form.get("component", "").strip(),
        end=ComponentEnd(form.get("end") or ComponentEnd.RUNS_ON),
        note=form.get("why", "").strip(),
    )
