"""Reads from the store what the planning page shows.

Rule: as in `cloud.web.reading`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from cloud.assets import PlannedStop
from cloud.planning import Catch, StopCalendar
from cloud.store.assets import Sites
from cloud.store.cases import count_unseen
from cloud.store.database import Database
from cloud.store.planned_stops import list_stops
from cloud.store.plans import read_plans
from cloud.web.planning_views import Axis, PlanRow, make_axis, plan_row

ROWS_PER_PAGE, STOPS_SHOWN = 100, 200


@dataclass(frozen=True, slots=True)
class PlanChoice:
    """What somebody wants to see."""

    risk: float
    site: str
    """Empty: all."""
    number: int
    """Of the page, from 1."""


@dataclass(frozen=True, slots=True)
class PlanningPage:
    """Machines with a forecast, and what is planned."""

    rows: tuple[PlanRow, ...]
    counts: Mapping[Catch, int]
    axis: Axis
    stops: tuple[PlannedStop, ...]
    choice: PlanChoice
    pages: int
    open_count: int


def read_planning(database: Database, choice: PlanChoice, sites: Sites, now: datetime) -> PlanningPage:
    """A page of plans at a chosen risk.

    Args:
        database: The store.
        choice: Risk and page; its site is among `sites`.
        sites: Only of these; of all when None.
        now: Cloud time.
    """
    with database.session() as session:
        plans = read_plans(session, sites, choice.risk, now)
        stops = list_stops(session, now, sites)
        open_count = count_unseen(session)
    shown = plans[(choice.number - 1) * ROWS_PER_PAGE : choice.number * ROWS_PER_PAGE]
    axis, calendar = make_axis(shown, now), StopCalendar(stops, now)
    return PlanningPage(
        rows=tuple(plan_row(plan, calendar.of(plan.asset), axis) for plan in shown),
        counts={catch: sum(plan.catch is catch for plan in plans) for catch in Catch},
        axis=axis,
        stops=tuple(sorted(stops, key=lambda stop: stop.starts_at))[:STOPS_SHOWN],
        choice=choice,
        pages=max(1, -(-len(plans) // ROWS_PER_PAGE)),
        open_count=open_count,
    )
