"""Machines and their history."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from cloud.api.access import READ
from cloud.api.deps import DeviceId, MaxPoints, Since, StoreDep, Until
from cloud.api.problems import ProblemError
from cloud.api.schemas import (
    History,
    MachineList,
    MachineOut,
    Problem,
    Responses,
    feature_series,
    score_series,
)
from cloud.store import queries

router = APIRouter(prefix="/machines", tags=["machines"])
_NOT_FOUND: Responses = {404: {"model": Problem, "description": "No such machine"}}


@router.get("", dependencies=READ)
def list_machines(store: StoreDep) -> MachineList:
    """All machines with their newest state, by device id."""
    with store.session() as session:
        rows = queries.list_machines(session)
    return MachineList(machines=[MachineOut.model_validate(row) for row in rows])


@router.get("/{device_id}", dependencies=READ, responses=_NOT_FOUND)
def get_machine(device_id: DeviceId, store: StoreDep) -> MachineOut:
    """One machine with its newest state."""
    with store.session() as session:
        return MachineOut.model_validate(queries.get_machine(session, device_id))


@router.get("/{device_id}/history", dependencies=READ, responses=_NOT_FOUND)
def get_history(
    device_id: DeviceId,
    store: StoreDep,
    since: Since = None,
    until: Until = None,
    max_points: MaxPoints = 500,
    features: Annotated[
        list[str] | None, Query(description="Names of features, repeated; all when left out")
    ] = None,
) -> History:
    """Scores and features in [since, until), event time, oldest first; both bounds may be left out."""
    if since is not None and until is not None and since >= until:
        raise ProblemError(422, "query parameter until: must lie after since.")
    with store.session() as session:
        queries.get_machine(session, device_id)
        points = queries.score_trend(session, device_id, since, until, max_points)
        trends = queries.feature_trends(session, device_id, since, until, features, max_points)
    return History(
        device_id=device_id, score=score_series(points), features=[feature_series(trend) for trend in trends]
    )
