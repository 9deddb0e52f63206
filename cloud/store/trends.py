"""History of one machine, thinned to what a chart can show.

Rule: thinning never hides a peak: a merged point keeps the highest maximum, the lowest minimum and the most
urgent state of what it stands for. A range is cut to the data in it before it is divided, so that a short
history is shown in full.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np
from sqlalchemy import Row, select
from sqlmodel import Session

from cloud.store.columns import to_microseconds
from cloud.store.history import read_history
from cloud.store.machine_state import most_urgent, read_state
from cloud.store.profiles import stored_profile
from cloud.store.rows import FeaturePoint, FeatureTrend, SensorQuality, TrendPoint
from cloud.store.tables import FeatureSet, Machine, Summary, table_of
from cloud.words import flag_names
from contract.aggregates import unpack_numbers
from contract.features import feature_specs
from contract.profiles import MachineProfile

MAX_POINTS = 500
"""Points in a trend unless told otherwise: about one for each pixel column of a small chart."""
_SUMMARY = table_of(Summary).c
_SCORES = ("event_time", "scored_count", "score_mean", "score_max", "confidence", "state")
_Rows = Sequence[Row[Any]]


def score_trend(
    session: Session,
    device: str,
    since: datetime | None = None,
    until: datetime | None = None,
    max_points: int = MAX_POINTS,
) -> list[TrendPoint]:
    """Scores of a machine in [since, until), event time, oldest first; None: no bound."""
    rows = read_history(session, device, (since, until), _SCORES)
    bounds = [*_bucket_starts(rows, max_points), len(rows)]
    return [_score_point(rows[start:end]) for start, end in pairwise(bounds)]


def feature_trends(
    session: Session,
    device: str,
    since: datetime | None = None,
    until: datetime | None = None,
    names: Collection[str] | None = None,
    max_points: int = MAX_POINTS,
) -> list[FeatureTrend]:
    """Features of a machine in [since, until), event time.

    Args:
        session: For reading.
        device: Whose.
        since: None: no bound.
        until: None: no bound.
        names: Only these features; all of them, in the device's order, when None.
        max_points: Of each trend, about.
    """
    columns = ("event_time", "feature_set_id", "features")
    read = read_history(session, device, (since, until), columns)
    rows = [row for row in read if row.features is not None]
    sets = _feature_names(session, {row.feature_set_id for row in rows})
    points: dict[str, list[FeaturePoint]] = {}
    for number, wanted in sets.items():  # more than one only where a profile changed
        mine = [row for row in rows if row.feature_set_id == number]
        for name, found in _feature_points(mine, wanted, max_points):
            if names is None or name in names:
                points.setdefault(name, []).extend(found)
    machine = session.get(Machine, device)
    known = _units(stored_profile(machine.profile) if machine else None)
    return [_feature_trend(name, known.get(name, ("", "")), found) for name, found in points.items()]


def quality_latest(session: Session, device: str) -> list[SensorQuality]:
    """How believable each sensor was in the newest summary; empty before the first."""
    query = (
        select(_SUMMARY.event_time, _SUMMARY.quality)
        .where(_SUMMARY.device_id == device)
        .order_by(_SUMMARY.event_time.desc())
        .limit(1)
    )
    newest = session.connection().execute(query).first()
    if newest is None:
        return []
    return [
        SensorQuality(sensor, good, uncertain, bad, flag_names(flags), newest.event_time)
        for sensor, good, uncertain, bad, flags in newest.quality
    ]


def _bucket_starts(rows: _Rows, max_points: int) -> list[int]:
    """Where each point's rows begin: one row each while there are few enough, else equal spans of time."""
    if len(rows) <= max_points:
        return list(range(len(rows)))
    times_us = [to_microseconds(row.event_time) for row in rows]
    width_us = (times_us[-1] - times_us[0]) // max_points + 1
    spans = [(time_us - times_us[0]) // width_us for time_us in times_us]
    return [0, *(n for n in range(1, len(rows)) if spans[n] != spans[n - 1])]


def _score_point(bucket: Sequence[Row[Any]]) -> TrendPoint:
    scored = sum(row.scored_count for row in bucket)
    return TrendPoint(
        event_time=bucket[-1].event_time,
        score_mean=sum(row.score_mean * row.scored_count for row in bucket) / scored if scored else None,
        score_max=max(row.score_max for row in bucket if row.scored_count) if scored else None,
        confidence=min(row.confidence for row in bucket),
        state=read_state(most_urgent(row.state for row in bucket)),
    )


def _feature_points(
    rows: _Rows, names: Sequence[str], max_points: int
) -> Iterator[tuple[str, list[FeaturePoint]]]:
    """Each feature's points, of summaries that share a feature set."""
    starts = _bucket_starts(rows, max_points)
    numbers = unpack_numbers(b"".join(row.features for row in rows)).reshape(len(rows), len(names), 3)
    counts = np.diff([*starts, len(rows)])
    means = np.add.reduceat(numbers[:, :, 0], starts, dtype=np.float64) / counts[:, np.newaxis]
    minima = np.minimum.reduceat(numbers[:, :, 1], starts)
    maxima = np.maximum.reduceat(numbers[:, :, 2], starts)
    times = [rows[end - 1].event_time for end in np.add(starts, counts)]
    for column, name in enumerate(names):
        columns = (means[:, column].tolist(), minima[:, column].tolist(), maxima[:, column].tolist())
        yield name, list(map(FeaturePoint, times, *columns))


def _feature_trend(name: str, unit_and_sensor: tuple[str, str], points: list[FeaturePoint]) -> FeatureTrend:
    unit, sensor = unit_and_sensor
    return FeatureTrend(name, unit, tuple(sorted(points, key=lambda point: point.event_time)), sensor)


def _feature_names(session: Session, numbers: Collection[int]) -> dict[int, list[str]]:
    columns = table_of(FeatureSet).c
    query = select(columns.id, columns.names).where(columns.id.in_(numbers)).order_by(columns.id)
    found = session.connection().execute(query)
    return {row.id: row.names for row in found}


def _units(profile: MachineProfile | None) -> dict[str, tuple[str, str]]:
    """Unit and sensor of each feature that the machine's profile knows."""
    return {spec.name: (spec.unit, spec.sensor) for spec in feature_specs(profile)} if profile else {}
