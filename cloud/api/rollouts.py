"""Rollouts: written down, approved, started and watched by people; carried out by a scheduler elsewhere."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from cloud.api.access import PLAN_FLEET_WIDE, READ, PrincipalDep
from cloud.api.deps import CatalogueDep, StoreDep, utc_now
from cloud.api.problems import ProblemError, sentence
from cloud.api.rollout_schemas import (
    Abort,
    EventOut,
    EventPage,
    MemberPage,
    PlanIn,
    Reason,
    Resume,
    RolloutList,
    RolloutOut,
    member_out,
    rollout_out,
)
from cloud.api.schemas import Problem, Responses
from cloud.releases import Releases
from cloud.store.rollouts import list_events, list_rollouts, read_rollout
from ota.errors import RepositoryError, RolloutError
from ota.member import MemberState
from ota.rollout import Rollout

router = APIRouter(prefix="/rollouts", tags=["rollouts"])
RolloutId = Annotated[str, Path(description="Id of the rollout", max_length=40, examples=["r-1a2b3c4d5e"])]
Limit = Annotated[int, Query(ge=1, le=5000, description="At most so many")]
_NOT_FOUND: Responses = {404: {"model": Problem, "description": "No such rollout"}}
_REFUSALS: Responses = {
    **_NOT_FOUND,
    409: {"model": Problem, "description": "Its state does not allow that; the detail says why"},
}
_LOOKED_UP: Responses = {
    409: {"model": Problem, "description": "This cloud was told of no repository"},
    503: {"model": Problem, "description": "The repository does not answer, or is not to be believed"},
}
_NO_REPOSITORY = (
    "This cloud does not know which releases there are: start it with --repository URL and "
    "--repository-root FILE."
)


@router.get("", dependencies=READ)
def list_all(store: StoreDep, limit: Limit = 100) -> RolloutList:
    """Rollouts, newest first, without their groups."""
    with store.session() as session:
        return RolloutList(rollouts=[rollout_out(each, None) for each in list_rollouts(session, limit)])


@router.post("", status_code=201, dependencies=PLAN_FLEET_WIDE, responses=_LOOKED_UP)
def create(body: PlanIn, who: PrincipalDep, store: StoreDep, catalogue: CatalogueDep) -> RolloutOut:
    """Write a rollout down; start it, after approval where it needs that, to begin."""
    if catalogue is None:
        raise ProblemError(409, _NO_REPOSITORY)
    try:
        plan = body.build(who.name, catalogue.find)
    except (RolloutError, RepositoryError) as error:
        raise ProblemError(422, sentence(error)) from error
    return _out(Releases(store).create(plan))


@router.get("/{rollout_id}", dependencies=READ, responses=_NOT_FOUND)
def get_rollout(rollout_id: RolloutId, store: StoreDep) -> RolloutOut:
    """One rollout, with how each of its groups stands."""
    with store.session() as session:
        return _out(read_rollout(session, rollout_id).rollout)


@router.post("/{rollout_id}/approve", dependencies=PLAN_FLEET_WIDE, responses=_REFUSALS)
def approve(rollout_id: RolloutId, body: Reason, who: PrincipalDep, store: StoreDep) -> RolloutOut:
    """Let it be started; by somebody else than its author."""
    return _out(Releases(store).approve(rollout_id, who.name))


@router.post("/{rollout_id}/start", dependencies=PLAN_FLEET_WIDE, responses=_LOOKED_UP | _REFUSALS)
def start(
    rollout_id: RolloutId, body: Reason, who: PrincipalDep, store: StoreDep, catalogue: CatalogueDep
) -> RolloutOut:
    """Begin with the first group; refused where its release is not listed any more."""
    return _out(Releases(store, catalogue=catalogue).start(rollout_id, who.name))


@router.post("/{rollout_id}/pause", dependencies=PLAN_FLEET_WIDE, responses=_REFUSALS)
def pause(rollout_id: RolloutId, body: Reason, who: PrincipalDep, store: StoreDep) -> RolloutOut:
    """Tell no further device; what is under way goes on."""
    return _out(Releases(store).pause(rollout_id, who.name, body.why))


@router.post("/{rollout_id}/resume", dependencies=PLAN_FLEET_WIDE, responses=_LOOKED_UP | _REFUSALS)
def resume(
    rollout_id: RolloutId, body: Resume, who: PrincipalDep, store: StoreDep, catalogue: CatalogueDep
) -> RolloutOut:
    """Go on, knowing what has failed: that is excused, and alarms are compared anew."""
    return _out(Releases(store, catalogue=catalogue).resume(rollout_id, who.name, body.why, body.deadline))


@router.post("/{rollout_id}/abort", dependencies=PLAN_FLEET_WIDE, responses=_REFUSALS)
def abort(rollout_id: RolloutId, body: Abort, who: PrincipalDep, store: StoreDep) -> RolloutOut:
    """Call it off for good: what is under way on devices is given up."""
    return _out(Releases(store).abort(rollout_id, who.name, body.why, body.send_back))


@router.post("/{rollout_id}/retry-failed", dependencies=PLAN_FLEET_WIDE, responses=_REFUSALS)
def retry_failed(rollout_id: RolloutId, body: Reason, who: PrincipalDep, store: StoreDep) -> RolloutOut:
    """Give every device that failed another attempt."""
    return _out(Releases(store).retry_failed(rollout_id, who.name, body.why))


@router.get("/{rollout_id}/devices", dependencies=READ, responses=_NOT_FOUND)
def list_devices(
    rollout_id: RolloutId,
    store: StoreDep,
    state: Annotated[MemberState | None, Query(description="Only devices in this state")] = None,
    group: Annotated[str | None, Query(max_length=80, description="Only devices of this group")] = None,
    limit: Limit = 500,
    after: Annotated[str, Query(max_length=64, description="Only ids after this one: `next_after`")] = "",
) -> MemberPage:
    """The devices of a rollout, each with its state and why."""
    with store.session() as session:
        rollout = read_rollout(session, rollout_id).rollout
    found = [
        member_out(rollout, device, member)
        for device, member in sorted(rollout.members.items())
        if device > after and state in (None, member.state)
    ]
    found = [each for each in found if group in (None, each.group)]
    next_after = found[limit - 1].device_id if len(found) > limit else None
    return MemberPage(devices=found[:limit], next_after=next_after)


@router.get("/{rollout_id}/audit", dependencies=READ, responses=_NOT_FOUND)
def list_audit(
    rollout_id: RolloutId,
    store: StoreDep,
    limit: Limit = 500,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only ids above this one: `next_after`")] = 0,
    device: Annotated[str | None, Query(max_length=64, description="Only what is about this device")] = None,
) -> EventPage:
    """Who did what, when and why; oldest first, never changed."""
    with store.session() as session:
        read_rollout(session, rollout_id)
        rows = list_events(session, rollout_id, limit, after, device)
    next_after = rows[-1].id if len(rows) == limit else None
    return EventPage(events=[EventOut.model_validate(row) for row in rows], next_after=next_after)


def _out(rollout: Rollout) -> RolloutOut:
    return rollout_out(rollout, utc_now())
