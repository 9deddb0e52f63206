"""When something stands still anyway."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import AwareDatetime

from cloud.api.access import PLAN, READ, PrincipalDep
from cloud.api.asset_schemas import StopIn, StopOut, StopPage
from cloud.api.deps import StoreDep
from cloud.api.problems import ProblemError, sentence
from cloud.api.schemas import Problem, Responses
from cloud.api.sites import require_site
from cloud.assets import PlannedStop
from cloud.store.assets import find_assets, read_asset
from cloud.store.planned_stops import add_stop, list_stops, read_stop, remove_stop
from cloud.store.queries import Session
from contract.checks import EARLIEST
from contract.errors import DataError

router = APIRouter(prefix="/planned-stops", tags=["planning"])
StopId = Annotated[int, Path(ge=1, le=2**63 - 1, description="Id of the stop", examples=[7])]
_REFUSALS: Responses = {
    403: {"model": Problem, "description": "Your role or your sites do not allow it"},
    404: {"model": Problem, "description": "No such machine or stop"},
}


@router.get("", dependencies=READ)
def list_all(
    store: StoreDep,
    principal: PrincipalDep,
    ending_after: Annotated[AwareDatetime, Query(description="Only those that are not over then")] = EARLIEST,
    limit: Annotated[int, Query(ge=1, le=500, description="Stops per page")] = 100,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only later ids: `next_after`")] = 0,
) -> StopPage:
    """Planned stops, by id."""
    with store.session() as session:
        found = list_stops(session, ending_after, principal.sites, limit, after)
    next_after = found[-1].id if len(found) == limit else None
    return StopPage(stops=[StopOut.of(each) for each in found], next_after=next_after)


@router.post("", dependencies=PLAN, responses=_REFUSALS, status_code=201)
def post_stop(body: StopIn, store: StoreDep, principal: PrincipalDep) -> StopOut:
    """Plan one."""
    try:
        stop = body.build(principal.name)
    except DataError as error:
        raise ProblemError(422, sentence(error)) from error
    with store.transaction() as session:
        if stop.tag:
            read_asset(session, stop.tag)
        require_site(principal, site_of_stop(session, stop))
        return StopOut.of(add_stop(session, stop))


@router.delete("/{stop_id}", dependencies=PLAN, responses=_REFUSALS, status_code=204)
def delete_stop(stop_id: StopId, store: StoreDep, principal: PrincipalDep) -> Response:
    """It does not take place."""
    with store.transaction() as session:
        require_site(principal, site_of_stop(session, read_stop(session, stop_id)))
        remove_stop(session, stop_id)
    return Response(status_code=204)


def site_of_stop(session: Session, stop: PlannedStop) -> str:
    """Where it is; empty where its machine is not known any more."""
    if stop.place is not None:
        return stop.place.site
    asset = find_assets(session, [stop.tag]).get(stop.tag)
    return asset.place.site if asset else ""
