"""Wear rises from 0 to 1 between onset and failure, and only replacement takes it back."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contract.errors import ConfigError
from simulators.degradation import GROWTH, FailureMode, GrowthSpec, WearPath, WearPlan

PLAN = WearPlan(FailureMode.BEARING_OUTER, onset_s=300.0, life_s=200.0, replace_after_s=100.0)


def sampled(path: WearPath, start_s: float, end_s: float) -> list[float]:
    return [path.wear(float(t)) for t in np.linspace(start_s, end_s, 500)]


@settings(max_examples=40, deadline=None)
@given(
    mode=st.sampled_from(list(FailureMode)),
    seed=st.integers(0, 2**40),
    onset_s=st.floats(0, 1e6),
    life_s=st.floats(1, 1e6),
)
def test_wear_rises_within_0_and_1_whatever_the_plan(
    mode: FailureMode, seed: int, onset_s: float, life_s: float
) -> None:
    path = WearPath(WearPlan(mode, onset_s, life_s), seed)
    wears = sampled(path, onset_s, onset_s + 2 * life_s)
    assert wears[0] == 0.0
    assert wears[-1] == 1.0
    assert all(0 <= earlier <= later <= 1 for earlier, later in itertools.pairwise(wears))


def test_the_component_is_new_before_its_onset_and_after_its_replacement() -> None:
    path = WearPath(PLAN, seed=4)
    assert path.wear(0.0) == path.wear(300.0) == 0.0
    assert path.wear(500.0) == path.wear(599.9) == 1.0
    assert path.wear(600.0) == path.wear(1e9) == 0.0


def test_a_component_without_replacement_stays_failed() -> None:
    path = WearPath(WearPlan(FailureMode.WINDING, 10.0, 10.0), seed=4)
    assert path.wear(1e9) == 1.0


def test_growth_accelerates_on_average() -> None:
    halfway = [WearPath(PLAN, seed).wear(400.0) for seed in range(60)]
    growth = GROWTH[PLAN.mode]
    expected = math.expm1(growth.exponent / 2) / math.expm1(growth.exponent)
    assert np.mean(halfway) == pytest.approx(expected, abs=0.03)
    assert np.mean(halfway) < 0.4


def test_growth_without_roughness_is_the_exponential_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(GROWTH, FailureMode.IMBALANCE, GrowthSpec(exponent=0.0, roughness=0.0))
    path = WearPath(WearPlan(FailureMode.IMBALANCE, 0.0, 100.0), seed=1)
    assert path.wear(25.0) == pytest.approx(0.25)


def test_the_same_seed_gives_the_same_path_and_another_seed_another() -> None:
    first, again, other = (sampled(WearPath(PLAN, seed), 300, 500) for seed in (7, 7, 8))
    assert first == again
    assert first != other


def test_every_mode_has_a_growth() -> None:
    assert set(GROWTH) == set(FailureMode)


@pytest.mark.parametrize(
    ("onset_s", "life_s", "replace_after_s", "word"),
    [
        (-1.0, 10.0, 0.0, "onset"),
        (math.nan, 10.0, 0.0, "onset"),
        (math.inf, 10.0, 0.0, "onset"),
        (0.0, 0.0, 0.0, "life"),
        (0.0, math.inf, 0.0, "life"),
        (0.0, 10.0, -1.0, "replace"),
        (0.0, 10.0, math.nan, "replace"),
    ],
)
def test_an_impossible_plan_cannot_be_built(
    onset_s: float, life_s: float, replace_after_s: float, word: str
) -> None:
    with pytest.raises(ConfigError, match=word):
        WearPlan(FailureMode.WINDING, onset_s, life_s, replace_after_s)


@pytest.mark.parametrize(("exponent", "roughness"), [(-1.0, 0.0), (21.0, 0.0), (1.0, -0.1), (1.0, 6.0)])
def test_an_impossible_growth_cannot_be_built(exponent: float, roughness: float) -> None:
    with pytest.raises(ConfigError, match="growth"):
        GrowthSpec(exponent, roughness)
