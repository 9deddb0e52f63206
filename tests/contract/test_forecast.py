"""A model reads every life the same way, and an interval never leaves what can be."""

from __future__ import annotations

import itertools
import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import BundleError
from contract.forecast import (
    HEAD_ROWS,
    LEVELS,
    NO_EVENT,
    Bin,
    Calibration,
    Forecast,
    InputSpec,
    assemble,
    kept_rows,
)
from contract.lives import EventKind, Life, LifeEvent
from tests.contract.life_strategies import SPEC, lives, pump

N_ROWS, N_EVENTS = HEAD_ROWS + 4, 3
INPUTS = InputSpec(SPEC, N_ROWS, N_EVENTS)
ONLY_SEALS = replace(SPEC, components=("seal",))
ROW_INPUTS = ("age", "settings", "sensors")


def same(left: Any, right: Any) -> bool:
    return bool(np.array_equal(left, right, equal_nan=True))


@pytest.mark.parametrize(("n_rows", "n_events"), [(HEAD_ROWS, 0), (0, 0), (-5, 0), (100, -1)])
def test_sizes_that_cannot_be_are_refused(n_rows: int, n_events: int) -> None:
    with pytest.raises(BundleError, match="more rows than the first"):
        InputSpec(SPEC, n_rows, n_events)


@given(st.integers(1, 300), st.integers(31, 100), st.integers(0, 30))
def test_the_first_rows_and_the_last_are_kept_in_order(n_rows: int, most: int, head: int) -> None:
    kept = kept_rows(n_rows, most, head).tolist()
    assert kept == sorted(set(kept))
    assert len(kept) == min(n_rows, most)
    assert kept[-1] == n_rows - 1, "the newest row is always read"
    assert kept[:head] == list(range(min(n_rows, head)))
    tail = kept[head:]
    assert tail == list(range(n_rows - len(tail), n_rows))


@given(st.lists(lives(max_rows=6), min_size=1, max_size=3))
def test_short_lives_stand_at_the_right_and_the_rest_is_nothing(several: list[Life]) -> None:
    inputs = assemble(several, INPUTS)
    for index, life in enumerate(several):
        empty = N_ROWS - len(life.age)
        assert inputs["mask"][index].tolist() == [0.0] * empty + [1.0] * len(life.age)
        assert same(inputs["age"][index, empty:], life.age.astype(np.float32))
        assert same(inputs["settings"][index, empty:], life.settings)
        assert same(inputs["sensors"][index, empty:], life.sensors)
        assert all(not inputs[name][index, :empty].any() for name in ROW_INPUTS)


@given(st.integers(1, 70))
def test_long_lives_keep_head_and_tail(n_rows: int) -> None:
    life = pump(n_rows=n_rows)
    inputs = assemble([life], INPUTS)
    kept = kept_rows(n_rows, N_ROWS, HEAD_ROWS)
    assert inputs["mask"].sum() == len(kept)
    assert same(inputs["age"][0, -len(kept) :], life.age[kept].astype(np.float32))
    assert same(inputs["sensors"][0, -len(kept) :], life.sensors[kept])
    assert inputs["age"][0, -1] == life.age[-1]


@given(lives(), lives())
def test_a_life_is_read_alike_alone_and_among_others(life: Life, other: Life) -> None:
    alone, among = assemble([life], INPUTS), assemble([other, life], INPUTS)
    assert all(same(alone[name][0], among[name][1]) for name in alone)


@given(lives())
def test_how_a_life_ended_is_not_read(life: Life) -> None:
    part = life.cut(1)
    later = pump(
        machine=life.machine,
        component=life.component,
        age=part.age,
        settings=part.settings,
        sensors=part.sensors,
        events=part.events,
        end_age=1e9,
    )
    left, right = assemble([part], INPUTS), assemble([later], INPUTS)
    assert all(same(left[name], right[name]) for name in left)


@given(lives())
def test_the_newest_events_come_first(life: Life) -> None:
    inputs = assemble([life], INPUTS)
    newest = list(life.events)[::-1][:N_EVENTS]
    codes = [SPEC.events.index(event.code) + 1 for event in newest]
    ago = [float(life.age[-1]) - event.age for event in newest]
    rest = N_EVENTS - len(newest)
    assert inputs["event_code"][0].tolist() == codes + [NO_EVENT] * rest
    assert inputs["event_ago"][0] == pytest.approx([*ago, *[0.0] * rest], rel=1e-6, abs=1e-6)
    assert (inputs["event_ago"] >= 0).all()


def test_types_and_shapes_are_those_of_the_model() -> None:
    inputs = assemble([pump(), pump("p2", 60)], INPUTS)
    assert {name: (array.dtype.name, array.shape) for name, array in inputs.items()} == {
        "age": ("float32", (2, N_ROWS)),
        "mask": ("float32", (2, N_ROWS)),
        "settings": ("float32", (2, N_ROWS, 1)),
        "sensors": ("float32", (2, N_ROWS, 2)),
        "event_code": ("int32", (2, N_EVENTS)),
        "event_ago": ("float32", (2, N_EVENTS)),
        "component": ("int32", (2,)),
    }


def test_each_life_says_its_component() -> None:
    several = [pump(component=name) for name in ("bearing", "seal", "bearing")]
    assert assemble(several, INPUTS)["component"].tolist() == [1, 0, 1]


def test_a_type_with_one_component_has_no_input_for_it() -> None:
    assert "component" not in assemble([pump()], InputSpec(ONLY_SEALS, N_ROWS, N_EVENTS))


def test_a_type_without_events_has_no_inputs_for_them() -> None:
    event = LifeEvent(1, EventKind.ERROR, "overheated")
    assert set(assemble([pump(events=(event,))], InputSpec(ONLY_SEALS, N_ROWS, 0))) == {
        "age",
        "mask",
        "settings",
        "sensors",
    }


@pytest.mark.parametrize(("median", "is_beyond"), [(99.9, False), (100.0, True), (120.0, True)])
def test_beyond_the_horizon_is_said(median: float, is_beyond: bool) -> None:
    assert Forecast(80, 50, median, 100, horizon=100.0).is_beyond is is_beyond


def test_the_levels_rise_and_are_named_after_their_share() -> None:
    assert list(LEVELS.values()) == sorted(LEVELS.values())
    assert all(float(name[1:]) == pytest.approx(100 * level) for name, level in LEVELS.items())


# Calibration

corrections = st.floats(-200, 200)


@st.composite
def calibrations(draw: st.DrawFn) -> Calibration:
    steps = draw(st.lists(st.floats(0.1, 60), max_size=5))
    edges = [0.0, *itertools.accumulate(steps)]
    return Calibration(tuple(Bin(edge, draw(corrections), draw(corrections)) for edge in edges))


intervals = st.lists(
    st.tuples(st.floats(0, 125), st.floats(0, 125), st.floats(0, 125)).map(sorted), min_size=1, max_size=20
)


@given(calibrations(), intervals)
def test_an_interval_keeps_its_median_and_stays_possible(
    calibration: Calibration, several: list[list[float]]
) -> None:
    lower, median, upper = np.array(several).T
    low, high = calibration.apply(median, lower, upper, 125.0)
    assert (low <= median).all()
    assert (median <= high).all()
    assert (low >= 0).all()
    assert (high <= 125).all()


@given(intervals)
def test_no_correction_changes_nothing(several: list[list[float]]) -> None:
    lower, median, upper = np.array(several).T
    low, high = Calibration((Bin(0, 0, 0),)).apply(median, lower, upper, 125.0)
    assert same(low, lower)
    assert same(high, upper)


def test_each_range_has_its_own_correction() -> None:
    calibration = Calibration((Bin(0, 1, 2), Bin(50, 10, 20)))
    median = np.array([0.0, 49.9, 50.0, 80.0])
    low, high = calibration.apply(median, median, median, 125.0)
    assert low.tolist() == pytest.approx([0, 48.9, 40, 70])
    assert high.tolist() == pytest.approx([2, 51.9, 70, 100])


def test_a_median_beyond_the_horizon_counts_as_the_horizon() -> None:
    calibration = Calibration((Bin(0, 5, 5), Bin(130, 100, 100)))
    low, high = calibration.apply(np.array([-9.0, 900.0]), np.array([-9.0, 120.0]), np.full(2, 950.0), 125.0)
    assert low.tolist() == [0, 115]
    assert high.tolist() == [125, 125]


@given(calibrations())
def test_a_table_survives_json(calibration: Calibration) -> None:
    assert Calibration.from_json(json.loads(json.dumps(calibration.to_json()))) == calibration


@pytest.mark.parametrize(
    "value",
    [
        None,
        5,
        [],
        [[1, 0, 0]],
        [[0, 0]],
        [[0, 0, 0, 0]],
        [[0, 0, 0], [0, 0, 0]],
        [[0, 0, 0], [9, 0, 0], [5, 0, 0]],
        [[0, "wide", 0]],
        [[0, math.nan, 0]],
        [[0, 0, math.inf]],
    ],
)
def test_what_is_no_table_is_refused(value: Any) -> None:
    with pytest.raises(BundleError) as caught:
        Calibration.from_json(value)
    assert "\n" not in str(caught.value)
