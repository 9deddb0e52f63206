"""History of one machine, thinned to what a chart can show.

Rule: thinning never hides a peak: a merged point keeps the highest maximum and the lowest minimum of what it
stands for. A range is cut to the data in it before it is divided, so that a short history is shown in full.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import Any

import numpy as np
from sqlalchemy import Column, Row, select
from sqlmodel import Session

from cloud.store.columns import to_microseconds
from cloud.store.packing import unpack_features
from cloud.store.rows import FeaturePoint, FeatureTrend, SensorQuality, TrendPoint
from cloud.store.tables import FeatureSet, Machine, Summary, table_of
from contract.features import feature_specs
from contract.messages import EARLIEST, LATEST, MachineState
from contract.profiles import load_profile, profile_names
from contract.signals import QualityFlag

MAX_POINTS = 500
"""Points in a trend unless told otherwise: about one for each pixel column of a small chart."""
_BY_URGENCY = (
    MachineState.ALARMING,
    MachineState.BLIND,
    MachineState.WATCHING,
    MachineState.WARMING_UP,
    MachineState.STANDSTILL,
)
_SUMMARY = table_of(Summary).c
_SCORES = (
    _SUMMARY.event_time,
    _SUMMARY.scored_count,
    _SUMMARY.score_mean,
    _SUMMARY.score_max,
    _SUMMARY.confidence,
    _SUMMARY.state,
)
_Rows = Sequence[Row[Any]]


def score_trend(
    session: Session,
    device: str,
    since: datetime | None = None,
    until: datetime | None = None,
    max_points: int = MAX_POINTS,
) -> list[TrendPoint]:
    """Scores of a machine in [since, until), event time, oldest first; None: no bound."""
    rows = _read(session, device, (since, until), _SCORES)
    return [_score_point(bucket) for bucket in _buckets(rows, max_points)]


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
    columns = (_SUMMARY.event_time, _SUMMARY.feature_set_id, _SUMMARY.features)
    rows = [row for row in _read(session, device, (since, until), columns) if row.features is not None]
    sets = _feature_names(session, {row.feature_set_id for row in rows})
    points: dict[str, list[FeaturePoint]] = {}
    for bucket in _buckets(rows, max_points):
        for name, point in _feature_points(bucket, sets):
            if names is None or name in names:
                points.setdefault(name, []).append(point)
    machine = session.get(Machine, device)
    known = _units(machine.profile if machine else "")
    return [
        FeatureTrend(name, known.get(name, ("", ""))[0], tuple(p), known.get(name, ("", ""))[1])
        for name, p in points.items()
    ]


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
        SensorQuality(sensor, good, uncertain, bad, _flag_names(flags), newest.event_time)
        for sensor, good, uncertain, bad, flags in newest.quality
    ]


def _read(
    session: Session,
    device: str,
    bounds: tuple[datetime | None, datetime | None],
    columns: tuple[Column[Any], ...],
) -> _Rows:
    since, until = bounds
    query = (
        select(*columns)
        .where(
            _SUMMARY.device_id == device,
            _SUMMARY.event_time >= (since or EARLIEST),
            _SUMMARY.event_time < (until or LATEST),
        )
        .order_by(_SUMMARY.event_time)
    )
    return session.connection().execute(query).all()


def _buckets(rows: _Rows, max_points: int) -> Iterator[list[Row[Any]]]:
    """Runs of rows that share a point; one row each while there are few enough."""
    if len(rows) <= max_points:
        yield from ([row] for row in rows)
        return
    start_us = to_microseconds(rows[0].event_time)
    width_us = (to_microseconds(rows[-1].event_time) - start_us) // max_points + 1
    for _, bucket in groupby(rows, key=lambda row: (to_microseconds(row.event_time) - start_us) // width_us):
        yield list(bucket)


def _score_point(bucket: Sequence[Row[Any]]) -> TrendPoint:
    scored = sum(row.scored_count for row in bucket)
    return TrendPoint(
        event_time=bucket[-1].event_time,
        score_mean=sum(row.score_mean * row.scored_count for row in bucket) / scored if scored else None,
        score_max=max(row.score_max for row in bucket if row.scored_count) if scored else None,
        confidence=min(row.confidence for row in bucket),
        state=min((MachineState(row.state) for row in bucket), key=_BY_URGENCY.index),
    )


def _feature_points(
    bucket: Sequence[Row[Any]], sets: Mapping[int, Sequence[str]]
) -> Iterator[tuple[str, FeaturePoint]]:
    """One point for each feature of each set; there is more than one set only where a profile changed."""
    for feature_set_id in dict.fromkeys(row.feature_set_id for row in bucket):
        rows = [row for row in bucket if row.feature_set_id == feature_set_id]
        stacked = np.stack([unpack_features(row.features) for row in rows])  # (rows, features, 3)
        means = stacked[:, :, 0].mean(axis=0, dtype=np.float64).tolist()
        minima = stacked[:, :, 1].min(axis=0).tolist()
        maxima = stacked[:, :, 2].max(axis=0).tolist()
        for name, *numbers in zip(sets[feature_set_id], means, minima, maxima, strict=True):
            yield name, FeaturePoint(rows[-1].event_time, *numbers)


def _feature_names(session: Session, numbers: Collection[int]) -> dict[int, list[str]]:
    columns = table_of(FeatureSet).c
    found = session.connection().execute(select(columns.id, columns.names).where(columns.id.in_(numbers)))
    return {row.id: row.names for row in found}


@lru_cache(maxsize=64)
def _units(profile: str) -> dict[str, tuple[str, str]]:
    """Unit and sensor of each feature, of profiles that ship; a device may call its own by any name."""
    if profile not in profile_names():
        return {}
    return {spec.name: (spec.unit, spec.sensor) for spec in feature_specs(load_profile(profile))}


def _flag_names(flags: int) -> tuple[str, ...]:
    return tuple(str(flag.name).lower() for flag in QualityFlag if flags & flag)
