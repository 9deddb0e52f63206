"""What happened to machines: the log that lives are cut by and forecasts are held against."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from fastapi import APIRouter, Query

from cloud.api.access import READ, WORK, PrincipalDep
from cloud.api.asset_schemas import LogEntryOut, LogIn, LogPage, LogTakenOut
from cloud.api.csv_body import CSV_BODY, CsvText
from cloud.api.deps import StoreDep, utc_now
from cloud.api.problems import ProblemError, sentence
from cloud.api.schemas import Problem, Responses
from cloud.api.sites import require_site
from cloud.machine_events import MachineEvent, parse_events, plain_source
from cloud.people import Principal
from cloud.store.assets import assets_of_devices, list_assets
from cloud.store.database import Database
from cloud.store.machine_events import list_events, store_events
from contract.errors import DataError

router = APIRouter(prefix="/maintenance-log", tags=["maintenance log"])
_REFUSALS: Responses = {
    403: {"model": Problem, "description": "Your role or your sites do not allow it"},
    422: {"model": Problem, "description": "An entry cannot be right; the detail says which"},
}


@router.get("", dependencies=READ)
def list_all(
    store: StoreDep,
    principal: PrincipalDep,
    machine: Annotated[str | None, Query(max_length=64, description="Only of this machine")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Entries per page")] = 100,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Only ids below: `next_before`")
    ] = None,
) -> LogPage:
    """Entries, the newest first by id."""
    with store.session() as session:
        devices = None if machine is None else {machine}
        if principal.sites is not None:
            own = {asset.device_id for asset in list_assets(session, principal.sites) if asset.device_id}
            devices = own if devices is None else devices & own
        found = list_events(session, devices, limit, before)
    next_before = found[-1].id if len(found) == limit else None
    return LogPage(entries=[LogEntryOut.of(each) for each in found], next_before=next_before)


@router.post("", dependencies=WORK, responses=_REFUSALS)
def post_entries(body: LogIn, store: StoreDep, principal: PrincipalDep) -> LogTakenOut:
    """Add entries; those that are there already change nothing."""
    now = utc_now()
    try:
        events = [entry.build(plain_source(f"by {principal.name}")) for entry in body.entries]
    except DataError as error:
        raise ProblemError(422, sentence(error)) from error
    late = next((event for event in events if event.time > now), None)
    if late is not None:
        raise ProblemError(422, f"{late.time.isoformat()} lies in the future; look at the clock.")
    return _take(store, principal, events)


@router.post("/import", dependencies=WORK, openapi_extra=CSV_BODY, responses=_REFUSALS)
def post_import(text: CsvText, store: StoreDep, principal: PrincipalDep) -> LogTakenOut:
    """Take a log over as CSV (machine,component,time,kind,code), whole or not at all."""
    try:
        events = parse_events(text, f"import by {principal.name}", utc_now(), "the list")
    except DataError as error:
        raise ProblemError(422, sentence(error)) from error
    return _take(store, principal, events)


def _take(store: Database, principal: Principal, events: Sequence[MachineEvent]) -> LogTakenOut:
    with store.transaction() as session:
        assets = assets_of_devices(session, {event.device_id for event in events})
        for device in sorted({event.device_id for event in events}):
            require_site(principal, assets[device].place.site if device in assets else "")
        n_new = store_events(session, events, utc_now())
    return LogTakenOut(n_read=len(events), n_new=n_new, n_known=len(events) - n_new)
