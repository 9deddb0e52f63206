"""History, thinned without hiding a peak."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import update
from sqlmodel import col

from cloud.store import queries
from cloud.store.batch import names_digest
from cloud.store.columns import from_microseconds, to_microseconds
from cloud.store.database import Database
from cloud.store.tables import Summary
from cloud.store.writer import StoreWriter
from contract.aggregates import NO_FEATURES, FeatureAggregate, FeatureTable
from contract.messages import MachineState
from tests.cloud.samples import OWN_PROFILE, arrive, at, birth, summary


def test_scores_in_event_time_order(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(3, score=0.375), summary(1, score=0.125), summary(2, scored_count=0)))
    with database.session() as session:
        points = queries.score_trend(session, "press-1")
    assert [p.event_time for p in points] == [at(60), at(120), at(180)]
    assert [p.score_mean for p in points] == [0.125, None, 0.375]
    assert points[1].score_max is None
    assert points[0].state is MachineState.WATCHING


def test_bounds_are_half_open(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(*(summary(n) for n in range(1, 6))))
    with database.session() as session:
        points = queries.score_trend(session, "press-1", since=at(120), until=at(240))
        assert [p.event_time for p in points] == [at(120), at(180)]
        assert queries.score_trend(session, "nobody") == []
        assert queries.feature_trends(session, "nobody") == []
        assert queries.quality_latest(session, "nobody") == []


def test_thinning_keeps_the_peak_and_weighs_the_mean(writer: StoreWriter, database: Database) -> None:
    scores = [0.9 if n == 137 else 0.1 for n in range(1, 301)]
    states = [MachineState.ALARMING if n == 137 else MachineState.WATCHING for n in range(1, 301)]
    writer.write(arrive(*(summary(n, score=s, state=states[n - 1]) for n, s in enumerate(scores, 1))))
    with database.session() as session:
        points = queries.score_trend(session, "press-1", max_points=20)
    assert len(points) <= 20
    assert points[-1].event_time == at(60 * 300)
    peaks = [p for p in points if p.score_max == 1.0]
    assert len(peaks) == 1
    assert peaks[0].state is MachineState.ALARMING
    assert peaks[0].score_mean is not None
    assert 0.1 < peaks[0].score_mean < 0.2


def test_thinning_shows_that_a_machine_was_not_judged(writer: StoreWriter, database: Database) -> None:
    states = [MachineState.UNSTEADY if n % 10 == 0 else MachineState.WATCHING for n in range(1, 301)]
    writer.write(arrive(*(summary(n, state=states[n - 1]) for n in range(1, 301))))
    with database.session() as session:
        points = queries.score_trend(session, "press-1", max_points=20)
    assert {p.state for p in points} == {MachineState.UNSTEADY}


@pytest.mark.parametrize("state", MachineState)
def test_every_state_can_be_thinned(writer: StoreWriter, database: Database, state: MachineState) -> None:
    writer.write(arrive(summary(1, state=state), summary(2, state=state)))
    with database.session() as session:
        (point,) = queries.score_trend(session, "press-1", max_points=1)
    assert point.state is state


def test_states_of_a_newer_cloud_hide_nothing_else(writer: StoreWriter, database: Database) -> None:
    """As after going back to this version: the database holds a number that it has no state for."""
    newer = max(MachineState) + 1
    writer.write(arrive(*(summary(n, score=n / 8) for n in range(1, 5))))
    with database.transaction() as session:
        session.connection().execute(
            update(Summary).where(col(Summary.event_time) > at(120)).values(state=newer)
        )
    with database.session() as session:
        points = queries.score_trend(session, "press-1")
        merged = queries.score_trend(session, "press-1", max_points=1)
    known = MachineState.WATCHING
    assert [(p.score_mean, p.state) for p in points] == [
        (0.125, known),
        (0.25, known),
        (0.375, None),
        (0.5, None),
    ]
    assert [p.state for p in merged] == [known], "the most serious that is known"


def test_features_have_units_and_extremes(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(birth(), *(summary(n) for n in range(1, 101))))
    with database.session() as session:
        vibration, temperature = queries.feature_trends(session, "press-1", max_points=10)
        (alone,) = queries.feature_trends(session, "press-1", names={"temp_level"})
    assert (vibration.name, vibration.unit, vibration.sensor) == ("vib_h_rms", "m/s2", "vib_h")
    assert temperature.unit == ""  # no sensor of this profile
    assert len(vibration.points) <= 10
    assert max(p.maximum for p in vibration.points) == 104.0
    assert {p.minimum for p in vibration.points} == {1.0}
    assert len(alone.points) == 100
    assert alone.points[0].mean == -3.25


def test_features_of_a_changed_profile_stand_side_by_side(writer: StoreWriter, database: Database) -> None:
    other = FeatureTable.of([FeatureAggregate("flow_level", 1.0, 1.0, 1.0)])
    writer.write(arrive(summary(1), summary(2, features=other), summary(3, features=NO_FEATURES), summary(4)))
    with database.session() as session:
        trends = {t.name: len(t.points) for t in queries.feature_trends(session, "press-1", max_points=1)}
        assert trends == {"vib_h_rms": 1, "temp_level": 1, "flow_level": 1}


def test_units_come_from_the_machines_own_profile(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(birth(profile=OWN_PROFILE), summary(1)))
    with database.session() as session:
        units = {t.name: (t.unit, t.sensor) for t in queries.feature_trends(session, "press-1")}
    assert units == {"vib_h_rms": ("", ""), "temp_level": ("[degF]", "temp")}


def test_a_profile_that_only_shares_a_shipped_name_is_not_mistaken_for_it(
    writer: StoreWriter, database: Database
) -> None:
    writer.write(arrive(birth(profile=OWN_PROFILE.replace("dough-mixer", "bearing-rig")), summary(1)))
    with database.session() as session:
        (temperature,) = queries.feature_trends(session, "press-1", names={"temp_level"})
    assert temperature.unit == "[degF]"


def test_quality_of_the_newest_summary(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(2), summary(1)))
    with database.session() as session:
        (sensor,) = queries.quality_latest(session, "press-1")
    assert (sensor.sensor, sensor.good, sensor.uncertain, sensor.bad) == ("vib_h", 90, 6, 4)
    assert set(sensor.flags) == {"clipped", "gap"}
    assert sensor.event_time == at(120)


@given(st.timedeltas(timedelta(days=-20_000), timedelta(days=20_000)))
def test_times_survive_the_database_exactly(distance: timedelta) -> None:
    assert from_microseconds(to_microseconds(at(0) + distance)) == at(0) + distance


def test_lists_of_names_are_told_apart() -> None:
    assert names_digest(("a", "b")) != names_digest(("b", "a"))
