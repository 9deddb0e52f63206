"""Roll-ups stand for every summary of their span, late ones too, and keep its peaks."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import delete, select

from cloud.store import queries
from cloud.store.database import Database
from cloud.store.history import BY_MINUTE, IN_FULL
from cloud.store.rollup_due import HOUR, start_of
from cloud.store.rollups import HOURS_AT_ONCE, is_rolled_up, roll_up_due
from cloud.store.tables import Rollup, RollupDue, Summary, table_of
from cloud.store.writer import StoreWriter
from contract.aggregates import FeatureAggregate, FeatureTable, unpack_numbers
from contract.messages import MachineState
from tests.cloud.samples import EVENT, INGEST, arrive, at, summary

LATER = EVENT + timedelta(days=30)
DUE, ROLLUP, SUMMARY = table_of(RollupDue), table_of(Rollup), table_of(Summary)


def roll_up(database: Database, now: datetime = LATER) -> int:
    done = 0
    while True:
        with database.transaction() as session:
            found = roll_up_due(session, now)
        done += found
        if found < HOURS_AT_ONCE:
            return done


def rolled(database: Database, width_s: int, device: str = "press-1") -> list[Rollup]:
    with database.session() as session:
        query = select(Rollup).where(ROLLUP.c.device_id == device, ROLLUP.c.width_s == width_s)
        return list(session.scalars(query.order_by(ROLLUP.c.start)))


def test_an_hour_and_its_minutes(writer: StoreWriter, database: Database) -> None:
    rows = ((1.0, 0.0, 2.0), (3.0, -5.0, 4.0))
    some, more = (FeatureTable.of([FeatureAggregate("a", *row)]) for row in rows)
    writer.write(
        arrive(
            summary(1, score=0.25, features=some, event_time=at(10), scored_count=3, confidence=0.5),
            summary(2, score=0.75, features=more, event_time=at(20), scored_count=1),
            summary(3, event_time=at(70), state=MachineState.ALARMING, scored_count=0),
        )
    )
    assert roll_up(database) == 1
    assert roll_up(database) == 0
    (hour,), minutes = rolled(database, 3600), rolled(database, 60)
    assert [minute.summaries for minute in minutes] == [2, 1]
    first = minutes[0]
    assert (first.start, first.event_time, first.scored_count) == (at(0), at(20), 4)
    assert first.score_mean == pytest.approx(0.375)
    assert (first.score_max, first.confidence) == (1.0, 0.5)
    assert first.features is not None
    assert unpack_numbers(first.features).tolist() == [[2.0, -5.0, 4.0]]
    assert (hour.summaries, hour.event_time, hour.state) == (3, at(70), int(MachineState.ALARMING))


def test_a_late_summary_makes_its_hour_due_again(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1), summary(2, "press-2")))
    assert roll_up(database) == 2
    writer.write(arrive(summary(1), summary(2)))
    assert roll_up(database) == 1
    assert [hour.summaries for hour in rolled(database, 3600)] == [2]
    writer.write(arrive(summary(1), summary(2)))
    assert roll_up(database) == 0, "what came twice changes nothing"


def test_an_hour_that_is_not_over_waits(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1)))
    assert roll_up(database, at(3600 + 14 * 60)) == 0
    assert roll_up(database, at(3600 + 15 * 60)) == 1


def test_a_wrong_clock_is_not_waited_for(writer: StoreWriter, database: Database) -> None:
    ahead = EVENT + timedelta(days=3650)
    writer.write(arrive(summary(1, event_time=ahead)))
    assert roll_up(database, EVENT) == 1
    writer.write(arrive(summary(2, event_time=ahead)))
    assert roll_up(database, EVENT) == 1
    assert [hour.summaries for hour in rolled(database, 3600)] == [2]


def test_what_was_dropped_stays_in_its_roll_up(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1), summary(2)))
    roll_up(database)
    with database.connection() as connection:
        connection.execute(delete(SUMMARY))
    writer.write(arrive(summary(3)))
    roll_up(database)
    assert [hour.summaries for hour in rolled(database, 3600)] == [2]


def test_whether_what_arrived_is_rolled_up(writer: StoreWriter, database: Database) -> None:
    arrived = (INGEST - HOUR, INGEST + HOUR)
    writer.write(arrive(summary(1)))
    with database.session() as session:
        assert not is_rolled_up(session, arrived)
        assert is_rolled_up(session, (INGEST + HOUR, INGEST + 2 * HOUR))
    roll_up(database)
    with database.session() as session:
        assert is_rolled_up(session, arrived)


@pytest.mark.parametrize("days", [0.2, 1.5, 20])
def test_history_is_whole_whether_rolled_up_or_not(
    writer: StoreWriter, database: Database, days: float
) -> None:
    step_s = days * 86_400 / 300
    sent = [summary(n, score=0.9 if n == 137 else 0.1, event_time=at(step_s * n)) for n in range(1, 301)]
    writer.write(arrive(*sent))

    def read() -> list[tuple[float | None, int]]:
        with database.session() as session:
            points = queries.score_trend(session, "press-1", max_points=10_000)
        return [(p.score_max, p.event_time.microsecond) for p in points]

    before = read()
    assert len(before) == 300
    with database.connection() as connection:  # every third hour stays due
        hours = connection.execute(select(DUE.c.hour).order_by(DUE.c.hour)).scalars().all()
        connection.execute(delete(DUE).where(DUE.c.hour.in_(hours[::3])))
    roll_up(database)
    with database.connection() as connection:
        connection.execute(DUE.insert(), [{"device_id": "press-1", "hour": hour} for hour in hours[::3]])
    after = read()
    assert max(score or 0 for score, _ in after) == 1.0
    span = timedelta(seconds=step_s * 299)
    if span <= IN_FULL:
        assert after == before
    with database.session() as session:
        trend = queries.feature_trends(session, "press-1", max_points=10_000)
    spikes = [max(p.maximum for p in each.points) for each in trend if each.name == "vib_h_rms"]
    assert spikes == [304.0]
    assert BY_MINUTE > IN_FULL


def test_minutes_stand_in_for_dropped_summaries(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(*(summary(n) for n in range(1, 11))))
    roll_up(database)
    with database.connection() as connection:
        connection.execute(delete(SUMMARY))
    with database.session() as session:
        points = queries.score_trend(session, "press-1", since=at(0), until=at(3600))
    assert [p.event_time for p in points] == [at(60 * n) for n in range(1, 11)]


def test_a_chart_across_the_edge_of_what_is_kept_is_whole(writer: StoreWriter, database: Database) -> None:
    """Minutes where summaries were dropped, every summary where they are; a minute of both counts once."""
    sent = [summary(n, score=0.9 if n == 4 else 0.1, event_time=at(20 * n)) for n in range(1, 31)]
    writer.write(arrive(*sent[:14], *sent[15:16]))
    writer.write(arrive(sent[14], *sent[16:], ingest_time=INGEST + timedelta(days=1)))
    roll_up(database)
    with database.connection() as connection:
        connection.execute(delete(SUMMARY).where(SUMMARY.c.ingest_time < INGEST + timedelta(hours=1)))
    with database.session() as session:
        points = queries.score_trend(session, "press-1", since=at(30), until=at(420))
        (vibration, *_) = queries.feature_trends(session, "press-1", since=at(30), until=at(420))
    minutes = [at(40), at(100), at(160), at(220), at(280), at(340)]
    assert [p.event_time for p in points] == [*minutes, at(360), at(380), at(400)]
    assert [p.event_time for p in vibration.points] == [p.event_time for p in points]
    assert [p.score_max for p in points if p.score_max and p.score_max > 0.5] == [1.0]
    with database.session() as session:
        late = queries.score_trend(session, "press-1", since=at(420))
    assert [p.event_time for p in late] == [at(20 * n) for n in range(21, 31)]


def test_an_hour_that_is_due_again_keeps_what_was_dropped(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(*(summary(n, event_time=at(3600 * n)) for n in range(1, 20))))
    roll_up(database)
    with database.connection() as connection:
        connection.execute(delete(SUMMARY))
    writer.write(arrive(summary(50, event_time=at(3 * 3600 + 90))))
    with database.session() as session:
        points = queries.score_trend(session, "press-1")
    assert [p.event_time for p in points] == sorted(
        [at(3600 * n) for n in range(1, 20)] + [at(3 * 3600 + 90)]
    )


@given(st.datetimes(datetime(2000, 1, 1), datetime(2099, 1, 1)), st.sampled_from([60, 3600]))
def test_a_span_holds_its_times(moment: datetime, width_s: int) -> None:
    time, width = moment.replace(tzinfo=EVENT.tzinfo), timedelta(seconds=width_s)
    start = start_of(time, width)
    assert start <= time < start + width
    assert start.timestamp() % width_s == 0
