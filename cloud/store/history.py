"""A machine's history, as fine as a chart of it can show.

Rule: a span is read from one kind of rows, summaries, minutes or hours, and hours whose roll-ups are still
due from their summaries, so that no summary is missing and none counts twice. A minute that has lost some of
its summaries is read from its roll-up, which still stands for all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, Select, Table, func, select
from sqlmodel import Session

from cloud.store.rollup_due import HOUR, start_of
from cloud.store.rollups import MINUTE
from cloud.store.tables import Rollup, RollupDue, Summary, table_of
from contract.checks import EARLIEST, LATEST

_Bounds = tuple[datetime, datetime]
Span = tuple[datetime | None, datetime | None]
"""From and to before, event time; None: no bound."""
IN_FULL = timedelta(hours=6)
"""Longest span of which every summary is read."""
BY_MINUTE = timedelta(days=2)
_SUMMARY, _DUE, _ROLLUP = table_of(Summary), table_of(RollupDue).c, table_of(Rollup)
_Rows = Sequence[Row[Any]]


def read_history(session: Session, device: str, span: Span, names: Sequence[str]) -> _Rows:
    """Summaries or roll-ups of a machine in [since, until), oldest first.

    Args:
        session: For reading.
        device: Whose.
        span: Which.
        names: Columns that summaries and roll-ups have in common.
    """
    bounds = span[0] or EARLIEST, span[1] or LATEST
    width = _width_for(session, device, bounds)
    if width is None:
        return _read_in_full(session, device, bounds, names)
    return _read_rolled(session, device, bounds, names, width)


def _read_in_full(session: Session, device: str, bounds: _Bounds, names: Sequence[str]) -> list[Row[Any]]:
    since, until = start_of(bounds[0], MINUTE), bounds[1] + MINUTE  # whole minutes, which can be counted
    rows = _read(session, _within(_SUMMARY, device, (since, until), names))
    held = Counter(start_of(row.event_time, MINUTE) for row in rows)
    minutes = _minutes(device, (since, bounds[1]), ["start", "summaries"])
    if lost := {row.start for row in _read(session, minutes) if held[row.start] < row.summaries}:
        rows = [row for row in rows if start_of(row.event_time, MINUTE) not in lost]
        rolled = _read(session, _minutes(device, (min(lost), max(lost) + MINUTE), [*names, "start"]))
        rows += [row for row in rolled if row.start in lost]
    kept = [row for row in rows if bounds[0] <= row.event_time < bounds[1]]
    return sorted(kept, key=lambda row: row.event_time)


def _read_rolled(
    session: Session, device: str, bounds: _Bounds, names: Sequence[str], width: timedelta
) -> _Rows:
    since, until = bounds
    due = select(_DUE.hour).where(_DUE.device_id == device, _DUE.hour > since - HOUR, _DUE.hour < until)
    hours = sorted(row.hour for row in session.connection().execute(due))
    wanted = _within(_ROLLUP, device, bounds, [*names, "start"])
    wanted = wanted.where(
        _ROLLUP.c.width_s == round(width.total_seconds()),
        _ROLLUP.c.start > since - width,
        _ROLLUP.c.start < until,
    )
    rows = [row for row in _read(session, wanted) if start_of(row.start, HOUR) not in hours]
    for first, last in _runs(hours):
        span = max(since, first), min(until, last + HOUR)
        rows += _read_in_full(session, device, span, names)
    return sorted(rows, key=lambda row: row.event_time)


def _width_for(session: Session, device: str, bounds: _Bounds) -> timedelta | None:
    """Of the roll-ups to read; None: every summary."""
    columns = _ROLLUP.c
    query = select(func.min(columns.start), func.max(columns.event_time)).where(
        columns.device_id == device, columns.width_s == round(HOUR.total_seconds())
    )
    first, last = session.connection().execute(query).one()
    if first is None:
        return None
    length = min(bounds[1], last + HOUR) - max(bounds[0], first)
    if length <= IN_FULL:
        return None
    return MINUTE if length <= BY_MINUTE else HOUR


def _minutes(device: str, starts: _Bounds, names: Sequence[str]) -> Select[tuple[Any, ...]]:
    """Roll-ups of the minutes that begin in [from, to)."""
    columns = _ROLLUP.c
    return select(*(columns[name] for name in names)).where(
        columns.device_id == device,
        columns.width_s == round(MINUTE.total_seconds()),
        columns.start >= starts[0],
        columns.start < starts[1],
    )


def _within(table: Table, device: str, bounds: _Bounds, names: Sequence[str]) -> Select[tuple[Any, ...]]:
    columns = table.c
    return (
        select(*(columns[name] for name in names))
        .where(columns.device_id == device, columns.event_time >= bounds[0], columns.event_time < bounds[1])
        .order_by(columns.event_time)
    )


def _read(session: Session, query: Select[tuple[Any, ...]]) -> list[Row[Any]]:
    return list(session.connection().execute(query).all())


def _runs(hours: Sequence[datetime]) -> list[tuple[datetime, datetime]]:
    """First and last of each run of hours."""
    runs: list[tuple[datetime, datetime]] = []
    for hour in hours:
        if runs and hour - runs[-1][1] == HOUR:
            runs[-1] = runs[-1][0], hour
        else:
            runs.append((hour, hour))
    return runs
