"""The network, its training and its conversion, on a task small enough for seconds."""

import numpy as np
import pytest

from contract.scoring import Z_CLIP
from models.anomaly import AutoencoderConfig, build_model, masked_error
from models.config import FitConfig
from models.dataset import Contexts
from models.fit import corrupt, fit
from models.parity import DeviceModel
from models.quantize import quantize
from models.representative import REPRESENTATIVE_CONTEXTS, WIDENED_SHARE, representative_set

LENGTH, WIDTH = 8, 12
CONFIG = FitConfig(epochs=15, patience=5, seed=3)


def correlated(count: int, seed: int) -> Contexts:
    """Twelve features that follow two hidden causes."""
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(2, WIDTH)) / np.sqrt(2)
    causes = random.normal(size=(count, LENGTH, 2))
    data = (causes @ mixing + 0.1 * random.normal(size=(count, LENGTH, WIDTH))).astype(np.float32)
    return Contexts(f"m-{seed}", np.arange(count, dtype=float), data, np.ones_like(data, np.bool_))


def test_the_network_is_made_for_every_device() -> None:
    model = build_model(AutoencoderConfig(64, 40))
    assert model.output_shape == (None, 1, 64, 40)
    assert model.count_params() < 20_000


def test_only_valid_cells_count_in_the_loss() -> None:
    target = np.zeros((1, 1, 2, 4), np.float32)
    target[0, 0, :, 2:] = [[1, 0], [1, 0]]
    reconstructed = np.array([[[[3, 100], [1, 100]]]], np.float32)
    assert masked_error(target, reconstructed).numpy().tolist() == [5.0]
    target[..., 2:] = 0
    assert masked_error(target, reconstructed).numpy().tolist() == [0.0]


def test_corruption_hides_whole_features_and_windows_but_never_the_last() -> None:
    clean = np.ones((400, LENGTH, WIDTH), np.float32)
    valid = np.ones_like(clean, np.bool_)
    valid[:, :, 0] = False
    config = FitConfig(noise=0.01, lost_features=0.2, lost_windows=0.5)
    hidden = corrupt(clean, valid, config, np.random.default_rng(0)) == 0
    assert hidden[:, :, 0].all()
    lost_windows = hidden.all(axis=2)
    assert not lost_windows[:, -1].any()
    assert lost_windows.any(axis=1).mean() == pytest.approx(0.5, abs=0.1)
    assert hidden[:, -1, 1:].mean() == pytest.approx(0.2, abs=0.03)
    every_second = lost_windows[:, :-1].sum(axis=1) >= LENGTH // 2 - 1
    assert every_second.any()


def test_the_representative_set_reaches_the_clip() -> None:
    contexts = correlated(1000, 1).standardised
    chosen = representative_set(contexts, seed=1)
    peaks = np.abs(chosen).max(axis=(1, 2))
    assert len(chosen) == REPRESENTATIVE_CONTEXTS
    assert (peaks > Z_CLIP - 0.01).sum() == round(REPRESENTATIVE_CONTEXTS * WIDENED_SHARE)
    np.testing.assert_array_equal(chosen, representative_set(contexts, seed=1))
    assert len(representative_set(contexts[:5], seed=1)) == 5


@pytest.mark.slow
def test_training_learns_is_repeatable_and_survives_int8() -> None:
    training, held_out = [correlated(600, 1), correlated(600, 2)], [correlated(200, 3)]
    result = fit(training, held_out, CONFIG)
    assert result.error < 0.35 * np.mean(held_out[0].standardised ** 2), (
        "two causes explain nearly everything"
    )
    again = fit(training, held_out, CONFIG)
    assert all(
        np.array_equal(a, b)
        for a, b in zip(result.model.get_weights(), again.model.get_weights(), strict=True)
    )

    file = quantize(result.model, training[0].standardised, seed=1)
    device = DeviceModel(file)
    assert device.shape == (1, 1, LENGTH, WIDTH)
    assert device.dtypes == (np.int8, np.int8)
    assert device.operations() == ["CONV_2D", "RESHAPE"]
    assert len(file) < 32_000
    contexts = held_out[0].standardised
    expected = result.model.predict(contexts[:, np.newaxis], verbose=0)[:, 0]
    assert np.sqrt(np.mean((device.reconstruct(contexts) - expected) ** 2)) < 0.06
    assert (
        np.abs(device.input.dequantise(device.input.quantise(np.array([-Z_CLIP, Z_CLIP])))).min()
        > Z_CLIP - 0.1
    )
