"""A context is contiguous: gaps and standstill empty it, a window that is not believed is a blind row."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.context import Context, Step, is_usable
from contract.features import FeatureVector
from contract.profiles import TRANSITION_REGIME, UNKNOWN_REGIME, RegimeSpec, WarmupSpec
from contract.scoring import MIN_CONFIDENCE, Baseline
from contract.signals import ScalarFeature
from tests.contract.machines import machine, scalar

LEVEL = (ScalarFeature.LEVEL,)
WARMUP = 8
PROFILE = machine(
    *(scalar(name, features=LEVEL) for name in ("speed", "b", "c", "d")),
    regime=RegimeSpec("speed", (1.0, 100.0), ("still", "low", "high"), ("still",)),
    warmup=WarmupSpec(WARMUP, 8),
)
T, F = PROFILE.window.context, len(PROFILE.sensors)
ONES = np.ones(F, np.float32)
NAN = math.nan
STANDSTILL, TRANSITION, BLIND, LEARNING, FILLING, READY = Step


def vector(*values: float, regime: str = "low", gap: bool = False) -> FeatureVector:
    row = np.array(values or (10.0, 20.0, 30.0, 40.0), np.float32)
    valid = np.isfinite(row)
    return FeatureVector(0.0, row, valid, regime, gap, {}, {}, float(valid.mean()))


USUAL = vector()
UNBELIEVED = vector(NAN, NAN, NAN, 40.0)
STILL = vector(0.0, 20.0, 30.0, 40.0, regime="still")
AT_GAP = vector(gap=True)


def at_work(*regimes: str) -> Context:
    """A context whose baselines of these regimes are ready; it is empty."""
    baseline = Baseline(PROFILE, ONES, 10**9)
    for regime in regimes or ("low",):
        for _ in range(WARMUP):
            baseline.observe(vector(regime=regime))
    return Context(PROFILE, baseline)


def steps(context: Context, vectors: list[FeatureVector]) -> list[Step]:
    return [context.add(v) for v in vectors]


def test_it_learns_then_fills_and_is_judged_from_half_on() -> None:
    context = Context(PROFILE, Baseline(PROFILE, ONES, 0))
    found = steps(context, [USUAL] * (WARMUP + T + 3))
    assert found == [LEARNING] * WARMUP + [FILLING] * (T // 2 - 1) + [READY] * (T // 2 + 4)


def test_the_newest_window_comes_last_and_the_oldest_falls_out() -> None:
    context = at_work()
    for number in range(T + 3):
        context.add(vector(10.0 + number / 4, 20.0, 30.0, 40.0))
    np.testing.assert_allclose(context.standardised[:, 0], (np.arange(T) + 3) / 4, rtol=1e-6)
    assert not context.standardised[:, 1:].any()
    assert context.valid.all()


def test_after_a_long_time_it_still_holds_the_newest_windows_and_no_others() -> None:
    context, levels, known = at_work(), [0.0] * T, [False] * T
    for number in range(30 * T):
        is_known, level = number % 5 != 3, float(number % 7)
        context.add(vector(10.0 + level, 20.0, 30.0, 40.0) if is_known else UNBELIEVED)
        levels, known = [*levels[1:], level * is_known], [*known[1:], is_known]
        np.testing.assert_allclose(context.standardised[:, 0], levels, rtol=1e-6)
        assert context.valid.all(axis=1).tolist() == context.valid.any(axis=1).tolist() == known


def test_half_of_the_cells_must_be_known_not_half_of_the_windows() -> None:
    half_blind = vector(10.0, 20.0, NAN, NAN)
    assert is_usable(half_blind, PROFILE)
    assert steps(at_work(), [half_blind] * (T + 1)) == [FILLING] * (T - 1) + [READY] * 2
    one_cell_less = [half_blind] * (T - 1) + [vector(10.0, 20.0, 30.0, NAN)]
    context = at_work()
    steps(context, [vector(10.0, 20.0, 30.0, NAN), *one_cell_less])
    assert np.count_nonzero(context.valid) == MIN_CONFIDENCE * T * F + 1
    assert context.add(half_blind) is READY


def test_what_the_baseline_never_saw_is_no_known_cell() -> None:
    baseline = Baseline(PROFILE, ONES, 0)
    for _ in range(WARMUP):
        baseline.observe(vector(10.0, 20.0, 30.0, NAN))
    context = Context(PROFILE, baseline)
    context.add(vector(10.0, 20.0, 30.0, 47.0))
    assert context.valid[-1].tolist() == [True, True, True, False]
    assert context.standardised[-1].tolist() == [0.0] * F


def test_a_gap_empties_it_and_its_first_window_counts() -> None:
    context = at_work()
    assert steps(context, [USUAL] * T)[-1] is READY
    assert context.add(AT_GAP) is FILLING
    assert context.valid.any(axis=1).tolist() == [False] * (T - 1) + [True]
    assert steps(context, [USUAL] * (T // 2 - 1)) == [FILLING] * (T // 2 - 2) + [READY]


def test_standstill_empties_it_and_teaches_nothing() -> None:
    context = at_work()
    steps(context, [USUAL] * T)
    assert steps(context, [STILL] * 3 * WARMUP) == [STANDSTILL] * 3 * WARMUP
    assert not context.valid.any() and not context.standardised.any()
    assert context.add(USUAL) is FILLING
    assert not is_usable(STILL, PROFILE)


def test_standstill_is_seen_even_where_little_is_believed() -> None:
    assert at_work().add(vector(0.0, NAN, NAN, NAN, regime="still")) is STANDSTILL


def test_a_window_that_is_not_believed_is_a_blind_row_and_time_goes_on() -> None:
    context = at_work()
    steps(context, [USUAL] * T)
    assert context.add(UNBELIEVED) is BLIND
    assert context.valid.any(axis=1).tolist() == [True] * (T - 1) + [False]
    assert not context.standardised[-1].any()
    assert context.add(USUAL) is READY
    assert context.valid.any(axis=1).tolist() == [True] * (T - 2) + [False, True]


def test_an_unknown_regime_is_blind_and_teaches_nothing() -> None:
    context = at_work()
    unknown = vector(regime=UNKNOWN_REGIME)
    assert not is_usable(unknown, PROFILE)
    assert steps(context, [unknown] * 3 * WARMUP) == [BLIND] * 3 * WARMUP


def test_a_transition_empties_it_and_teaches_nothing() -> None:
    between = vector(regime=TRANSITION_REGIME)
    assert not is_usable(between, PROFILE)
    learning = Context(PROFILE, Baseline(PROFILE, ONES, 0))
    assert steps(learning, [between] * 3 * WARMUP + [USUAL]) == [TRANSITION] * 3 * WARMUP + [LEARNING]
    context = at_work()
    steps(context, [USUAL] * T)
    assert context.add(between) is TRANSITION
    assert not context.valid.any()
    assert steps(context, [USUAL] * (T // 2)) == [FILLING] * (T // 2 - 1) + [READY]


def test_after_long_blindness_it_says_so_until_enough_is_known_again() -> None:
    context = at_work()
    steps(context, [USUAL] * T + [UNBELIEVED] * T)
    assert steps(context, [USUAL] * (T // 2)) == [BLIND] * (T // 2 - 1) + [READY]


def test_a_blind_start_is_blind() -> None:
    assert steps(at_work(), [UNBELIEVED] * 2) == [BLIND] * 2


def test_a_regime_that_is_still_warming_up_empties_it() -> None:
    context = at_work("low")
    steps(context, [USUAL] * T)
    fast = vector(500.0, 20.0, 30.0, 40.0, regime="high")
    assert steps(context, [fast] * WARMUP) == [LEARNING] * WARMUP
    assert not context.valid.any()
    assert context.add(fast) is FILLING, "learned"


def test_a_regime_that_is_known_goes_on_in_the_same_context() -> None:
    context = at_work("low", "high")
    steps(context, [USUAL] * (T // 2))
    assert context.add(vector(regime="high")) is READY


def test_nothing_is_learned_when_it_may_not_be() -> None:
    baseline = Baseline(PROFILE, ONES, 0)
    context = Context(PROFILE, baseline)
    assert [context.add(USUAL, may_learn=False) for _ in range(3 * WARMUP)] == [LEARNING] * 3 * WARMUP
    assert baseline.progress("low") == 0
    assert not baseline.is_ready("low")
    context.add(USUAL)
    assert baseline.progress("low") == 1


def test_a_profile_without_regimes_never_stands_still() -> None:
    profile = replace(PROFILE, regime=None)
    baseline = Baseline(profile, ONES, 0)
    context = Context(profile, baseline)
    found = [context.add(vector(regime="")) for _ in range(WARMUP + T)]
    assert found[WARMUP - 1 : WARMUP + 1] == [LEARNING, FILLING]
    assert found[-1] is READY


kinds = st.sampled_from([USUAL, USUAL, USUAL, UNBELIEVED, STILL, AT_GAP, vector(10.0, 21.0, NAN, NAN)])


@given(st.lists(kinds, max_size=60))
def test_what_it_holds_is_what_came_since_it_was_emptied(vectors: list[FeatureVector]) -> None:
    context = at_work()
    since: list[FeatureVector] = []
    for now in vectors:
        step = context.add(now)
        since = [] if now is STILL else [now] if now is AT_GAP else [*since, now]
        usable = [is_usable(v, PROFILE) for v in since[-T:]]
        assert context.valid.any(axis=1).tolist() == [False] * (T - len(usable)) + usable
        assert not context.standardised[~context.valid].any(), "cells that do not count are 0 for the model"
        is_known = np.count_nonzero(context.valid) >= MIN_CONFIDENCE * T * F
        assert (step is READY) == (is_known and usable[-1:] == [True])
        assert (step is STANDSTILL) == (now is STILL)


@given(st.lists(kinds, max_size=40), st.lists(kinds, max_size=20))
def test_a_gap_leaves_nothing_behind(before: list[FeatureVector], after: list[FeatureVector]) -> None:
    used, fresh = at_work(), at_work()
    steps(used, before)
    assert steps(used, [AT_GAP, *after]) == steps(fresh, [AT_GAP, *after])
    np.testing.assert_array_equal(used.standardised, fresh.standardised)
    np.testing.assert_array_equal(used.valid, fresh.valid)


@pytest.mark.parametrize("share", [0.25, 0.5, 0.75, 1.0])
def test_a_window_counts_from_half_of_its_features_on(share: float) -> None:
    known = round(share * F)
    row = [10.0, 20.0, 30.0, 40.0][:known] + [NAN] * (F - known)
    assert is_usable(vector(*row), PROFILE) == (share >= MIN_CONFIDENCE)
