import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contract.bundle import load_bundle
from contract.scoring import Z_CLIP
from models.dataset import Contexts
from models.metrics import SHIFT_SPREADS, SHIFTED_SHARE, auc, measure, shifted
from models.parity import DeviceModel
from tests.models.machines import PROFILE


def noise(count: int, seed: int, valid_share: float = 1.0) -> Contexts:
    random = np.random.default_rng(seed)
    shape = (count, PROFILE.window.context, 14)
    valid = random.random(shape) < valid_share
    return Contexts(
        f"m-{seed}",
        np.arange(count, dtype=float),
        (random.normal(size=shape) * valid).astype(np.float32),
        valid,
    )


numbers = arrays(np.float64, st.integers(1, 8), elements=st.integers(0, 5).map(float))


@given(numbers, numbers)
def test_auc_counts_pairs(
    healthy: "np.ndarray[tuple[int], np.dtype[np.float64]]",
    other: "np.ndarray[tuple[int], np.dtype[np.float64]]",
) -> None:
    pairs = [(o > h) + (o == h) / 2 for o in other for h in healthy]
    assert auc(healthy, other) == pytest.approx(np.mean(pairs))


def test_a_shift_moves_a_share_of_features_throughout_a_context() -> None:
    machine = noise(50, 1, valid_share=0.8)
    moved = shifted(machine, np.random.default_rng(0))
    difference = moved.standardised - machine.standardised
    changed = np.abs(difference) > 1e-6
    assert not changed[~machine.valid].any()
    assert changed.any(axis=1).sum(axis=1).max() <= max(1, round(SHIFTED_SHARE * 14))
    assert np.abs(difference).max() == pytest.approx(SHIFT_SPREADS, abs=1e-5)
    assert np.abs(moved.standardised).max() <= Z_CLIP


def test_figures_are_of_every_machine_and_repeatable() -> None:
    machines = [noise(80, seed) for seed in (1, 2)]
    model = DeviceModel(load_bundle("pump-loop").model)
    figures = measure(machines, model, PROFILE, 0.2, seed=3)
    assert figures == measure(machines, model, PROFILE, 0.2, seed=3)
    assert figures["held_out_machines"] == 2
    assert figures["scored_windows"] == 2 * (80 - PROFILE.warmup.calibration_windows)
    assert figures["false_window_rate"] == 0
    assert 0.5 < figures["shift_auc"] <= 1
