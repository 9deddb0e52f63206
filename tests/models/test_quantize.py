"""From a network to a file: small, int8 throughout, and not blind to what it is there to see."""

from collections.abc import Callable

import numpy as np
import pytest

from contract.features import feature_specs
from contract.profiles import load_profile, profile_names
from contract.scoring import Z_CLIP, Values
from models.anomaly import AutoencoderConfig, build_model
from models.edge_tpu import check_model
from models.fit import stack
from models.parity import DeviceModel
from models.quantize import calibrate_to_int8, convert_float, quantize
from tests.models.networks import HELD_OUT, LENGTH, TRAINING, WIDTH, predict, raised, rms, student

SMALL_BYTES = 32_000
SHAPES = {
    name: (profile.window.context, len(feature_specs(profile)))
    for name, profile in ((name, load_profile(name)) for name in profile_names())
} | {"the largest": (64, 40)}


@pytest.mark.parametrize("name", SHAPES)
def test_the_student_fits_every_device(name: str) -> None:
    length, width = SHAPES[name]
    contexts = np.random.default_rng(0).normal(size=(10, length, width)).astype(np.float32)
    file = quantize(build_model(AutoencoderConfig.student(length, width)), contexts, seed=1)
    assert len(file) <= SMALL_BYTES
    device = DeviceModel(file)
    assert device.shape == (1, 1, length, width)
    assert device.dtypes == (np.int8, np.int8)
    assert device.operations() == ["CONV_2D", "RESHAPE"]
    assert check_model(file).refusals == ()


@pytest.mark.slow
def test_int8_says_what_float_says() -> None:
    training, _ = stack(TRAINING)
    file = quantize(student().model, training, seed=1)
    device = DeviceModel(file)
    contexts, _ = stack(HELD_OUT)
    assert rms(device.reconstruct(contexts) - predict(student().model, contexts)) < 0.06
    assert file == quantize(student().model, training, seed=1)
    assert file != quantize(student().model, training, seed=2)


@pytest.mark.slow
def test_the_input_reaches_the_clip() -> None:
    device = DeviceModel(quantize(student().model, stack(TRAINING)[0], seed=1))
    ends = device.input.dequantise(device.input.quantise(np.array([-Z_CLIP, Z_CLIP])))
    assert np.abs(ends).min() > Z_CLIP - 0.1


@pytest.mark.slow
def test_calibrated_on_healthy_contexts_alone_it_clips_what_it_is_there_to_see() -> None:
    contexts, _ = stack(TRAINING)
    expected = predict(student().model, raised())

    def astray(make: Callable[[Values], bytes]) -> float:
        return rms(DeviceModel(make(contexts)).reconstruct(raised()) - expected) / rms(expected)

    widened = astray(lambda c: quantize(student().model, c, seed=1))
    healthy_alone = astray(lambda c: calibrate_to_int8(student().model, c[:300]))
    assert widened < 0.15
    assert healthy_alone > 2 * widened


def test_a_float_file_is_float_throughout() -> None:
    model = build_model(AutoencoderConfig.student(LENGTH, WIDTH))
    device = DeviceModel(convert_float(model))
    assert device.shape == (1, 1, LENGTH, WIDTH)
    assert device.dtypes == (np.float32, np.float32)


@pytest.mark.slow
def test_conversion_says_nothing_on_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    capfd.readouterr()
    quantize(build_model(AutoencoderConfig.student(LENGTH, WIDTH)), stack(TRAINING)[0][:20], seed=1)
    out, err = capfd.readouterr()
    assert out == err == ""
