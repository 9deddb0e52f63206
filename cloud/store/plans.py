"""Reads what planning needs: forecasts, what devices watch, and planned stops.

Rule: three statements, however many machines there are.
"""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from cloud.planning import MachinePlan, StopCalendar, plan_fleet
from cloud.store.assets import Sites, list_assets
from cloud.store.life_windows import read_windows
from cloud.store.planned_stops import list_stops


def read_plans(session: Session, sites: Sites, risk: float, now: datetime) -> list[MachinePlan]:
    """A plan for every machine that has a forecast; what no stop catches first, then by date.

    Args:
        session: For reading.
        sites: Only of these; of all when None.
        risk: Chance of a failure before the work, see `cloud.planning.latest_safe`.
        now: Cloud time.
    """
    calendar = StopCalendar(list_stops(session, now, sites), now)
    return plan_fleet(read_windows(session, sites), list_assets(session, sites), calendar, risk, now)
