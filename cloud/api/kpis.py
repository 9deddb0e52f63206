"""Figures of alarms and machines, with the counts that they rest on."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from cloud.api.access import need
from cloud.api.deps import StoreDep, utc_now
from cloud.kpis import Rate, Share, Spread
from cloud.people import Permission, Principal
from cloud.web.kpi_reading import KpiChoice, KpiReader

router = APIRouter(prefix="/kpis", tags=["kpis"])
Me = Annotated[Principal, Depends(need(Permission.READ))]


class ShareOut(BaseModel):
    """So many of so many."""

    hits: int = Field(examples=[7])
    of: int = Field(examples=[9])
    low: float | None = Field(description="The true share is likely above this (Wilson, 95 %); null for none")
    high: float | None = Field(description="... and below this")


class RateOut(BaseModel):
    """So many events in so much watched time."""

    events: int
    machine_hours: float = Field(description="Watched time of all machines, in h")
    mean_h: float | None = Field(description="Hours between two events; null where there were none")
    per_machine_year: float | None


class SpreadOut(BaseModel):
    """Lengths of time, in h."""

    known: int
    missing: int = Field(description="Not over yet, or not known")
    mean_h: float | None
    quartiles_h: list[float] | None = Field(description="Three numbers; null below two lengths")


class KpisOut(BaseModel):
    """The figures; docs/operations.md says how each is counted."""

    start: datetime
    end: datetime
    machines: int
    precision: ShareOut = Field(description="Right of checked cases")
    not_checked: int
    recall: ShareOut = Field(description="Failures that a case had warned of")
    unwatched_failures: int
    forewarning: SpreadOut
    time_to_acknowledge: SpreadOut
    time_to_repair: SpreadOut
    failures: RateOut
    false_alarms: RateOut
    avoided_downtime_h: float | None = Field(
        description="Null without confirmed findings, repairs and orders"
    )
    avoided_failures: int = Field(description="Parts that were replaced before they failed, as found")


@router.get("")
def get_kpis(
    me: Me,
    store: StoreDep,
    days: Annotated[int, Query(ge=1, le=3660, description="The last so many days")] = 90,
    site: Annotated[str, Query(max_length=64, description="Only of this site")] = "",
    machine_type: Annotated[str, Query(max_length=64, description="Only of this type")] = "",
) -> KpisOut:
    """How well the alarms do, and how the machines do."""
    page = KpiReader(store, utc_now).kpis(KpiChoice(days, site, machine_type), me.sites)
    kpis = page.kpis
    return KpisOut(
        start=page.period.start,
        end=page.period.end,
        machines=page.machines,
        precision=_share(kpis.precision),
        not_checked=kpis.not_checked,
        recall=_share(kpis.recall),
        unwatched_failures=kpis.unwatched,
        forewarning=_spread(kpis.forewarning),
        time_to_acknowledge=_spread(kpis.acknowledging),
        time_to_repair=_spread(kpis.repair),
        failures=_rate(kpis.failures),
        false_alarms=_rate(kpis.nuisance),
        avoided_downtime_h=kpis.avoided.hours,
        avoided_failures=kpis.avoided.confirmed,
    )


def _share(share: Share) -> ShareOut:
    low, high = share.interval or (None, None)
    return ShareOut(hits=share.hits, of=share.of, low=low, high=high)


def _rate(rate: Rate) -> RateOut:
    return RateOut(
        events=rate.events, machine_hours=rate.hours, mean_h=rate.between_h, per_machine_year=rate.per_year
    )


def _spread(spread: Spread) -> SpreadOut:
    quartiles = list(spread.quartiles) if spread.quartiles else None
    return SpreadOut(
        known=len(spread.hours), missing=spread.missing, mean_h=spread.mean, quartiles_h=quartiles
    )
