"""Which hours of which machines must be rolled up (again).

Rule: an hour is due from the transaction that stores a summary of it until the one that has rolled up all of
its summaries, so that a late summary is never left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from sqlmodel import Session

from cloud.store.columns import to_microseconds
from cloud.store.statements import insert_new_rows
from cloud.store.tables import RollupDue, table_of

HOUR = timedelta(hours=1)
_MICROSECOND = timedelta(microseconds=1)


def mark_due(session: Session, summaries: Iterable[tuple[str, datetime]]) -> None:
    """Note the hours of new summaries, given as device and event time."""
    hours = sorted({(device, start_of(time, HOUR)) for device, time in summaries})
    rows = [{"device_id": device, "hour": hour} for device, hour in hours]
    insert_new_rows(session, table_of(RollupDue), rows)


def start_of(time: datetime, width: timedelta) -> datetime:
    """When the span of that width begins that a time lies in."""
    into_us = to_microseconds(time) % (width // _MICROSECOND)
    return time - timedelta(microseconds=into_us)
