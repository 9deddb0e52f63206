"""A machine is compared with itself: the level and spread of each feature, learned in each regime."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError, StateError
from contract.features import FeatureVector, feature_specs, to_model_space
from contract.profiles import WarmupSpec
from contract.scoring import (
    SPREAD_FLOOR,
    Z_CLIP,
    Baseline,
    blend_spread,
)
from contract.signals import ScalarFeature
from tests.contract.machines import machine, scalar, waveform

LEVEL = (ScalarFeature.LEVEL,)
WARMUP = 20
PROFILE = machine(
    scalar("a", features=LEVEL),
    scalar("b", features=LEVEL),
    scalar("c", features=LEVEL),
    warmup=WarmupSpec(WARMUP, 12),
)
ONES = np.ones(3, np.float32)


def vector(*values: float, regime: str = "") -> FeatureVector:
    row = np.array(values, np.float32)
    valid = np.isfinite(row)
    return FeatureVector(0.0, row, valid, regime, False, {}, {}, float(valid.mean()))


def healthy(count: int, seed: int = 0, spread: float = 1.0) -> list[FeatureVector]:
    rng = np.random.default_rng(seed)
    return [vector(*(np.array([10.0, 20.0, 30.0]) + spread * rng.normal(size=3))) for _ in range(count)]


def trained(vectors: list[FeatureVector], prior: int = 0, fleet: npt.NDArray[np.float32] = ONES) -> Baseline:
    baseline = Baseline(PROFILE, fleet, prior)
    for v in vectors:
        baseline.observe(v)
    return baseline


def test_it_is_ready_after_the_warm_up_and_frozen_then() -> None:
    baseline = trained(healthy(WARMUP - 1))
    assert not baseline.is_ready("")
    assert baseline.progress("") == WARMUP - 1
    assert not baseline.standardise(vector(10, 20, 30)).any()
    baseline.observe(vector(10, 20, 30))
    assert baseline.is_ready("")
    before = baseline.standardise(vector(11, 21, 31))
    for _ in range(100):
        baseline.observe(vector(500, 500, 500))
    np.testing.assert_array_equal(baseline.standardise(vector(11, 21, 31)), before)
    assert baseline.progress("") == WARMUP


def test_healthy_windows_are_standard_normal() -> None:
    baseline = Baseline(machine(*PROFILE.sensors, warmup=WarmupSpec(2000, 8)), ONES, 0)
    for v in healthy(2000, spread=3.0):
        baseline.observe(v)
    z = np.array([baseline.standardise(v) for v in healthy(2000, seed=1, spread=3.0)])
    np.testing.assert_allclose(z.mean(axis=0), 0, atol=0.1)
    np.testing.assert_allclose(z.std(axis=0), 1, atol=0.06)


def test_outliers_in_the_warm_up_hardly_move_the_level() -> None:
    vectors = healthy(WARMUP - 2) + [vector(1000, 20, 30)] * 2
    assert abs(trained(vectors).standardise(vector(10, 20, 30))[0]) < 0.1


def test_logarithmic_features_are_standardised_as_logarithms() -> None:
    profile = machine(waveform(), warmup=WarmupSpec(8, 8))
    specs = feature_specs(profile)
    baseline = Baseline(profile, np.full(len(specs), 0.1, np.float32), 10**6)
    row = np.full(len(specs), 2.0)
    for _ in range(8):
        baseline.observe(vector(*row))
    # A huge prior makes the spread the fleet's: 0.1 decades; doubling is 0.301 decades.
    np.testing.assert_allclose(baseline.standardise(vector(*(2 * row))), 3.01, atol=0.01)


@pytest.mark.parametrize(("prior", "expected"), [(0, 1.0), (WARMUP, math.sqrt((1 + 4) / 2)), (10**7, 2.0)])
def test_the_fleet_steadies_a_short_warm_up(prior: int, expected: float) -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=WARMUP)
    noise = (noise - noise.mean()) / noise.std()
    robust = 1.4826 * float(np.median(np.abs(noise - np.median(noise))))
    own = math.sqrt((1 + robust**2) / 2)
    baseline = trained([vector(value, 0, 0) for value in noise], prior, np.full(3, 2.0, np.float32))
    spread = 1 / (baseline.standardise(vector(1.0, 0, 0))[0] - baseline.standardise(vector(0.0, 0, 0))[0])
    exact = math.sqrt((WARMUP * own**2 + prior * 4) / (WARMUP + prior))
    assert spread == pytest.approx(exact, rel=1e-3)
    assert spread == pytest.approx(expected, rel=0.25)


def test_a_machine_noisier_than_its_fleet_is_taken_as_it_is() -> None:
    baseline = trained([vector(value, 0, 0) for value in (-9.0, 9.0) * (WARMUP // 2)], prior=10**7)
    robust = 1.4826 * 9
    assert baseline.standardise(vector(9.0, 0, 0))[0] == pytest.approx(9 / math.sqrt((81 + robust**2) / 2))


def test_a_constant_warm_up_is_not_believed_to_be_constant() -> None:
    baseline = trained([vector(10, 20, 30)] * WARMUP)
    assert baseline.standardise(vector(10.25, 20, 30))[0] == pytest.approx(1.0)


def test_deviations_are_clipped() -> None:
    z = trained(healthy(WARMUP)).standardise(vector(1e30, -1e30, 30))
    assert z[:2].tolist() == [Z_CLIP, -Z_CLIP]


def test_regimes_have_baselines_of_their_own() -> None:
    baseline = Baseline(PROFILE, ONES, 0)
    for v in healthy(WARMUP):
        baseline.observe(vector(*v.values, regime="low"))
        baseline.observe(vector(*(v.values + 100), regime="high"))
    assert baseline.is_ready("low") and baseline.is_ready("high") and not baseline.is_ready("")
    assert np.abs(baseline.standardise(vector(110, 120, 130, regime="high"))).max() < 1
    assert baseline.standardise(vector(110, 120, 130, regime="low")).tolist() == [Z_CLIP] * 3


def test_a_vector_of_low_confidence_teaches_nothing() -> None:
    nan = math.nan
    baseline = trained([vector(nan, nan, 30)] * 100)
    assert not baseline.is_ready("")
    assert baseline.progress("") == 0


def test_what_was_never_seen_stays_masked() -> None:
    baseline = trained([vector(v.values[0], math.nan, v.values[2]) for v in healthy(WARMUP)])
    assert baseline.is_ready("")
    now = vector(10, 20, 30)
    assert baseline.mask(now).tolist() == [True, False, True]
    assert baseline.standardise(now)[1] == 0


def test_what_is_not_valid_now_is_masked() -> None:
    baseline = trained(healthy(WARMUP))
    now = vector(math.nan, 20, 30)
    assert baseline.mask(now).tolist() == [False, True, True]
    z = baseline.standardise(now)
    assert z[0] == 0
    assert np.isfinite(z).all()


def test_a_regime_that_is_not_ready_is_masked() -> None:
    assert not Baseline(PROFILE, ONES, 0).mask(vector(1, 2, 3)).any()


@pytest.mark.parametrize(
    "spread",
    [
        np.ones(2),
        np.array([1, 0, 1]),
        np.array([1, -1, 1]),
        np.array([1, math.nan, 1]),
        np.array([1, math.inf, 1]),
    ],
)
def test_a_fleet_spread_that_cannot_be_is_refused(spread: npt.NDArray[Any]) -> None:
    with pytest.raises(ConfigError, match="3 positive"):
        Baseline(PROFILE, spread.astype(np.float32), 1)


def test_a_negative_prior_is_refused() -> None:
    with pytest.raises(ConfigError):
        Baseline(PROFILE, ONES, -1)


values = st.floats(-1e6, 1e6, width=32) | st.just(math.nan)
rows = st.lists(st.tuples(values, values, values, st.sampled_from(["", "low", "high"])), max_size=3 * WARMUP)


@given(rows, rows)
def test_a_restart_changes_nothing(before: list[Any], after: list[Any]) -> None:
    original = Baseline(PROFILE, ONES, 5)
    for *row, regime in before:
        original.observe(vector(*row, regime=regime))
    state = json.loads(json.dumps(original.to_state(), allow_nan=False))
    again = Baseline.from_state(state, PROFILE, ONES, 5)
    for *row, regime in after:
        now = vector(*row, regime=regime)
        original.observe(now)
        again.observe(now)
        assert original.is_ready(regime) == again.is_ready(regime)
        np.testing.assert_array_equal(original.standardise(now), again.standardise(now))
        np.testing.assert_array_equal(original.mask(now), again.mask(now))
    assert original.to_state() == again.to_state()


NONSENSE: list[Any] = [None, [], 5, {"": None}, {"": 3}]
NO_ROWS: list[Any] = [None, [], [1, 2], ["a", "b", "c"], [None, 1.0, 2.0], [1.0, -1.0, math.inf]]


def damaged(state: dict[str, Any]) -> list[Any]:
    """States that no agent wrote."""
    ready = state["ready"][""]
    out: list[Any] = [
        {},
        {"version": 1},
        [],
        None,
        "text",
        {**state, "version": 2},
        {**state, "features": ["x"]},
    ]
    out += [{**state, key: wrong} for key in ("learning", "ready") for wrong in NONSENSE]
    for key in ("level", "spread", "known"):
        out += [{**state, "ready": {"": {**ready, key: wrong}}} for wrong in NO_ROWS]
    out.append({**state, "ready": {"": {**ready, "spread": [1.0, 0.0, 1.0]}}})
    out.append({**state, "learning": {"": [[1.0, 2.0]]}})
    out.append({**state, "learning": {"": [[1.0, 2.0, 3.0]] * WARMUP}})
    out.append({**state, "learning": {"": [[1.0, 2.0, "x"]]}})
    return out


def test_a_damaged_state_is_one_clear_error() -> None:
    for state in damaged(trained(healthy(WARMUP)).to_state()):
        with pytest.raises(StateError, match="learn anew") as caught:
            Baseline.from_state(state, PROFILE, ONES, 0)
        assert "\n" not in str(caught.value)


def test_levels_are_in_the_features_units() -> None:
    profile = machine(waveform(), scalar("t", features=LEVEL), warmup=WarmupSpec(8, 8))
    specs = feature_specs(profile)
    baseline = Baseline(profile, np.full(len(specs), 0.1, np.float32), 1)
    row = np.full(len(specs), 50.0, np.float32)
    row[0] = math.nan
    assert np.isnan(baseline.levels("")).all()
    for _ in range(8):
        baseline.observe(vector(*row))
    np.testing.assert_allclose(baseline.levels(""), row, rtol=1e-5)


@pytest.mark.parametrize(("prior", "spread"), [(0, 1.0), (4, math.sqrt((4 * 1 + 4 * 9) / 8)), (10**9, 3.0)])
def test_a_blended_spread_by_hand(prior: int, spread: float) -> None:
    own = np.array([-1.0, -1 / 1.4826, 1 / 1.4826, 1.0])
    middle = 1.4826 * float(np.median(np.abs(own)))
    exact = math.sqrt((4 * (middle**2 + own.var()) / 2 + prior * 9) / (4 + prior))
    assert blend_spread(own, 3.0, prior) == pytest.approx(exact)
    assert blend_spread(own, 3.0, prior) == pytest.approx(spread, rel=0.1)
    assert blend_spread(np.zeros(4), 3.0, 0) == SPREAD_FLOOR * 3.0


def test_model_space_is_what_a_baseline_learns_in() -> None:
    profile = machine(waveform(), warmup=WarmupSpec(8, 8))
    specs = feature_specs(profile)
    row = np.full(len(specs), 50.0, np.float32)
    baseline = Baseline(profile, np.full(len(specs), 0.1, np.float32), 1)
    for _ in range(8):
        baseline.observe(vector(*row))
    np.testing.assert_allclose(
        baseline.to_state()["ready"][""]["level"], to_model_space(row, specs), rtol=1e-6
    )
