"""What is answered is read off one distribution, so that quantiles cannot cross."""

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from contract.forecast import LEVELS, Bin, Calibration, InputSpec
from contract.lives import LifeSpec
from contract.rul_bundle import RulManifest
from models.keras3 import ops
from models.rul import Answer
from tests.models.forecast.networks import N_BINS, distribution, to_numpy

Floats = npt.NDArray[np.float64]

weights = hnp.arrays(
    np.float64, (8, N_BINS + 1), elements=st.one_of(st.just(0.0), st.floats(1e-9, 1.0))
).filter(lambda values: bool((values.sum(1) > 0).all()))


@given(weights, st.floats(0.01, 1e5))
@settings(deadline=None, max_examples=80)
def test_quantiles_rise_and_stay_within_the_horizon(values: Floats, horizon: float) -> None:
    chance = (values / values.sum(1, keepdims=True)).astype(np.float32)
    said = to_numpy(Answer(horizon, N_BINS)(ops.convert_to_tensor(chance)))
    assert (np.diff(said["quantiles"], axis=1) >= 0).all()
    for each in said.values():
        assert each.min() >= 0
        assert each.max() <= horizon * (1 + 1e-6)


@given(hnp.arrays(np.float64, (4, N_BINS + 1), elements=st.floats(0.01, 1.0)))
@settings(deadline=None, max_examples=40)
def test_quantiles_are_the_inverse_of_the_distribution(values: Floats) -> None:
    chance = values / values.sum(1, keepdims=True)
    said = to_numpy(Answer(100.0, N_BINS)(ops.convert_to_tensor(chance.astype(np.float32))))
    reached = np.concatenate([np.zeros((4, 1)), np.cumsum(chance[:, :-1], 1)], 1)
    edges = np.linspace(0, 100, N_BINS + 1)
    for row, quantiles in zip(reached, said["quantiles"], strict=True):
        expected = np.interp(list(LEVELS.values()), row, edges)
        np.testing.assert_allclose(quantiles, expected, atol=0.05)


def test_a_uniform_distribution() -> None:
    said = distribution([0.1] * 10 + [0.0], 200.0)
    np.testing.assert_allclose(said["quantiles"], [200 * level for level in LEVELS.values()], rtol=1e-5)
    assert said["mean"].tolist() == pytest.approx([100.0])


def test_all_mass_in_one_bin() -> None:
    said = distribution([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], 100.0)
    np.testing.assert_allclose(said["quantiles"], [30 + 10 * level for level in LEVELS.values()], rtol=1e-5)
    assert said["mean"].tolist() == pytest.approx([35.0])


def test_mass_in_two_bins_far_apart() -> None:
    said = distribution([0.4, 0, 0, 0, 0, 0, 0, 0, 0, 0.4, 0.2], 100.0)
    expected = [1.25, 2.5, 6.25, 92.5, 98.75, 100.0, 100.0]
    np.testing.assert_allclose(said["quantiles"], expected, rtol=1e-5)
    assert said["mean"].tolist() == pytest.approx([0.4 * 5 + 0.4 * 95 + 0.2 * 100])


def test_half_of_it_beyond_the_horizon() -> None:
    said = distribution([0.5] + [0] * 9 + [0.5], 100.0)
    assert said["quantiles"][-3:].tolist() == pytest.approx([100.0] * 3)
    assert said["quantiles"][0] == pytest.approx(1.0)
    assert said["mean"].tolist() == pytest.approx([52.5])


def test_all_of_it_beyond_the_horizon() -> None:
    said = distribution([0.0] * 10 + [1.0], 125.0)
    assert said["quantiles"].tolist() == [125.0] * len(LEVELS)
    assert said["mean"].tolist() == [125.0]


@pytest.mark.parametrize("horizon", [125.0, 53.0, 209.0, 0.7, 125.3])
def test_a_life_beyond_the_horizon_is_said_to_be(horizon: float) -> None:
    chance = np.array([[0.0] * 25 + [1.0]], np.float32)
    said = to_numpy(Answer(horizon, 25)(ops.convert_to_tensor(chance)))
    as_said = Calibration((Bin(0.0, 0.0, 0.0),))
    life = LifeSpec("pump", "cycle", horizon, sensors=("heat",), components=("pump",))
    manifest = RulManifest("pump", "1", InputSpec(life, 40, 0), as_said, as_said)
    forecast = manifest.forecasts(said)[0]
    assert forecast is not None
    assert forecast.is_beyond
