"""How bearings are judged by one another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from contract.profiles import AlarmSpec, WarmupSpec
from industrialguard.bench.femto_rows import (
    Bearing,
    Distance,
    FeatureAlone,
    Finding,
    Floats,
    Rule,
    judge_bearing,
    judge_bearings,
    make_row,
    own_location,
    stays_above,
)
from industrialguard.bench.report import Role
from tests.industrialguard.bench.bearings import LOUD_FROM, WINDOWS, make_rows

RULE = Rule(WarmupSpec(60, 30), AlarmSpec(k=6, n=8), margin=4 / 3)


def bearing(seed: int, loud_from: int = LOUD_FROM) -> Bearing:
    return Bearing(f"b{seed}", 10.0 * np.arange(WINDOWS), make_rows(seed, 4, loud_from))


@dataclass
class Probe:
    """Scores a bearing by its first feature, and keeps what it was shown."""

    name: str = "probe"
    role: Role = Role.BASELINE

    def __post_init__(self) -> None:
        self.shown: list[tuple[str, str, int, list[int]]] = []

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        self.shown.append((judged.name, scored.name, len(scored.rows), [len(o.rows) for o in others]))
        return scored.rows[:, 0]


def test_the_alarm_comes_when_it_grows_loud() -> None:
    fleet = [bearing(seed) for seed in range(4)]
    for contender in (FeatureAlone("f", (0, 1), RULE), Distance("d", RULE)):
        for finding in judge_bearings(contender, fleet, RULE, 0):
            assert finding.alarm_at is not None
            assert LOUD_FROM + 5 <= finding.alarm_at < LOUD_FROM + 8
            assert finding.is_in_time
            assert not finding.is_early


def test_of_the_others_only_the_first_quarter_is_shown() -> None:
    probe = Probe()
    fleet = [bearing(seed) for seed in range(3)]
    judge_bearing(probe, fleet[0], fleet, RULE, 0)
    quarter = WINDOWS // 4
    assert [(judged, scored, rows) for judged, scored, rows, _ in probe.shown] == [
        ("b0", "b1", quarter),
        ("b0", "b2", quarter),
        ("b0", "b0", WINDOWS),
    ]
    assert all(lengths == [quarter, quarter] for *_, lengths in probe.shown)


def test_what_others_showed_young_raises_the_threshold() -> None:
    # One of the others is as loud in its first quarter as the judged one becomes at its end.
    alone = FeatureAlone("f", (0,), RULE)
    calm = [bearing(seed) for seed in range(3)]
    restless = [calm[0], calm[1], bearing(7, loud_from=100)]
    assert judge_bearing(alone, calm[0], calm, RULE, 0).alarm_at is not None
    assert judge_bearing(alone, calm[0], restless, RULE, 0).alarm_at is None


def test_its_own_later_life_does_not_move_the_threshold() -> None:
    alone = FeatureAlone("f", (0,), RULE)
    fleet = [bearing(seed) for seed in range(3)]
    louder = Bearing("b0", fleet[0].times_s, np.concatenate([fleet[0].rows[:-10], fleet[0].rows[-10:] + 3.0]))
    first = judge_bearing(alone, fleet[0], fleet, RULE, 0)
    assert judge_bearing(alone, louder, [louder, *fleet[1:]], RULE, 0).alarm_at == first.alarm_at


def test_no_alarm_in_the_warm_up() -> None:
    early = bearing(5, loud_from=20)
    finding = judge_bearing(Probe(), early, [early, bearing(1), bearing(2)], RULE, 0)
    assert finding.alarm_at is None or finding.alarm_at >= RULE.first_judged


@pytest.mark.parametrize(
    ("alarm_at", "share", "is_early", "is_in_time", "lead_min"),
    [
        (None, 1.0, False, False, None),
        (99, 100 / WINDOWS, True, True, 10.0 * (WINDOWS - 100) / 60),
        (WINDOWS - 1, 1.0, False, False, 0.0),
    ],
)
def test_a_finding_in_figures(
    alarm_at: int | None, share: float, is_early: bool, is_in_time: bool, lead_min: float | None
) -> None:
    finding = Finding(bearing(1), alarm_at, first_judged=70)
    assert finding.share == pytest.approx(share)
    assert finding.is_early is is_early
    assert finding.is_in_time is is_in_time
    assert finding.lead_min == (None if lead_min is None else pytest.approx(lead_min))
    assert finding.early_judged == pytest.approx(0.5)


def test_a_row_counts_silence_as_the_end() -> None:
    findings = [Finding(bearing(1), None, 90), Finding(bearing(2), 139, 90), Finding(bearing(3), 279, 90)]
    metrics = make_row("r", Role.OURS, [findings]).metrics
    assert metrics["alarm_before_end_pct"].mean == pytest.approx(200 / 3)
    assert metrics["alarm_in_first_quarter_pct"].mean == pytest.approx(100 / 3)
    assert metrics["median_first_alarm_pct_of_life"].mean == pytest.approx(50.0)
    assert metrics["min_first_alarm_pct_of_life"].mean == pytest.approx(25.0)
    assert metrics["first_alarm_pct_b1"].mean is None
    assert metrics["first_alarm_pct_b3"].mean == pytest.approx(50.0)


def test_the_kth_of_n_is_causal() -> None:
    growth = np.random.default_rng(1).normal(size=40)
    whole = stays_above(growth, RULE.alarm)
    assert np.array_equal(stays_above(growth[:25], RULE.alarm), whole[:25])
    for end in range(8, 41):
        assert whole[end - 1] == np.sort(growth[end - 8 : end])[2]


def test_a_location_needs_calibration_windows() -> None:
    scores = np.arange(200.0)
    assert own_location(scores, RULE) == pytest.approx(74.5)
    assert math.isnan(own_location(scores[:60], RULE))
