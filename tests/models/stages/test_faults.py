"""Each defect of a span is one sentence that says what and where; sound lives give none."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from contract.lives import Life
from models.stages import faults
from models.stages.faults import Range
from tests.models.stages.fleet import CUT, SPEC, installed, make_sides, with_sensor

FLOW = SPEC.sensors.index("flow")


@pytest.fixture
def lives() -> list[Life]:
    return make_sides()["train"]


def test_sound_lives_have_no_leak(lives: list[Life]) -> None:
    assert list(faults.find_leaks(lives, SPEC)) == []


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (lambda life: life.end_age - life.age, "RUL"),
        (lambda life: 3.0 - 0.01 * (life.end_age - life.age), "RUL"),
        (lambda life: np.log1p(life.end_age - life.age), "RUL"),
        (lambda life: life.age / life.end_age, "share of life used up"),
        (lambda life: np.full(len(life.age), life.end_age), "age at the end"),
    ],
    ids=["rul", "linear", "monotonic", "share", "end"],
)
def test_a_column_that_holds_the_answer_is_named(lives: list[Life], answer, word: str) -> None:  # type: ignore[no-untyped-def]
    leaking = with_sensor(lives, FLOW, [answer(life) for life in lives])
    (finding,) = faults.find_leaks(leaking, SPEC)
    assert finding.startswith(f"column sensor_flow tells the {word} of 13 lives")


def test_a_counter_of_operating_hours_is_no_leak(lives: list[Life]) -> None:
    counter = with_sensor(lives, FLOW, [life.age * 2 for life in lives])
    assert list(faults.find_leaks(counter, SPEC)) == []


def test_a_counter_is_no_leak_even_where_all_lives_are_equally_long(lives: list[Life]) -> None:
    same = [replace(life, end_age=120.0) for life in lives]
    counter = with_sensor(same, FLOW, [life.age * 2 for life in same])
    assert list(faults.find_leaks(counter, SPEC)) == []


def test_few_lives_prove_no_leak(lives: list[Life]) -> None:
    few = lives[: faults.MIN_LIVES - 1]
    assert list(faults.find_leaks(with_sensor(few, FLOW, [f.end_age - f.age for f in few]), SPEC)) == []


@pytest.mark.parametrize(
    "name", ["sensor_rul", "setting_time_to_failure", "sensor_label_2", "sensor_pump_ttf"]
)
def test_columns_named_like_labels(name: str) -> None:
    assert "named like a label" in next(faults.find_named_labels(["sensor_heat", name]))


@pytest.mark.parametrize("name", ["age", "end_age", "sensor_ruler", "sensor_labelling", "setting_load"])
def test_columns_with_other_names(name: str) -> None:
    assert list(faults.find_named_labels([name])) == []


def test_a_range_that_is_left_is_told_with_its_unit(lives: list[Life]) -> None:
    ranges = {"sensor_heat": Range(0, 100, "degC"), "sensor_flow": Range(0, 1)}
    assert list(faults.find_ranges_left(lives, SPEC, ranges)) == []
    kelvin = with_sensor(lives, 0, [life.sensors[:, 0] + 273.15 for life in lives])
    (finding,) = faults.find_ranges_left(kelvin, SPEC, ranges)
    assert finding.startswith("column sensor_heat holds 3")
    assert finding.endswith("and the schema says 0 to 100 degC: is it in another unit?")


def test_too_low_is_told_too_and_unknown_numbers_are_not(lives: list[Life]) -> None:
    ranges = {"sensor_flow": Range(0, 1)}
    low = with_sensor(lives, FLOW, [np.full(len(life.age), -5.0) for life in lives])
    assert "holds -5," in next(faults.find_ranges_left(low, SPEC, ranges))
    unknown = with_sensor(lives, FLOW, [np.full(len(life.age), np.nan) for life in lives])
    assert list(faults.find_ranges_left(unknown, SPEC, ranges)) == []


def test_what_lies_after_the_cut_is_from_the_future(lives: list[Life]) -> None:
    dates = installed(lives)
    assert list(faults.find_future(lives, dates, CUT, "h")) == []
    findings = list(faults.find_future(lives, dates, CUT - timedelta(hours=1), "h"))
    assert len(findings) == len(lives)
    assert findings[0].startswith("machine press-000, bearing 0:")
    assert findings[0].endswith("a timestamp from the future")


def test_cycles_and_lives_without_a_calendar_have_no_future(lives: list[Life]) -> None:
    assert list(faults.find_future(lives, installed(lives), CUT - timedelta(days=9), "cycle")) == []
    assert list(faults.find_future(lives, {}, CUT - timedelta(days=9), "h")) == []


def test_a_machine_on_two_sides_leaks(lives: list[Life]) -> None:
    sides = {"train": lives[:4], "calibrate": lives[4:6], "eval": lives[3:4]}
    machines = {side: [life.machine for life in each] for side, each in sides.items()}
    assert list(faults.find_shared_machines(machines)) == [
        "machine press-003 is in train and in eval: its answers would leak"
    ]
