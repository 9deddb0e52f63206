"""When each machine has to be worked on, and which planned stop comes in time."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from cloud.api.access import READ, PrincipalDep
from cloud.api.asset_schemas import StopOut
from cloud.api.deps import StoreDep, utc_now
from cloud.api.sites import require_site
from cloud.planning import DEFAULT_RISK, MachinePlan
from cloud.store.plans import read_plans

router = APIRouter(prefix="/planning", tags=["planning"], dependencies=READ)


class PlanOut(BaseModel):
    """What there is to plan for one machine."""

    device_id: str = Field(examples=["pump-07"])
    tag: str = Field(description="Empty: the device watches no asset", examples=["P-101"])
    component: str = Field(description="That is due first", examples=["bearing"])
    catch: str = Field(description="overdue, none (no stop in time), stop, or far (beyond the forecast)")
    safe_until: datetime = Field(description="Latest date at the chosen risk; the horizon where it is far")
    p10_at: datetime = Field(description="10 of 100 such components have failed by then")
    p50_at: datetime
    p90_at: datetime
    horizon_at: datetime = Field(description="As far as the model sees; a date there means there or later")
    made_at: datetime = Field(description="When the forecast was made")
    stop: StopOut | None = Field(description="The last planned stop that comes in time")

    @classmethod
    def of(cls, plan: MachinePlan) -> PlanOut:
        """As the API shows it."""
        window = plan.window
        dates = {
            name: getattr(window, name) for name in ("p10_at", "p50_at", "p90_at", "horizon_at", "made_at")
        }
        return cls(
            device_id=window.device_id,
            tag=plan.asset.tag if plan.asset else "",
            component=window.component,
            catch=plan.catch.name.lower(),
            safe_until=plan.safe_until,
            stop=StopOut.of(plan.stop) if plan.stop else None,
            **dates,
        )


class PlanPage(BaseModel):
    """Machines that have a forecast; what no stop catches first, then by date."""

    risk: float
    plans: list[PlanOut]
    next_after: str | None = Field(description="Give it as `after` for the next page; null: the last one")


@router.get("")
def list_plans(
    store: StoreDep,
    principal: PrincipalDep,
    risk: Annotated[
        float, Query(gt=0, le=0.9, description="Chance of a failure before the work; interpolated")
    ] = DEFAULT_RISK,
    site: Annotated[str | None, Query(max_length=40, description="Only of this site")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Machines per page")] = 100,
    after: Annotated[str, Query(max_length=64, description="Only behind this device: `next_after`")] = "",
) -> PlanPage:
    """Machines by how pressing they are at a chosen risk."""
    if site is not None:
        require_site(principal, site)
    sites = principal.sites if site is None else frozenset({site})
    with store.session() as session:
        plans = read_plans(session, sites, risk, utc_now())
    devices = [plan.window.device_id for plan in plans]
    start = devices.index(after) + 1 if after in devices else 0
    shown = plans[start : start + limit]
    next_after = devices[start + limit - 1] if start + limit < len(plans) else None
    return PlanPage(risk=risk, plans=[PlanOut.of(plan) for plan in shown], next_after=next_after)
