"""The network that learned to be rounded, and its file."""

import numpy as np
import pytest

from contract.scoring import Z_CLIP, Values
from models.anomaly import AutoencoderConfig, build_model
from models.aware import PREFIX, make_aware
from models.edge_tpu import check_model
from models.fit import stack, start
from models.flatbuffer import read_network
from models.parity import DeviceModel
from models.quantize import convert_aware
from models.representative import representative_set
from tests.models.networks import (
    CONFIG,
    HELD_OUT,
    LENGTH,
    TRAINING,
    WIDTH,
    float_twin,
    predict,
    raised,
    rms,
    student,
    tuned,
)


def test_ranges_start_where_the_contexts_lead() -> None:
    start(CONFIG)
    model = build_model(AutoencoderConfig.student(LENGTH, WIDTH))
    contexts, _ = stack(TRAINING)
    aware = make_aware(model, representative_set(contexts, seed=1))
    ranges = {v.name.partition(":")[0]: v.numpy() for v in aware.non_trainable_variables}
    assert ranges["quantize_layer/quantize_layer_min"] == -Z_CLIP
    assert ranges["quantize_layer/quantize_layer_max"] == Z_CLIP
    seen = predict(model, representative_set(contexts, seed=1))
    name = f"{PREFIX}reconstructed/post_activation"
    assert ranges[f"{name}_min"] == pytest.approx(seen.min(), rel=1e-5)
    assert ranges[f"{name}_max"] == pytest.approx(seen.max(), rel=1e-5)
    assert ranges[f"{PREFIX}enter/post_activation_min"] == 0, "nothing is below 0 after a rectifier"


def test_wrapping_rounds_and_leaves_the_student_as_it_is() -> None:
    start(CONFIG)
    model = build_model(AutoencoderConfig.student(LENGTH, WIDTH))
    contexts, _ = stack(HELD_OUT)
    before = predict(model, contexts)
    aware = make_aware(model, representative_set(contexts, seed=1))
    np.testing.assert_array_equal(predict(model, contexts), before)
    assert 0 < rms(predict(aware, contexts) - before) < 0.1 * rms(before)


@pytest.mark.slow
def test_the_file_is_what_was_tuned() -> None:
    file = convert_aware(tuned().model)
    device = DeviceModel(file)
    contexts, _ = stack(HELD_OUT)
    reconstructed = device.reconstruct(contexts)
    assert rms(reconstructed - predict(tuned().model, contexts)) < device.output.scale
    error = float(np.mean((reconstructed - contexts) ** 2))
    floats = float(np.mean((predict(student().model, contexts) - contexts) ** 2))
    assert error < 1.1 * floats, "int8 costs little"
    assert tuned().error < 1.1 * student().error


@pytest.mark.slow
def test_the_file_is_made_for_every_device() -> None:
    file = convert_aware(tuned().model)
    device = DeviceModel(file)
    assert device.shape == (1, 1, LENGTH, WIDTH)
    assert device.dtypes == (np.int8, np.int8)
    assert check_model(file).refusals == ()
    operations = [(o.name, o.version) for o in read_network(file).operations]
    assert sorted(set(operations)) == [("CONV_2D", 3), ("RESHAPE", 1)], "nothing of the rounding is left over"
    assert len(operations) == 9


@pytest.mark.slow
def test_ranges_of_healthy_contexts_alone_clip_what_it_is_there_to_see() -> None:
    contexts, _ = stack(TRAINING)
    expected = predict(student().model, raised())

    def astray(seen: Values) -> float:
        device = DeviceModel(convert_aware(make_aware(student().model, seen)))
        return rms(device.reconstruct(raised()) - expected) / rms(expected)

    widened = astray(representative_set(contexts, seed=1))
    assert widened < 0.15
    assert astray(contexts[:300]) > 2 * widened


@pytest.mark.slow
def test_a_context_at_the_clip_is_reconstructed_as_without_rounding() -> None:
    device = DeviceModel(convert_aware(tuned().model))
    ends = device.input.dequantise(device.input.quantise(np.array([-Z_CLIP, Z_CLIP])))
    assert np.abs(ends).min() > Z_CLIP - 0.1
    expected = predict(float_twin(tuned().model), raised())
    assert np.abs(expected).max() > 4, "the network follows what is raised"
    assert rms(device.reconstruct(raised()) - expected) < 0.1 * rms(expected)
