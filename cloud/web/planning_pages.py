"""The planning page: windows of failure against planned stops.

Rule: as in `cloud.web.pages`; works without scripts. A change asked for here is the API's own.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse
from starlette.concurrency import run_in_threadpool

from cloud.api.access import PLAN, READ, PrincipalDep
from cloud.api.deps import StoreDep, utc_now
from cloud.api.planned_stops import site_of_stop
from cloud.api.problems import ProblemError, sentence
from cloud.api.sites import require_site
from cloud.assets import Place, PlannedStop
from cloud.people import Permission, Principal
from cloud.planning import DEFAULT_RISK, RISKS
from cloud.store.assets import read_asset
from cloud.store.database import Database
from cloud.store.planned_stops import add_stop, read_stop, remove_stop
from cloud.web.forms import read_fields
from cloud.web.pages import Reader, Render
from cloud.web.planning_reading import PlanChoice, read_planning
from contract.errors import DataError

router = APIRouter(include_in_schema=False)


def _choice(
    risk: Annotated[float, Query(gt=0, le=0.9)] = DEFAULT_RISK,
    site: Annotated[str, Query(max_length=40)] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> PlanChoice:
    return PlanChoice(risk, site, page)


@router.get("/planning", dependencies=READ)
def planning_page(
    store: StoreDep,
    reader: Reader,
    render: Render,
    principal: PrincipalDep,
    choice: Annotated[PlanChoice, Depends(_choice)],
) -> HTMLResponse:
    """What has to be done by when."""
    sites = principal.sites
    if choice.site:
        require_site(principal, choice.site)
        sites = frozenset({choice.site})
    return render.page(
        "pages/planning",
        here="planning",
        page=read_planning(store, choice, sites, utc_now()),
        risks=RISKS,
        can_plan=principal.may(Permission.PLAN),
        ingest=reader.ingest(),
    )


@router.post("/planning/stops", dependencies=PLAN)
async def post_stop(request: Request, store: StoreDep, principal: PrincipalDep) -> RedirectResponse:
    """Plan a stop."""
    fields = await read_fields(request)
    try:
        stop = _stop(fields, principal.name)
    except (DataError, ValueError) as error:
        raise ProblemError(422, sentence(error)) from error
    await run_in_threadpool(_add, store, principal, stop)
    return RedirectResponse("/planning", status_code=303)


@router.post("/planning/stops/{stop_id}/remove", dependencies=PLAN)
def post_removal(
    stop_id: Annotated[int, Path(ge=1, le=2**63 - 1)], store: StoreDep, principal: PrincipalDep
) -> RedirectResponse:
    """Call a stop off."""
    with store.transaction() as session:
        require_site(principal, site_of_stop(session, read_stop(session, stop_id)))
        remove_stop(session, stop_id)
    return RedirectResponse("/planning", status_code=303)


def _add(store: Database, principal: Principal, stop: PlannedStop) -> None:
    with store.transaction() as session:
        if stop.tag:
            read_asset(session, stop.tag)
        require_site(principal, site_of_stop(session, stop))
        add_stop(session, stop)


def _stop(fields: dict[str, str], who: str) -> PlannedStop:
    """What the form says; its times are UTC.

    Raises:
        ValueError: a time that cannot be one.
        DataError: it contradicts itself.
    """
    starts_at, ends_at = (_moment(fields.get(name, "")) for name in ("starts_at", "ends_at"))
    tag = fields.get("tag", "")
    codes = [fields.get(level, "") for level in ("site", "area", "line")]
    place = Place(*codes) if any(codes) else None
    return PlannedStop(starts_at, ends_at, place, tag, fields.get("note", ""), who)


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError as error:
        raise ValueError(f"{text[:40]!r} is no time; write 2026-03-14T06:00") from error
