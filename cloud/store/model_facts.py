"""Which models run where, and how they do, as rows tell it.

Rule: reading only. A version is in the field where a device says so; a forecast is judged by failures in the
maintenance log, and only of machines that failed lately, since all others have nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlmodel import Session

from cloud.alerts import AlertKind, AlertStatus
from cloud.outcomes import LiveError, Outcome, live_error
from cloud.store.forecasts import past_forecasts
from cloud.store.tables import Alert, ForecastRow, MachineEventRow, table_of
from contract.life_log import LogKind

LATELY = timedelta(days=7)
"""Forecasts that old still say which model is in charge."""
JUDGED = timedelta(days=365)
MOST_JUDGED = 50
"""Machines whose failures are looked at."""
_FORECAST, _ALERT, _EVENT = table_of(ForecastRow), table_of(Alert), table_of(MachineEventRow)


@dataclass(frozen=True, slots=True)
class ForecastUse:
    """A model of remaining life that made forecasts lately."""

    machine_type: str
    version: str
    machines: int
    newest: datetime


def forecast_uses(session: Session, now: datetime) -> list[ForecastUse]:
    """By machine type, what was used last first."""
    columns = _FORECAST.c
    query = (
        select(
            columns.machine_type,
            columns.model_version,
            func.count(columns.device_id.distinct()).label("machines"),
            func.max(columns.stored_at).label("newest"),
        )
        .where(columns.made_at >= now - LATELY)
        .group_by(columns.machine_type, columns.model_version)
        .order_by(columns.machine_type, func.max(columns.stored_at).desc())
    )
    return [
        ForecastUse(row.machine_type, row.model_version, row.machines, row.newest)
        for row in session.connection().execute(query)
    ]


def drifting_machines(session: Session) -> frozenset[str]:
    """Machines with slow drift that is not over."""
    query = select(_ALERT.c.device_id).where(
        _ALERT.c.kind == str(AlertKind.DRIFT), _ALERT.c.status != str(AlertStatus.CLEARED)
    )
    return frozenset(session.connection().execute(query).scalars())


def judged_forecasts(session: Session, devices: frozenset[str], now: datetime) -> dict[str, LiveError]:
    """How good forecasts turned out, by machine type, on machines that failed lately."""
    query = (
        select(_EVENT.c.device_id)
        .where(_EVENT.c.kind == str(LogKind.FAILURE), _EVENT.c.time >= now - JUDGED)
        .group_by(_EVENT.c.device_id)
        .order_by(func.max(_EVENT.c.time).desc())
        .limit(MOST_JUDGED)
    )
    outcomes: dict[str, list[Outcome]] = {}
    for device in session.connection().execute(query).scalars().all():
        if device in devices:
            for made, outcome in past_forecasts(session, device):
                if outcome is not None:
                    outcomes.setdefault(made.machine_type, []).append(outcome)
    judged = {machine_type: live_error(mine) for machine_type, mine in outcomes.items()}
    return {machine_type: error for machine_type, error in judged.items() if error is not None}
