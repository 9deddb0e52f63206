"""Days of arrival, and what is kept of them.

Rule: a day that is over is never written again, but by what a stream had kept back: it can be copied away and
dropped. In PostgreSQL each day is a table of its own, made ahead; what belongs to none is kept in `stray`, so
that nothing is refused for want of a table. In SQLite a day is a range of rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Row, and_, delete, func, select, text
from sqlmodel import Session

from cloud.keeping import CLOSED_AFTER_DAYS
from cloud.store.columns import EPOCH, to_microseconds
from cloud.store.statements import is_postgresql
from cloud.store.tables import FeatureSet, Summary, table_of

AHEAD = 3
"""Days for which tables are made before they begin."""
CLOSED_AFTER = timedelta(days=CLOSED_AFTER_DAYS)
_SCHEMA = "summary_days"
_LOCK = 7_301_144_282
"""Number under which PostgreSQL knows whoever makes or drops days."""
_PATIENCE_MS = 2000
_DAY_US = 86_400_000_000
_STRAYS_AT_ONCE = 30
_SUMMARY, _SETS = table_of(Summary), table_of(FeatureSet)
_ROWS_AT_ONCE = 2000


def make_days(session: Session, today: date) -> None:
    """Make the tables of today, of the days to come, and of those whose summaries have strayed."""
    if not is_postgresql(session):
        return
    _take_turns(session)
    known = _tables(session)
    wanted = {today + timedelta(days=n) for n in range(AHEAD + 1)}
    strays = session.connection().exec_driver_sql(
        f"SELECT DISTINCT ingest_time / {_DAY_US} FROM {_SCHEMA}.stray LIMIT {_STRAYS_AT_ONCE}"  # noqa: S608
    )
    wanted |= {EPOCH.date() + timedelta(days=number) for (number,) in strays}
    for day in sorted(wanted):
        if _name(day) not in known:
            _make_day(session, day)


def closed_days(session: Session, today: date) -> list[date]:
    """Days with summaries that are over, oldest first."""
    last = _start(today) - CLOSED_AFTER + timedelta(days=1)
    if is_postgresql(session):
        names = sorted(name for name in _tables(session) if name != "stray")
        days = [datetime.strptime(name, "d%Y%m%d").replace(tzinfo=UTC).date() for name in names]
        return [day for day in days if _start(day) < last]
    query = select(func.min(_SUMMARY.c.ingest_time)).where(_SUMMARY.c.ingest_time < last)
    first = session.connection().execute(query).scalar_one()
    if first is None:
        return []
    return [first.date() + timedelta(days=n) for n in range((last.date() - first.date()).days)]


def count_day(session: Session, day: date) -> int:
    """Summaries that arrived on a day."""
    query = select(func.count()).select_from(_SUMMARY).where(_of(day))
    return int(session.connection().execute(query).scalar_one())


def read_day(session: Session, day: date) -> Iterator[Row[Any]]:
    """Summaries that arrived on a day with the names of their features, in order of device and event time."""
    query = (
        select(_SUMMARY, _SETS.c.names)
        .outerjoin(_SETS, _SETS.c.id == _SUMMARY.c.feature_set_id)
        .where(_of(day))
        .order_by(_SUMMARY.c.device_id, _SUMMARY.c.event_time, _SUMMARY.c.boot_id, _SUMMARY.c.sequence)
    )
    with session.connection().execution_options(yield_per=_ROWS_AT_ONCE).execute(query) as found:
        yield from found


def drop_day(session: Session, day: date, expected: int | None = None) -> bool:
    """Drop the summaries of a day.

    Args:
        session: A transaction.
        day: Which.
        expected: Summaries that it must have; more may have come since somebody looked. None: however many.

    Returns:
        Whether it was dropped.
    """
    if is_postgresql(session):
        _take_turns(session)
        # Nobody writes to it from here on, so that what is counted is what is dropped.
        session.connection().exec_driver_sql(f"LOCK TABLE {_SCHEMA}.{_name(day)} IN SHARE ROW EXCLUSIVE MODE")
    if expected is not None and count_day(session, day) != expected:
        return False
    if is_postgresql(session):
        session.connection().exec_driver_sql(f"DROP TABLE {_SCHEMA}.{_name(day)}")
    else:
        session.connection().execute(delete(_SUMMARY).where(_of(day)))
    return True


def _make_day(session: Session, day: date) -> None:
    """Make a day's table beside the others, fill it with its strays, and only then attach it."""
    run = session.connection().exec_driver_sql
    name, first, last = f"{_SCHEMA}.{_name(day)}", _us(day), _us(day + timedelta(days=1))
    run(f"CREATE TABLE {name} (LIKE summary INCLUDING ALL)")
    run(f"LOCK TABLE {_SCHEMA}.stray IN ACCESS EXCLUSIVE MODE")
    of_day = f"ingest_time >= {first} AND ingest_time < {last}"
    strays = f"DELETE FROM {_SCHEMA}.stray WHERE {of_day} RETURNING *"  # noqa: S608 - our numbers
    run(f"WITH moved AS ({strays}) INSERT INTO {name} SELECT * FROM moved")  # noqa: S608 - likewise
    run(f"ALTER TABLE summary ATTACH PARTITION {name} FOR VALUES FROM ({first}) TO ({last})")


def _tables(session: Session) -> set[str]:
    query = text("SELECT tablename FROM pg_tables WHERE schemaname = :schema")
    return {row.tablename for row in session.connection().execute(query, {"schema": _SCHEMA})}


def _take_turns(session: Session) -> None:
    """One after the other; and rather later than that everybody waits for us, who wait for a long reader."""
    session.connection().exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
    session.connection().exec_driver_sql(f"SET LOCAL lock_timeout = {_PATIENCE_MS}")


def bounds_of(day: date) -> tuple[datetime, datetime]:
    """When a day begins, and when the next one does."""
    return _start(day), _start(day + timedelta(days=1))


def _of(day: date) -> Any:
    first, last = bounds_of(day)
    return and_(_SUMMARY.c.ingest_time >= first, _SUMMARY.c.ingest_time < last)


def _start(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def _us(day: date) -> int:
    return to_microseconds(_start(day))


def _name(day: date) -> str:
    return f"d{day:%Y%m%d}"
