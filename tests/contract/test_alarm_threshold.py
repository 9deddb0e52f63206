"""The threshold follows from the false alarms that a profile states, unless it states a threshold."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError
from contract.profiles import (
    AlarmSpec,
    MachineProfile,
    WindowSpec,
    format_profile,
    load_profile,
    parse_profile,
    profile_names,
)
from contract.signals import Quantity, SensorSpec


def with_alarm(alarm: AlarmSpec, hop_s: float = 5.0, context: int = 8) -> MachineProfile:
    """A profile whose alarm rule is to be worked out."""
    sensor = SensorSpec("level", Quantity.TEMPERATURE, "Cel", 1000.0)
    window = WindowSpec(hop_s, hop_s, context)
    return MachineProfile("any", 1, (sensor,), window, alarm=alarm, summary_interval_s=hop_s)


@pytest.mark.parametrize(
    ("alarm", "hop_s", "threshold"),
    [
        # 17280 windows a day; one alarm in ten days takes four: p = 0.4 / 17280 = 10^-4.6355.
        (AlarmSpec(false_alarms_per_day=0.1), 5.0, 4.6355 / 8),
        # One alarm a month, as it ships: p = 4 / (30 * 17280) = 10^-5.1126.
        (AlarmSpec(), 5.0, 5.1126 / 8),
        # 86400 windows a day, twenty of them to an alarm.
        (AlarmSpec(k=20, n=30), 1.0, math.log10(86_400 * 30 / 20) / 8),
        # Five a day from one window each: p = 5 / 8640 = 10^-3.2375.
        (AlarmSpec(false_alarms_per_day=5.0, k=1, n=1), 10.0, 3.2375 / 8),
    ],
)
def test_the_threshold_follows_from_the_false_alarms(
    alarm: AlarmSpec, hop_s: float, threshold: float
) -> None:
    rule = with_alarm(alarm, hop_s).alarm_rule
    assert rule.threshold == pytest.approx(threshold, abs=1e-4)
    assert (rule.k, rule.n, rule.clear_below, rule.clear_after) == (
        alarm.k,
        alarm.n,
        alarm.clear_below,
        alarm.clear_after,
    )
    assert rule.false_alarms_per_day == alarm.false_alarms_per_day


def test_the_context_does_not_move_the_threshold() -> None:
    assert with_alarm(AlarmSpec(), context=64).alarm_rule == with_alarm(AlarmSpec(), context=8).alarm_rule


def test_a_tenth_of_the_false_alarms_is_a_decade_of_the_score() -> None:
    one, tenth = (with_alarm(AlarmSpec(rate)).alarm_rule.threshold for rate in (0.5, 0.05))
    assert tenth - one == pytest.approx(1 / 8)


def test_a_derived_threshold_lies_above_what_clears_and_below_one() -> None:
    generous = with_alarm(AlarmSpec(false_alarms_per_day=99.0, clear_below=0.6)).alarm_rule
    strict = with_alarm(AlarmSpec(false_alarms_per_day=1e-9)).alarm_rule
    assert generous.threshold == 0.6
    assert strict.threshold == 0.95


def test_a_threshold_that_was_given_is_kept() -> None:
    given_one = AlarmSpec(false_alarms_per_day=5.0, threshold=0.77)
    assert with_alarm(given_one).alarm_rule is given_one
    assert with_alarm(given_one).alarm_rule.threshold == 0.77


def test_a_worked_out_threshold_is_not_written_into_the_profile() -> None:
    profile = with_alarm(AlarmSpec(false_alarms_per_day=2.0))
    again = parse_profile(format_profile(profile))
    assert again == profile
    assert again.alarm.threshold == 0.0
    assert again.alarm_rule == profile.alarm_rule
    fixed = with_alarm(AlarmSpec(threshold=0.77))
    assert parse_profile(format_profile(fixed)).alarm_rule == fixed.alarm_rule


def test_shipped_profiles_state_at_most_one_false_alarm_a_week() -> None:
    for name in profile_names():
        profile = load_profile(name)
        assert profile.alarm.threshold == 0.0, "a shipped threshold follows from its false alarms"
        assert profile.alarm.false_alarms_per_day <= 1 / 7
        assert profile.alarm.clear_below < profile.alarm_rule.threshold < 0.95


def test_what_clears_may_not_lie_above_any_threshold_that_can_be_worked_out() -> None:
    assert with_alarm(AlarmSpec(clear_below=0.95)).alarm_rule.threshold == 0.95
    with pytest.raises(ConfigError, match="clear_below"):
        AlarmSpec(clear_below=0.96)
    assert AlarmSpec(clear_below=0.96, threshold=0.97).clear_below == 0.96


@st.composite
def alarms(draw: st.DrawFn) -> AlarmSpec:
    n = draw(st.integers(1, 1000))
    threshold = draw(st.just(0.0) | st.floats(0.01, 0.99))
    return AlarmSpec(
        false_alarms_per_day=draw(st.floats(1e-6, 99)),
        threshold=threshold,
        k=draw(st.integers(1, n)),
        n=n,
        clear_below=draw(st.floats(0.005, threshold or 0.95)),
        clear_after=draw(st.integers(1, 10_000)),
    )


@given(alarms(), st.sampled_from([0.01, 1.0, 600.0]))
def test_whatever_is_asked_for_an_alarm_stays_possible(alarm: AlarmSpec, hop_s: float) -> None:
    profile = with_alarm(alarm, hop_s)
    rule = profile.alarm_rule
    assert 0 < rule.threshold < 1
    assert rule.clear_below <= rule.threshold
    assert parse_profile(format_profile(profile)).alarm_rule == rule
