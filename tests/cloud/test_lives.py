"""Rows are what summaries say, in whatever order they come."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime
from itertools import permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloud.lives import LifeBuilder, MachineHistory, Observed, lives_of
from cloud.machine_events import MachineEvent
from contract.forecast import InputSpec, assemble
from contract.lives import End, EventKind, Life, LifeEvent, LifeSpec
from tests.cloud.life_samples import DEVICE, GEARED, INPUTS, PLAN, SPEC, at, event, observed, said, talk

LATER = at(10_000)


def build(*summaries: Observed) -> LifeBuilder:
    builder = LifeBuilder(PLAN)
    for each in summaries:
        builder.add(each)
    return builder


def assert_same_rows(one: LifeBuilder, other: LifeBuilder) -> None:
    mine, others = one.rows(LATER), other.rows(LATER)
    np.testing.assert_array_equal(mine.steps, others.steps)
    assert mine.values.tobytes() == others.values.tobytes()


def only_life(builder: LifeBuilder) -> Life:
    ((life, _),) = lives_of(MachineHistory(DEVICE, builder.rows(LATER)), PLAN, SPEC)
    return life


def test_a_row_holds_the_means_of_its_step() -> None:
    summaries = [observed(arrival) for arrival in talk(2)]
    rows = build(*summaries).rows(at(2))
    assert rows.values.shape == (2, 3)
    first = np.mean([each.values[0, 0] for each in summaries[:3]], dtype=np.float64)
    assert rows.values[0, 1] == np.float32(first)
    assert rows.values[:, 0].tolist() == [90.0, 90.0]


def test_sums_whose_order_matters_have_one_order() -> None:
    numbers = (1e16, 1.0, -1e16, 3.0)
    summaries = [
        replace(each, values=np.full_like(each.values, number))
        for each, number in zip(map(observed, talk(2)), numbers, strict=False)
    ]
    plan = replace(PLAN, step_s=7200.0)
    rows = set()
    for order in permutations(summaries):
        builder = LifeBuilder(plan)
        for each in order:
            builder.add(each)
        rows.add(builder.rows(LATER).values.tobytes())
    assert len(rows) == 1


def test_a_repeated_summary_counts_once_and_the_first_one_stays() -> None:
    first = observed(said(1, 0.5))
    builder = build(first, replace(first, values=first.values + 1), first)
    assert builder.counters.used == 1
    assert builder.rows(LATER).values[0, 1] == first.values[0, 0]


def test_minima_and_maxima_are_those_of_the_step() -> None:
    plan = replace(PLAN, sensors=("min_temp_level", "max_temp_level"))
    builder = LifeBuilder(plan)
    summaries = [observed(arrival) for arrival in talk(1)]
    for each in summaries:
        builder.add(each)
    (row,) = builder.rows(at(1)).values
    assert row[1] == min(each.values[0, 1] for each in summaries)
    assert row[2] == max(each.values[0, 2] for each in summaries)


def test_what_was_not_measured_is_not_a_number() -> None:
    full = observed(said(1, 0.3))
    partial = replace(observed(said(2, 0.6)), names=full.names[:1], values=full.values[:1] + 2)
    nothing = replace(observed(said(3, 1.5)), names=(), values=np.empty((0, 3), np.float32))
    rows = build(full, partial, nothing).rows(at(2))
    assert rows.values[0, 1] == full.values[0, 0] + 1  # of two
    assert rows.values[0, 2] == full.values[1, 0]  # of one
    assert np.isnan(rows.values[1]).all()


def test_a_step_in_which_nothing_was_heard_has_no_row() -> None:
    builder = build(observed(said(1, 1)), observed(said(2, 5)))
    assert only_life(builder).age.tolist() == [0.0, 4.0]


def test_a_row_stands_once_its_step_is_over() -> None:
    builder = build(observed(said(1, 0.5)), observed(said(2, 1.5)))
    assert [len(builder.rows(at(hours)).steps) for hours in (0.9, 1, 1.9, 2)] == [0, 1, 1, 2]


def test_a_wrong_clock_is_not_used_and_counted() -> None:
    builder = build(
        observed(said(1, 0.5)), observed(said(2, 8, late_h=-0.1)), observed(said(3, 0.6, late_h=24 * 91))
    )
    assert (builder.counters.used, builder.counters.wrong_clock) == (1, 2)
    assert len(builder.rows(LATER).steps) == 1


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 9))
def test_rows_do_not_depend_on_the_order_or_on_repetitions(chance: random.Random, n_hours: int) -> None:
    summaries = [observed(arrival) for arrival in talk(n_hours)]
    shuffled = summaries + chance.choices(summaries, k=5)
    chance.shuffle(shuffled)
    builder = LifeBuilder(PLAN)
    for count, each in enumerate(shuffled, 1):
        builder.add(each)
        for step in sorted(builder.stale):
            builder.restore(step, shuffled[:count])
    assert_same_rows(builder, build(*summaries))
    assert builder.stale == set()


def test_a_late_summary_changes_nothing_until_its_step_is_restored() -> None:
    hours = [observed(arrival) for arrival in talk(5)]
    late = hours.pop(1)
    builder = build(*hours)
    before = builder.rows(LATER).values.copy()
    builder.add(late)
    step = PLAN.step_of(late.event_time)
    assert builder.stale == {step}
    assert builder.late_arrivals(step) == {late.key: late.ingest_time}
    np.testing.assert_array_equal(builder.rows(LATER).values, before)
    builder.restore(step, hours)
    assert builder.stale == set()
    assert_same_rows(builder, build(late, *hours))
    assert not np.array_equal(builder.rows(LATER).values, before)


def test_what_was_in_its_row_before_is_forgotten() -> None:
    hours = [observed(arrival) for arrival in talk(5)]
    builder = build(*hours)
    before = builder.rows(LATER).values.copy()
    step = PLAN.step_of(hours[1].event_time)
    builder.add(replace(hours[1], ingest_time=at(6)))
    builder.drop_repeated(step, [hours[1].key])
    assert builder.stale == set()
    np.testing.assert_array_equal(builder.rows(LATER).values, before)


@pytest.mark.parametrize("head_rows", [0, 1, 20])
def test_a_trimmed_machine_gives_a_model_what_the_whole_one_gives(head_rows: int) -> None:
    whole = build(*(observed(arrival) for arrival in talk(90)))
    spec = InputSpec(SPEC, 24, 2, head_rows)
    full = only_life(whole)
    trimmed = LifeBuilder(PLAN)
    for arrival in talk(90):
        trimmed.add(observed(arrival))
        trimmed.trim([at(1)], spec)
    short = only_life(trimmed)
    assert len(short.age) < 60 < len(full.age)
    wanted, found = assemble([full], spec), assemble([short], spec)
    for name, tensor in wanted.items():
        np.testing.assert_array_equal(tensor, found[name], err_msg=name)


class TestLives:
    def lives(self, *events: MachineEvent, spec: LifeSpec = SPEC) -> list[Life]:
        builder = build(*(observed(arrival) for arrival in talk(20)))
        history = MachineHistory(DEVICE, builder.rows(LATER), events)
        return [life for life, _ in lives_of(history, PLAN, spec)]

    def test_without_a_log_there_is_one_life_that_runs_since_its_first_row(self) -> None:
        (life,) = self.lives()
        assert (life.component, life.number, life.end, life.end_age) == ("machine", 0, End.RUNNING, 19.0)
        assert life.age.tolist() == [float(hour) for hour in range(20)]
        assert life.is_censored and (life.settings.shape, life.sensors.shape) == ((20, 1), (20, 2))

    def test_a_machine_that_was_never_heard_has_none(self) -> None:
        empty = LifeBuilder(PLAN).rows(LATER)
        assert lives_of(MachineHistory(DEVICE, empty), PLAN, SPEC) == []
        assert lives_of(MachineHistory(DEVICE, empty, (event("failure", 3),)), PLAN, SPEC) == []

    @pytest.mark.parametrize("hours", [8.5, 8.125, 9])
    def test_a_step_in_which_a_component_was_changed_belongs_to_neither(self, hours: float) -> None:
        first, second = self.lives(event("replacement", 0), event("failure", hours))
        assert (first.age.tolist(), first.end, first.end_age) == (list(range(1, 9)), End.FAILED, hours)
        assert second.age[0] == pytest.approx(10 - hours)
        assert (second.number, second.end, len(second.age)) == (1, End.RUNNING, 11)

    def test_a_replacement_is_a_censored_end(self) -> None:
        first, second = self.lives(event("replacement", 0), event("replacement", 8.5))
        assert (first.end, first.end_age, first.is_censored) == (End.REPLACED, 8.5, True)
        assert second.age[0] == 1.5

    def test_components_share_rows_and_not_ages(self) -> None:
        log = [event("replacement", -100, "bearing"), event("failure", 5, "gear")]
        axle, bearing, old_gear, gear = self.lives(*log, spec=GEARED)
        assert (axle.component, axle.age[0], axle.age[-1], axle.end) == ("axle", 0.0, 19.0, End.RUNNING)
        assert (bearing.component, bearing.age[0], bearing.age[-1]) == ("bearing", 101.0, 120.0)
        assert (old_gear.end, old_gear.age[-1], old_gear.end_age) == (End.FAILED, 3.0, 4.0)
        assert (gear.component, gear.age[0], gear.age[-1]) == ("gear", 1.0, 15.0)
        np.testing.assert_array_equal(bearing.sensors[5:], gear.sensors)

    def test_a_life_without_a_row_is_left_out(self) -> None:
        lives = self.lives(event("failure", 8.2), event("failure", 8.6))
        assert [(life.number, life.end) for life in lives] == [(0, End.FAILED), (2, End.RUNNING)]

    def test_events_are_those_of_the_life_up_to_its_last_row(self) -> None:
        log = [
            event("replacement", 0),
            event("maintenance", 2, "machine", "oiled"),
            event("error", 3, "", "oiled"),
            event("maintenance", 4, "gear", "oiled"),
            event("maintenance", 5, "machine", "painted"),
            event("failure", 8),
            event("maintenance", 12, "machine", "oiled"),
            event("maintenance", 30, "machine", "oiled"),
        ]
        first, second = self.lives(*log)
        assert first.events == (
            LifeEvent(2.0, EventKind.MAINTENANCE, "oiled"),
            LifeEvent(3.0, EventKind.ERROR, "oiled"),
        )
        assert second.events == (LifeEvent(4.0, EventKind.MAINTENANCE, "oiled"),)

    def test_a_component_sees_the_ends_of_others_where_its_type_does(self) -> None:
        log = [event("failure", 8, "gear"), event("replacement", 12, "axle")]
        codes = ("gear_failed", "axle_failed", "axle_replaced")
        axle = self.lives(*log, spec=replace(GEARED, events=codes))[0]
        assert axle.events == (LifeEvent(7.0, EventKind.ERROR, "gear_failed"),)
        assert self.lives(*log, spec=GEARED)[0].events == ()

    def test_a_component_that_the_type_does_not_know_has_no_life(self) -> None:
        assert [life.component for life in self.lives(event("failure", 8, "gear"))] == ["machine"]

    def test_a_model_can_read_them(self) -> None:
        inputs = assemble(self.lives(event("failure", 8.5)), INPUTS)
        assert inputs["mask"].sum(axis=1).tolist() == [8, 11]


@pytest.mark.parametrize("starts", [[], [at(30)], [at(0), at(30)]])
def test_trimming_keeps_the_first_rows_of_each_life(starts: list[datetime]) -> None:
    builder = build(*(observed(arrival) for arrival in talk(100)))
    builder.trim(starts, InputSpec(SPEC, 10, 0, head_rows=5))
    steps = (builder.rows(LATER).steps - PLAN.step_of(at(1))).tolist()
    heads = {hour for start in starts for hour in range(29 if start == at(30) else 0, 100)[:6]}
    assert set(steps) == heads | set(range(88, 100))
