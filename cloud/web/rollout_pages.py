"""The rollout pages: what releases are on their way, how far, and why they wait.

Rule: as in `cloud.web.pages`. A change asked for here is the API's own, by whoever is signed in.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path
from fastapi.responses import HTMLResponse

from cloud.api.access import PLAN_FLEET_WIDE, READ, PrincipalDep
from cloud.api.deps import CatalogueDep, StoreDep, utc_now
from cloud.releases import Releases
from cloud.web.pages import Reader, Render
from cloud.web.rollout_reading import RolloutReader

router = APIRouter(include_in_schema=False)
_NO_REASON = "on the page"


def _rollouts(store: StoreDep) -> RolloutReader:
    return RolloutReader(store, utc_now)


def _people(store: StoreDep, catalogue: CatalogueDep) -> Releases:
    return Releases(store, catalogue=catalogue)


People = Annotated[Releases, Depends(_people)]
Rollouts = Annotated[RolloutReader, Depends(_rollouts)]
RolloutId = Annotated[str, Path(max_length=40)]
Action = Annotated[str, Path(pattern="^(approve|start|pause|resume|retry-failed|abort)$")]


@router.get("/rollouts", dependencies=READ)
def rollouts_page(rollouts: Rollouts, reader: Reader, render: Render) -> HTMLResponse:
    """All rollouts."""
    return render.page("pages/rollouts", here="rollouts", page=rollouts.rollouts(), ingest=reader.ingest())


@router.get("/fragments/rollouts", dependencies=READ)
def rollouts_part(rollouts: Rollouts, render: Render) -> HTMLResponse:
    """What changes in the list."""
    return render.page("parts/rollouts", page=rollouts.rollouts())


@router.get("/rollouts/{rollout_id}", dependencies=READ)
def rollout_page(rollout_id: RolloutId, rollouts: Rollouts, reader: Reader, render: Render) -> HTMLResponse:
    """One rollout."""
    page = rollouts.rollout(rollout_id)
    return render.page("pages/rollout", here="rollout", page=page, ingest=reader.ingest())


@router.get("/fragments/rollouts/{rollout_id}", dependencies=READ)
def rollout_part(rollout_id: RolloutId, rollouts: Rollouts, render: Render) -> HTMLResponse:
    """What changes on a rollout's page."""
    return render.page("parts/rollout", page=rollouts.rollout(rollout_id))


@router.post("/rollouts/{rollout_id}/{action}", dependencies=PLAN_FLEET_WIDE)
def change(
    rollout_id: RolloutId,
    action: Action,
    principal: PrincipalDep,
    people: People,
    rollouts: Rollouts,
    render: Render,
) -> HTMLResponse:
    """Do what a button says; answers with the rollout as it now stands."""
    _change(people, rollout_id, action, principal.name)
    return render.page("parts/rollout", page=rollouts.rollout(rollout_id))


def _change(releases: Releases, rollout_id: str, action: str, who: str) -> None:
    if action in ("approve", "start"):
        getattr(releases, action)(rollout_id, who)
    else:
        getattr(releases, action.replace("-", "_"))(rollout_id, who, _NO_REASON)
