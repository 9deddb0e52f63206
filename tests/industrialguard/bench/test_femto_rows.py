"""Figures of bearings."""

import pytest

from contract.profiles import AlarmSpec
from industrialguard.bench.femto_baselines import FeatureAlone, Forest
from industrialguard.bench.femto_course import OwnWarmup
from industrialguard.bench.femto_rows import always_row, contender_row, figures, make_row, quiet_young
from industrialguard.bench.femto_rule import Finding, Rule
from industrialguard.bench.report import Role
from tests.industrialguard.bench.bearings import LOUD_FROM, WINDOWS, make_bearing

WARMUP = OwnWarmup(60, 30)
RULE = Rule(WARMUP, (AlarmSpec(k=6, n=8),), 0.05)


def test_a_row_counts_silence_as_the_end() -> None:
    findings = [
        Finding(make_bearing(1), None, 90),
        Finding(make_bearing(2), 139, 90),
        Finding(make_bearing(3), 279, 90),
    ]
    metrics = make_row("r", Role.OURS, [figures(findings)]).metrics
    assert metrics["alarm_before_end_pct"].mean == pytest.approx(200 / 3)
    assert metrics["alarm_in_first_quarter_pct"].mean == pytest.approx(100 / 3)
    assert metrics["median_first_alarm_pct_of_life"].mean == pytest.approx(50.0)
    assert metrics["min_first_alarm_pct_of_life"].mean == pytest.approx(25.0)
    assert metrics["first_alarm_pct_b1"].mean is None
    assert metrics["first_alarm_pct_b3"].mean == pytest.approx(50.0)


def test_only_what_is_drawn_runs_with_every_seed() -> None:
    fleet = [make_bearing(seed) for seed in range(4)]
    plain = contender_row(FeatureAlone("f", (0,), WARMUP), fleet, RULE, [0, 1])
    drawn = contender_row(Forest("i", WARMUP), fleet, RULE, [0, 1], is_main=True)
    assert len(plain.metrics["alarm_before_end_pct"].values) == 1
    assert len(drawn.metrics["alarm_before_end_pct"].values) == 2
    assert (plain.is_main, drawn.is_main) == (False, True)
    assert plain.metrics["alarm_before_end_pct"].mean == 100.0
    assert set(plain.metrics) == set(drawn.metrics)


def test_who_always_alarms_alarms_as_soon_as_it_may() -> None:
    metrics = always_row([make_bearing(1), make_bearing(2).head(80)], WARMUP).metrics
    assert metrics["first_alarm_pct_b1"].mean == pytest.approx(100.0 * 91 / WINDOWS)
    assert metrics["first_alarm_pct_b2"].mean is None  # over before it may be judged
    assert metrics["alarm_in_first_quarter_pct"].mean == 50.0


def test_the_lowest_quiet_limit_is_that_of_the_most_restless() -> None:
    alone = FeatureAlone("f", (0,), WARMUP)
    calm = [make_bearing(seed) for seed in range(3)]
    found = quiet_young(alone, calm, RULE, 0)
    assert not any(finding.is_early for finding in found)
    assert any(finding.alarm_at is not None and finding.alarm_at < LOUD_FROM for finding in found)  # lowest
    restless = [*calm, make_bearing(7, loud_from=100)]
    missed = quiet_young(alone, restless, RULE, 0)
    assert not any(finding.is_early for finding in missed)
    assert all(f.alarm_at is None or f.alarm_at >= LOUD_FROM for f in missed[:3])
