"""Summaries rolled up by minute and hour of the device's time: what charts of long spans are drawn from.

Rule: a roll-up is made anew from all summaries of its hour, under the machine's lock, so that it never misses
a late one, and never stands for fewer than the one before it, so that dropping old summaries takes nothing
from it. Peaks survive: it keeps the highest maximum, the lowest minimum and the most urgent state.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import BigInteger, Row, delete, select, type_coerce
from sqlmodel import Session

from cloud.store.machine_rows import lock_machines
from cloud.store.machine_state import most_urgent
from cloud.store.rollup_due import HOUR, start_of
from cloud.store.statements import insert_rows, is_one_of, update_rows
from cloud.store.tables import Rollup, RollupDue, Summary, table_of
from contract.aggregates import pack_numbers, unpack_numbers

MINUTE = timedelta(minutes=1)
WIDTHS = (MINUTE, HOUR)
SETTLED = timedelta(minutes=15)
"""How long after its end an hour is left alone, for what is on its way."""
WRONG_CLOCK = timedelta(days=1)
"""How far ahead of ours a device's clock is believed."""
HOURS_AT_ONCE = 20
"""Hours of machines in one transaction; their machines' messages wait for it."""
_HOUR_US = HOUR // timedelta(microseconds=1)
_SUMMARY, _DUE, _ROLLUP = table_of(Summary), table_of(RollupDue), table_of(Rollup)
_Rows = Sequence[Row[Any]]


def roll_up_due(session: Session, now: datetime) -> int:
    """Roll up some of the hours that are due and over, oldest first.

    Args:
        session: A transaction of its own.
        now: Cloud time. What a wrong clock puts into the days to come is not waited for.

    Returns:
        How many; fewer than `HOURS_AT_ONCE` when no more are due.
    """
    query = (
        select(_DUE.c.device_id, _DUE.c.hour)
        .where((_DUE.c.hour <= now - SETTLED - HOUR) | (_DUE.c.hour > now + WRONG_CLOCK))
        .order_by(_DUE.c.hour, _DUE.c.device_id)
        .limit(HOURS_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    due = session.connection().execute(query).all()
    lock_machines(session, {row.device_id for row in due})
    for hour, rows in groupby(due, key=lambda row: row.hour):
        devices = [row.device_id for row in rows]
        _roll_up(session, devices, hour)
        done = delete(_DUE).where(_DUE.c.hour == hour, is_one_of(session, _DUE.c.device_id, devices))
        session.connection().execute(done)
    return len(due)


def is_rolled_up(session: Session, arrived: tuple[datetime, datetime]) -> bool:
    """Whether no hour is due of the summaries that arrived in [from, to)."""
    hour, time = type_coerce(_DUE.c.hour, BigInteger), type_coerce(_SUMMARY.c.event_time, BigInteger)
    query = (
        select(_DUE.c.hour)
        .join(
            _SUMMARY, (_SUMMARY.c.device_id == _DUE.c.device_id) & (time >= hour) & (time < hour + _HOUR_US)
        )
        .where(_SUMMARY.c.ingest_time >= arrived[0], _SUMMARY.c.ingest_time < arrived[1])
    )
    return session.connection().execute(query.limit(1)).first() is None


def roll_up(summaries: _Rows, width: timedelta) -> Iterator[dict[str, Any]]:
    """The roll-ups of one machine's summaries, in order of event time."""
    for start, found in groupby(summaries, key=lambda row: start_of(row.event_time, width)):
        rows = list(found)
        with_features = [row for row in rows if row.features is not None]
        feature_set = with_features[-1].feature_set_id if with_features else None
        yield {
            "device_id": rows[0].device_id,
            "width_s": round(width.total_seconds()),
            "start": start,
            "event_time": rows[-1].event_time,
            "summaries": len(rows),
            **_scores(rows),
            "state": most_urgent(row.state for row in rows),
            "feature_set_id": feature_set,
            "features": _features([r.features for r in with_features if r.feature_set_id == feature_set]),
        }


def _roll_up(session: Session, devices: Sequence[str], hour: datetime) -> None:
    query = (
        select(_SUMMARY)
        .where(
            is_one_of(session, _SUMMARY.c.device_id, devices),
            _SUMMARY.c.event_time >= hour,
            _SUMMARY.c.event_time < hour + HOUR,
        )
        .order_by(_SUMMARY.c.device_id, _SUMMARY.c.event_time, _SUMMARY.c.boot_id, _SUMMARY.c.sequence)
    )
    rows = session.connection().execute(query).all()
    made = [
        rollup
        for _, found in groupby(rows, key=lambda row: row.device_id)
        for summaries in [list(found)]
        for width in WIDTHS
        for rollup in roll_up(summaries, width)
    ]
    known = _known(session, devices, hour)
    insert_rows(session, _ROLLUP, [each for each in made if _key(each) not in known])
    update_rows(session, _ROLLUP, [each for each in made if _key(each) in known and _is_fuller(each, known)])


def _known(session: Session, devices: Sequence[str], hour: datetime) -> dict[tuple[Any, ...], int]:
    """How many summaries the roll-ups of that hour stand for."""
    columns = _ROLLUP.c.device_id, _ROLLUP.c.width_s, _ROLLUP.c.start
    query = select(*columns, _ROLLUP.c.summaries).where(
        is_one_of(session, _ROLLUP.c.device_id, devices),
        _ROLLUP.c.width_s.in_([round(width.total_seconds()) for width in WIDTHS]),
        _ROLLUP.c.start >= hour,
        _ROLLUP.c.start < hour + HOUR,
    )
    return {tuple(row[:3]): row.summaries for row in session.connection().execute(query)}


def _key(rollup: dict[str, Any]) -> tuple[Any, ...]:
    return rollup["device_id"], rollup["width_s"], rollup["start"]


def _is_fuller(rollup: dict[str, Any], known: dict[tuple[Any, ...], int]) -> bool:
    return int(rollup["summaries"]) >= known[_key(rollup)]


def _scores(rows: _Rows) -> dict[str, Any]:
    scored = sum(row.scored_count for row in rows)
    return {
        "scored_count": scored,
        "score_mean": sum(row.score_mean * row.scored_count for row in rows) / scored if scored else 0.0,
        "score_max": max((row.score_max for row in rows if row.scored_count), default=0.0),
        "confidence": min(row.confidence for row in rows),
    }


def _features(packed: Sequence[bytes]) -> bytes | None:
    """Mean of the means, lowest minimum, highest maximum of each feature."""
    if not packed:
        return None
    numbers = unpack_numbers(b"".join(packed)).reshape(len(packed), -1, 3)
    means = numbers[:, :, 0].mean(axis=0, dtype=np.float64)
    return pack_numbers(means, numbers[:, :, 1].min(axis=0), numbers[:, :, 2].max(axis=0))
