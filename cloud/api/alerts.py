"""Alerts: what the machines themselves say; what people do about it is in cases."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cloud.alerts import AlertKind, AlertStatus
from cloud.api.access import READ
from cloud.api.deps import AlertId, StoreDep
from cloud.api.schemas import AlertOut, AlertPage, Problem, Responses, alert_out
from cloud.store import queries

router = APIRouter(prefix="/alerts", tags=["alerts"])
_NOT_FOUND: Responses = {404: {"model": Problem, "description": "No such alert"}}


@router.get("", dependencies=READ)
def list_alerts(
    store: StoreDep,
    status: Annotated[AlertStatus | None, Query(description="Only alerts of this status")] = None,
    device: Annotated[
        str | None, Query(max_length=64, description="Only alerts of this machine", examples=["pump-07"])
    ] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Alerts per page")] = 100,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Only ids below this one: `next_before`")
    ] = None,
    kind: Annotated[
        AlertKind | None, Query(description="Only alerts about this; an anomaly is the machine's own alarm")
    ] = None,
) -> AlertPage:
    """Alerts, newest first."""
    with store.session() as session:
        rows = queries.list_alerts(session, status, device, limit, before, kind)
    next_before = rows[-1].id if len(rows) == limit else None
    return AlertPage(alerts=[alert_out(row) for row in rows], next_before=next_before)


@router.get("/{alert_id}", dependencies=READ, responses=_NOT_FOUND)
def get_alert(alert_id: AlertId, store: StoreDep) -> AlertOut:
    """One alert with its evidence."""
    with store.session() as session:
        return alert_out(queries.get_alert(session, alert_id))
