"""Columns, steps and clocks of a machine type's lives."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.life_plan import Aggregate, default_plan, machine_type_of, parse_column, plan_of, read_plan
from contract.errors import ConfigError
from contract.features import feature_specs
from contract.profiles import load_profile, profile_names
from tests.cloud.life_samples import PLAN, PROFILE, START, at
from tests.contract.rul_samples import make_life

PLAN_FILE = """\
machine_type = "dough_mixer"
settings = ["mean_speed_level"]
sensors = ["max_temp_level"]
step_s = 7200.0
horizon = 500.0
"""
HOUR = 3600 * 10**6


def test_what_the_machine_is_asked_to_do_are_settings() -> None:
    assert PLAN.machine_type == "dough_mixer"
    assert PLAN.settings == ("mean_speed_level",)
    assert PLAN.sensors == ("mean_temp_level", "mean_temp_spread")


@pytest.mark.parametrize("name", profile_names())
def test_every_shipped_profile_has_a_plan(name: str) -> None:
    profile = load_profile(name)
    plan = default_plan(profile)
    assert plan.machine_type == machine_type_of(profile)
    named = {parse_column(column)[0] for column in (*plan.settings, *plan.sensors)}
    assert named == {spec.name for spec in feature_specs(profile)}
    assert plan.spec(("oiled",)).events == ("oiled",)
    assert plan.spec().components == ("machine",)
    assert plan.spec(components=("axle", "gear")).components == ("axle", "gear")


def test_peaks_of_waveforms_count() -> None:
    plan = default_plan(load_profile("pump"))
    assert "max_vib_h_kurtosis" in plan.sensors
    assert "max_temperature_level" not in plan.sensors
    assert plan.settings == ("mean_speed_level",)


@pytest.mark.parametrize("name", ["temp_level", "median_temp_level", "mean_", "mean", "max_Temp", ""])
def test_a_column_says_what_it_holds(name: str) -> None:
    assert parse_column("min_a_b") == ("a_b", Aggregate.MIN)
    with pytest.raises(ConfigError, match="column"):
        parse_column(name)


@pytest.mark.parametrize(
    "wrong",
    [
        {"step_s": 59.0},
        {"step_s": 3600.5},
        {"step_s": float("nan")},
        {"time_unit": "cycle"},
        {"horizon": 0.0},
        {"sensors": ("temp",)},
        {"sensors": ("mean_a", "mean_a")},
        {"machine_type": "Dough Mixer"},
        {"max_ahead_s": -1.0},
    ],
)
def test_what_cannot_be_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        replace(PLAN, **wrong)


def test_a_file_says_otherwise(tmp_path: Path) -> None:
    assert plan_of(PROFILE, tmp_path) == plan_of(PROFILE, None) == PLAN
    (tmp_path / "dough_mixer.toml").write_text(PLAN_FILE)
    plan = plan_of(PROFILE, tmp_path)
    assert (plan.step_s, plan.horizon, plan.sensors) == (7200.0, 500.0, ("max_temp_level",))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (PLAN_FILE.replace("dough_mixer", "fan"), "is for fan"),
        (PLAN_FILE + "colour = 1\n", "unknown key"),
        ("settings = ", "TOML"),
        (PLAN_FILE.replace("7200.0", "1.0"), "step_s"),
    ],
)
def test_a_file_that_is_wrong_is_named(tmp_path: Path, text: str, reason: str) -> None:
    (tmp_path / "dough_mixer.toml").write_text(text)
    with pytest.raises(ConfigError, match=reason) as caught:
        plan_of(PROFILE, tmp_path)
    assert "dough_mixer.toml" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        read_plan(tmp_path / "none.toml")


def test_a_summary_belongs_to_the_step_that_it_ends_in() -> None:
    step = PLAN.step_of(at(1))
    assert PLAN.start_of(step) == START
    tiny = timedelta(microseconds=1)
    assert [PLAN.step_of(moment) - step for moment in (START, START + tiny, at(1), at(1) + tiny)] == [
        -1,
        0,
        0,
        1,
    ]


@given(st.integers(-5 * HOUR, 5 * HOUR))
def test_steps_share_out_all_time(offset_us: int) -> None:
    moment = START + timedelta(microseconds=offset_us)
    step = PLAN.step_of(moment)
    assert PLAN.start_of(step) < moment <= PLAN.start_of(step + 1)
    over = PLAN.newest_over(moment)
    assert PLAN.start_of(over + 1) <= moment < PLAN.start_of(over + 2)


def test_a_life_tells_when_its_newest_row_ended() -> None:
    step = PLAN.step_of(at(1))
    (first_s, _) = PLAN.ends_s(np.array([step, step + 2], np.int64)).tolist()
    assert first_s == at(1).timestamp()
    for unit, in_hours in (("h", 1.0), ("s", 3600.0)):
        life = replace(make_life(8), age=np.arange(8) * in_hours + in_hours / 3, end_age=8 * in_hours)
        assert replace(PLAN, time_unit=unit).newest_of(life, at(5 - 1 / 3)) == at(12)


def test_clocks_that_cannot_be_right() -> None:
    assert PLAN.is_clock_right(at(0), at(0))
    assert PLAN.is_clock_right(at(0) + timedelta(seconds=300), at(0))
    assert not PLAN.is_clock_right(at(0) + timedelta(seconds=301), at(0))
    assert PLAN.is_clock_right(at(0), at(24 * 89))
    assert not PLAN.is_clock_right(at(0), at(24 * 91))
