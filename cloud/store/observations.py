"""Stored summaries as lives are built of them.

Rule: in order of event time, then boot and sequence; with a cut, only what had been measured and had arrived
by then.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import CursorResult, Select, select
from sqlmodel import Session

from cloud.lives import Observed
from cloud.store.columns import only_of
from cloud.store.profiles import stored_profile
from cloud.store.tables import FeatureSet, Machine, Summary, table_of
from contract.aggregates import unpack_numbers
from contract.checks import EARLIEST, LATEST
from contract.profiles import MachineProfile

_SUMMARY, _SETS = table_of(Summary).c, table_of(FeatureSet).c
_ROWS_AT_ONCE = 2000
BEFORE_ALL = EARLIEST - timedelta(microseconds=1)


def read_observed(
    session: Session,
    device: str,
    after: datetime = BEFORE_ALL,
    until: datetime = LATEST,
    cut: datetime = LATEST,
) -> Iterator[Observed]:
    """Summaries of a machine that end in (after, until] and had arrived by the cut, oldest first."""
    names = {row.id: tuple(row.names) for row in session.connection().execute(select(_SETS.id, _SETS.names))}
    columns = (
        _SUMMARY.boot_id,
        _SUMMARY.sequence,
        _SUMMARY.event_time,
        _SUMMARY.ingest_time,
        _SUMMARY.feature_set_id,
        _SUMMARY.features,
    )
    query = _between(select(*columns), device, after, min(until, cut), cut)
    query = query.order_by(_SUMMARY.event_time, _SUMMARY.boot_id, _SUMMARY.sequence)
    with _stream(session, query) as found:
        for row in found:
            yield Observed(
                key=(row.boot_id, row.sequence),
                event_time=row.event_time,
                ingest_time=row.ingest_time,
                names=names.get(row.feature_set_id, ()),
                values=unpack_numbers(row.features or b""),
            )


def read_times(
    session: Session, device: str, after: datetime = BEFORE_ALL, is_newest_first: bool = False
) -> Iterator[tuple[datetime, datetime]]:
    """Event time and ingest time of a machine's summaries that end after a moment, in order of event time."""
    order = _SUMMARY.event_time.desc() if is_newest_first else _SUMMARY.event_time
    query = _between(select(_SUMMARY.event_time, _SUMMARY.ingest_time), device, after, LATEST, LATEST)
    with _stream(session, query.order_by(order)) as found:
        for row in found:
            yield row.event_time, row.ingest_time


def _stream(session: Session, query: Select[tuple[object, ...]]) -> CursorResult[Any]:
    """Rows as they are asked for; whoever has read enough closes the server's cursor by leaving the block."""
    return session.connection().execution_options(yield_per=_ROWS_AT_ONCE).execute(query)


def is_caught_up(session: Session, device: str, heard: Collection[Observed]) -> bool:
    """Whether the store took one of these summaries when they came, and so everything before it.

    What a device repeats proves nothing: the store has an earlier copy.
    """
    query = select(_SUMMARY.boot_id, _SUMMARY.sequence, _SUMMARY.ingest_time).where(
        _SUMMARY.device_id == device,
        _SUMMARY.event_time.in_({each.event_time for each in heard}),
        _SUMMARY.ingest_time.in_({each.ingest_time for each in heard}),
    )
    stored = {((row.boot_id, row.sequence), row.ingest_time) for row in session.connection().execute(query)}
    return any((each.key, each.ingest_time) in stored for each in heard)


def read_profiles(session: Session, devices: Collection[str] | None = None) -> dict[str, MachineProfile]:
    """The profiles of machines by their newest Birth; those that had none are left out."""
    columns = table_of(Machine).c
    query = select(columns.device_id, columns.profile).order_by(columns.device_id)
    found: Iterable[Any] = session.connection().execute(only_of(query, columns.device_id, devices))
    wanted = (row for row in found if devices is None or row.device_id in devices)
    read = ((row.device_id, stored_profile(row.profile)) for row in wanted)
    return {device: profile for device, profile in read if profile is not None}


def _between(
    query: Select[tuple[object, ...]], device: str, after: datetime, until: datetime, cut: datetime
) -> Select[tuple[object, ...]]:
    return query.where(
        _SUMMARY.device_id == device,
        _SUMMARY.event_time > after,
        _SUMMARY.event_time <= until,
        _SUMMARY.ingest_time <= cut,
    )
