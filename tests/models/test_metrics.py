import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contract.bundle import Bundle
from contract.features import feature_specs
from contract.scoring import Z_CLIP, Yardstick
from models.calibrate import FleetError
from models.dataset import Contexts
from models.metrics import SHIFT_SPREADS, SHIFTED_SHARE, Healthy, auc, measure, shifted
from models.parity import DeviceModel
from tests.models.machines import PROFILE

SPECS = feature_specs(PROFILE)


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


def test_figures_are_of_every_machine_and_repeatable(bundle: Bundle) -> None:
    machines = [noise(80, seed) for seed in (1, 2)]
    model = DeviceModel(bundle.model)
    healthy = Healthy(PROFILE, bundle.yardstick, FleetError(*bundle.manifest.error_prior[:2]))
    figures = measure(machines, model, healthy, seed=3)
    assert figures == measure(machines, model, healthy, seed=3)
    assert figures["held_out_machines"] == 2
    assert figures["scored_windows"] == 2 * (80 - PROFILE.warmup.calibration_windows)
    assert figures["false_window_rate"] == 0
    assert figures["held_out_error"] > 0
    assert 0.5 < figures["shift_auc"] <= 1
    assert 0.5 < figures["shift_auc_without_network"] <= 1


def test_windows_over_the_alarm_threshold_are_counted(bundle: Bundle) -> None:
    calm, needed = noise(80, 1), PROFILE.warmup.calibration_windows
    loud = calm.standardised.copy()
    loud[needed:] *= 100
    machine = Contexts("loud", calm.event_times_s, np.clip(loud, -Z_CLIP, Z_CLIP), calm.valid)
    healthy = Healthy(PROFILE, Yardstick.of(np.ones(14, np.float32), SPECS), FleetError(0.0, 0.3))
    figures = measure([machine, calm], DeviceModel(bundle.model), healthy, seed=3)
    assert figures["false_window_rate"] == 0.5
