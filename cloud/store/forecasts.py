"""Forecasts: kept as they were made, and read beside what happened.

Rule: what was said first of a row by a version of a model stays; saying it again changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlmodel import Session

from cloud.outcomes import LiveError, MadeForecast, Outcome, live_error, outcomes_of
from cloud.store.life_windows import store_windows
from cloud.store.machine_events import read_logs
from cloud.store.news import mark_change
from cloud.store.statements import insert_new, is_one_of
from cloud.store.tables import ForecastRow, table_of
from contract.checks import LATEST
from contract.forecast import Forecast

_TABLE = table_of(ForecastRow)
_COLUMNS = _TABLE.c


def store_forecasts(session: Session, made: Sequence[MadeForecast], stored_at: datetime) -> None:
    """Store forecasts, in the transaction of the caller."""
    if made:
        rows = [_values(each) | {"stored_at": stored_at} for each in made]
        session.connection().execute(insert_new(session, _TABLE), rows)
        store_windows(session, made)
        mark_change(session)


def newest_forecasts(session: Session, device: str) -> list[MadeForecast]:
    """The newest forecast of each of a machine's components, by component."""
    return newest_forecasts_of(session, [device]).get(device, [])


def newest_forecasts_of(session: Session, devices: Collection[str]) -> dict[str, list[MadeForecast]]:
    """By machine, the newest forecast of each of its components, by component."""
    newest = (
        select(_COLUMNS.device_id, _COLUMNS.component, func.max(_COLUMNS.made_at).label("made_at"))
        .where(is_one_of(session, _COLUMNS.device_id, devices))
        .group_by(_COLUMNS.device_id, _COLUMNS.component)
        .subquery()
    )
    is_newest = (
        (newest.c.device_id == _COLUMNS.device_id)
        & (newest.c.component == _COLUMNS.component)
        & (newest.c.made_at == _COLUMNS.made_at)
    )
    query = select(_TABLE).join(newest, is_newest).order_by(_COLUMNS.component, _COLUMNS.id)
    found: dict[str, dict[str, MadeForecast]] = {}
    for row in _read(session, query):
        found.setdefault(row.device_id, {})[row.component] = _made(row)  # of two models the later one
    return {device: list(by_component.values()) for device, by_component in found.items()}


def past_forecasts(
    session: Session, device: str, limit: int = 500, before: datetime = LATEST
) -> list[tuple[MadeForecast, Outcome | None]]:
    """A machine's forecasts with what happened, newest first; None: it has not failed since.

    Args:
        session: For reading.
        device: Whose.
        limit: At most so many.
        before: Only those made before.
    """
    query = (
        select(_TABLE)
        .where(_COLUMNS.device_id == device, _COLUMNS.made_at < before)
        .order_by(_COLUMNS.made_at.desc(), _COLUMNS.id.desc())
        .limit(limit)
    )
    made = [_made(row) for row in _read(session, query)]
    events = read_logs(session, [device]).get(device, ())
    outcomes = {id(outcome.made): outcome for outcome in outcomes_of(made, events)}
    return [(each, outcomes.get(id(each))) for each in made]


def live_error_of(
    session: Session, machine_type: str, since: datetime, model_version: str | None = None
) -> LiveError | None:
    """How good the forecasts of a machine type turned out to be; None while nothing has failed.

    Args:
        session: For reading.
        machine_type: Whose.
        since: Only forecasts made from then on.
        model_version: Only those of one version; of all when None.
    """
    query = select(_TABLE).where(_COLUMNS.machine_type == machine_type, _COLUMNS.made_at >= since)
    if model_version is not None:
        query = query.where(_COLUMNS.model_version == model_version)
    by_device: dict[str, list[MadeForecast]] = {}
    for row in _read(session, query.order_by(_COLUMNS.made_at, _COLUMNS.id)):
        by_device.setdefault(row.device_id, []).append(_made(row))
    logs = read_logs(session)
    outcomes = [o for device, made in by_device.items() for o in outcomes_of(made, logs.get(device, ()))]
    return live_error(outcomes)


def _read(session: Session, query: Select[Any]) -> Sequence[Row[Any]]:
    return session.connection().execute(query).all()


def _values(made: MadeForecast) -> dict[str, Any]:
    forecast = made.forecast
    return {
        "device_id": made.device_id,
        "component": made.component,
        "made_at": made.made_at,
        "model_version": made.model_version,
        "machine_type": made.machine_type,
        "time_unit": made.time_unit,
        "mean": forecast.mean,
        "p10": forecast.p10,
        "p50": forecast.p50,
        "p90": forecast.p90,
        "horizon": forecast.horizon,
        "is_beyond": forecast.is_beyond,
    }


def _made(row: Row[Any]) -> MadeForecast:
    return MadeForecast(
        device_id=row.device_id,
        component=row.component,
        made_at=row.made_at,
        model_version=row.model_version,
        machine_type=row.machine_type,
        time_unit=row.time_unit,
        forecast=Forecast(row.mean, row.p10, row.p50, row.p90, row.horizon),
    )
