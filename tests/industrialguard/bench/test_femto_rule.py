"""How bearings are judged by one another."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.profiles import AlarmSpec
from industrialguard.bench.femto_baselines import FeatureAlone
from industrialguard.bench.femto_course import Bearing, Course, Floats, OwnWarmup
from industrialguard.bench.femto_rule import (
    Finding,
    Rule,
    Scored,
    choose_run,
    judge_bearing,
    own_location,
    prediction_bound,
    stays_above,
    student_t,
    young_limit,
)
from industrialguard.bench.report import Role
from tests.industrialguard.bench.bearings import LOUD_FROM, WINDOWS, make_bearing

WARMUP = OwnWarmup(60, 30)
SHORT, LONG = AlarmSpec(k=6, n=8), AlarmSpec(k=24, n=32)
RULE = Rule(WARMUP, (SHORT,), 0.05)
QUARTER = WINDOWS // 4


@dataclass
class Probe:
    """Scores a bearing by its first feature, and keeps what it was shown."""

    name: str = "probe"
    role: Role = Role.BASELINE
    is_seeded: bool = False
    shown: list[tuple[str, str, list[int]]] = field(default_factory=list)

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        self.shown.append((judged.name, scored.name, [len(other.rows) for other in others]))
        return scored.rows[:, 0].copy()


def scored(values: Floats, name: str = "b") -> Scored:
    bearing = Bearing.whole(name, 10.0 * np.arange(len(values)), values[:, np.newaxis])
    return Scored(bearing, WARMUP.course(bearing), values)


def stepped(level: float, first: int, windows: int = WINDOWS) -> Floats:
    """Zero, then a level from one window on."""
    return np.where(np.arange(windows) < first, 0.0, level)


def test_the_alarm_comes_when_it_grows_loud() -> None:
    fleet = [make_bearing(seed) for seed in range(5)]
    for judged in fleet:
        finding = judge_bearing(Probe(), judged, fleet, RULE, 0)
        assert finding.alarm_at in range(LOUD_FROM, LOUD_FROM + 6)  # six of eight, some of them by chance
        assert finding.is_in_time
        assert not finding.is_early


def test_others_are_learned_from_in_their_first_quarter_alone() -> None:
    probe = Probe()
    fleet = [make_bearing(seed) for seed in range(4)]
    judge_bearing(probe, fleet[0], fleet, RULE, 0)
    assert [(judged, shown) for judged, shown, _ in probe.shown] == [
        ("b0", "b1"),
        ("b0", "b2"),
        ("b0", "b3"),
        ("b0", "b0"),
    ]
    assert all(lengths == [QUARTER] * 3 for *_, lengths in probe.shown)


def test_a_restless_youth_of_others_raises_the_limit() -> None:
    calm = [make_bearing(seed) for seed in range(4)]
    restless = [*calm[:3], make_bearing(7, loud_from=100)]
    assert judge_bearing(Probe(), calm[0], calm, RULE, 0).alarm_at is not None
    assert judge_bearing(Probe(), calm[0], restless, RULE, 0).alarm_at is None


def test_nothing_of_the_judged_bearing_s_later_life_moves_its_alarm() -> None:
    fleet = [make_bearing(seed) for seed in range(4)]
    rows = np.concatenate([fleet[0].rows[:-10], fleet[0].rows[-10:] + 3.0])
    louder = replace(fleet[0], rows=rows)
    rule = replace(RULE, runs=(SHORT, LONG))
    first = judge_bearing(Probe(), fleet[0], fleet, rule, 0)
    assert judge_bearing(Probe(), louder, [louder, *fleet[1:]], rule, 0).alarm_at == first.alarm_at


def test_a_bound_is_the_same_in_any_unit() -> None:
    fleet = [make_bearing(seed) for seed in range(5)]
    plain = FeatureAlone("f", (0,), WARMUP)
    stretched = [replace(b, rows=7.0 * b.rows + 2.0) for b in fleet]
    for judged, other in zip(fleet, stretched, strict=True):
        first = judge_bearing(plain, judged, fleet, RULE, 0)
        assert judge_bearing(plain, other, stretched, RULE, 0).alarm_at == first.alarm_at


def test_no_alarm_before_it_is_judged() -> None:
    early = make_bearing(5, loud_from=20)
    finding = judge_bearing(Probe(), early, [early, make_bearing(1), make_bearing(2)], RULE, 0)
    assert finding.alarm_at is None or finding.alarm_at >= WARMUP.course(early).judged_from


def test_as_many_are_accused_as_stated() -> None:
    """The one promise of the rule: with normal peaks, a stated share of new bearings exceeds the bound."""
    random = np.random.default_rng(3)
    for share in (0.05, 1 / 6):
        draws = random.normal(size=(200_000, 6))
        mean, spread = draws[:, :5].mean(axis=1), draws[:, :5].std(axis=1, ddof=1)
        bounds = mean + student_t(4, share) * math.sqrt(1.2) * spread
        assert (draws[:, 5] > bounds).mean() == pytest.approx(share, abs=0.003)
        assert prediction_bound(draws[0, :5].tolist(), share) == pytest.approx(bounds[0])


@pytest.mark.parametrize(
    ("freedom", "share", "expected"),
    [(1, 0.05, 6.314), (2, 0.05, 2.920), (3, 0.05, 2.353), (4, 1 / 6, 1.099), (5, 0.01, 3.365)],
)
def test_t_as_in_the_tables(freedom: int, share: float, expected: float) -> None:
    assert student_t(freedom, share) == pytest.approx(expected, abs=1e-3)


def test_a_lone_bearing_sets_no_limit() -> None:
    assert young_limit([scored(np.zeros(WINDOWS))], SHORT, 0.05) == math.inf
    too_short = scored(np.zeros(WINDOWS)[:200])  # its first quarter is all warm-up
    assert young_limit([scored(np.zeros(WINDOWS)), too_short], SHORT, 0.05) == math.inf


def test_the_run_that_spares_the_others_is_chosen() -> None:
    bursty = stepped(1.0, LOUD_FROM)
    bursty[110:120] = 2.0  # young, for ten windows
    calm = [scored(stepped(1.0, LOUD_FROM), f"b{n}") for n in range(3)]
    rule = replace(RULE, runs=(SHORT, LONG))
    assert choose_run([*calm, scored(bursty)], rule) == LONG
    assert choose_run(calm, rule) == SHORT  # both spare all; the shorter is earlier
    assert choose_run([*calm, scored(bursty)], RULE) == SHORT  # nothing to choose


def test_growth_is_over_its_own_location() -> None:
    values = stepped(1.0, LOUD_FROM) + 5.0
    one = scored(values)
    assert one.most_young(SHORT) == 0.0
    assert one.growth(SHORT)[-1] == 1.0
    assert np.isneginf(one.growth(SHORT)[:95]).all()
    assert one.finding(SHORT, 0.5).alarm_at == LOUD_FROM + 5


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
    finding = Finding(make_bearing(1), alarm_at, judged_from=70)
    assert finding.share == pytest.approx(share)
    assert finding.is_early is is_early
    assert finding.is_in_time is is_in_time
    assert finding.lead_min == (None if lead_min is None else pytest.approx(lead_min))
    assert finding.early_judged == pytest.approx(0.5)


@given(st.integers(1, 12), st.integers(0, 6), st.integers(0, 2**32 - 1))
def test_the_kth_of_n_is_causal(k: int, more: int, seed: int) -> None:
    run = AlarmSpec(k=k, n=k + more)
    growth = np.random.default_rng(seed).normal(size=40)
    whole = stays_above(growth, run)
    assert np.array_equal(stays_above(growth[:25], run), whole[:25])
    for end in range(run.n, 41):
        assert whole[end - 1] == np.sort(growth[end - run.n : end])[more]


def test_a_location_needs_scores() -> None:
    scores = np.arange(200.0)
    assert own_location(scores, Course(0, 60, 90)) == pytest.approx(74.5)
    assert own_location(scores[:60], Course(0, 60, 90)) == 0.0
    scores[60:90] = np.nan
    assert own_location(scores, Course(0, 60, 90)) == 0.0
