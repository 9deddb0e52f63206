"""Days of arrival: made ahead, found when they are over, dropped whole."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from cloud.store.database import Database, open_database
from cloud.store.days import (
    AHEAD,
    closed_days,
    count_day,
    drop_day,
    make_days,
    read_day,
)
from cloud.store.writer import StoreWriter
from tests.cloud.samples import INGEST, arrive, summary

DAY = INGEST.date()


def make(database: Database, today: date) -> None:
    with database.transaction() as session:
        make_days(session, today)


def count(database: Database, day: date) -> int:
    with database.session() as session:
        return count_day(session, day)


@pytest.mark.parametrize("is_made_before", [True, False], ids=["made before", "strays"])
def test_a_day_is_read_and_dropped(database: Database, writer: StoreWriter, is_made_before: bool) -> None:
    if is_made_before:
        make(database, DAY)
    writer.write(arrive(*(summary(n) for n in (1, 2, 3))))
    make(database, DAY)
    make(database, DAY)
    assert count(database, DAY) == 3
    assert count(database, DAY + timedelta(days=1)) == 0
    with database.session() as session:
        rows = list(read_day(session, DAY))
        assert [row.sequence for row in rows] == [1, 2, 3]
        assert rows[0].names == ["vib_h_rms", "temp_level"]
        assert closed_days(session, DAY + timedelta(days=1)) == []
        assert closed_days(session, DAY + timedelta(days=2)) == [DAY]
    with database.transaction() as session:
        assert not drop_day(session, DAY, expected=2)
    assert count(database, DAY) == 3
    with database.transaction() as session:
        assert drop_day(session, DAY, expected=3)
    assert count(database, DAY) == 0
    writer.write(arrive(summary(4), summary(1)))
    assert count(database, DAY) == 1, "a message of a dropped day is kept, one that was there is still known"


@pytest.mark.slow
def test_days_are_made_ahead_and_strays_find_theirs(postgresql_database: str) -> None:
    database = open_database(postgresql_database)
    make(database, DAY)
    with database.connection() as connection:
        names = connection.exec_driver_sql(
            "SELECT tablename FROM pg_tables WHERE schemaname = 'summary_days'"
        )
        assert len(names.all()) == AHEAD + 2
    long_ago = INGEST - timedelta(days=400)
    arrivals = arrive(summary(5), summary(6))
    StoreWriter(database).write([replace(each, ingest_time=long_ago) for each in arrivals])
    strays = "SELECT count(*) FROM summary_days.stray"
    with database.connection() as connection:
        assert connection.exec_driver_sql(strays).scalar_one() == 2
    make(database, DAY)
    with database.connection() as connection:
        assert connection.exec_driver_sql(strays).scalar_one() == 0
    assert count(database, long_ago.date()) == 2
    database.close()
