"""A file's network that goes on learning: what it does not learn anew keeps its bytes."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from models.adapt import Adapted, Reopened, adapt
from models.edge_tpu import check_model
from models.errors import ModelFileError
from models.fit import exam_error, start
from models.flatbuffer import read_convolutions
from models.parity import DeviceModel
from models.quantize import convert_aware
from tests.models.networks import CONFIG, HELD_OUT, LENGTH, TRAINING, WIDTH, correlated, predict, rms, tuned

MORE = (*TRAINING, correlated(300, 4))
ADAPTING = replace(CONFIG, adapting_rate=5e-4)


@cache
def before() -> bytes:
    """A file as it was shipped."""
    return convert_aware(tuned().model)


@cache
def after() -> Adapted:
    """The same, adapted."""
    return adapt(before(), MORE, HELD_OUT, ADAPTING)


def changed_layers(file: bytes) -> list[bool]:
    pairs = zip(read_convolutions(before()), read_convolutions(file), strict=True)
    return [bool((old.kernel != new.kernel).any()) for old, new in pairs]


@pytest.mark.slow
def test_a_file_opened_and_converted_again_has_the_same_numbers() -> None:
    start(CONFIG)
    reopened = Reopened.of(before(), LENGTH, WIDTH)
    again = convert_aware(reopened.aware)
    for old, new in zip(read_convolutions(before()), read_convolutions(again), strict=True):
        np.testing.assert_array_equal(new.kernel, old.kernel)
        np.testing.assert_array_equal(new.bias, old.bias)
        np.testing.assert_array_equal(new.kernel_scales, old.kernel_scales)
        assert (new.scale, new.zero_point) == (old.scale, old.zero_point)
    contexts = HELD_OUT[0].standardised
    np.testing.assert_array_equal(
        DeviceModel(again).reconstruct(contexts), DeviceModel(before()).reconstruct(contexts)
    )
    assert rms(predict(reopened.unrounded(), contexts) - predict(reopened.aware, contexts)) < 0.1


@pytest.mark.slow
def test_adapting_learns_and_ranges_stay() -> None:
    adapted = after()
    assert adapted.error < adapted.start_error
    assert adapted.float_error < 1.1 * adapted.start_error
    assert 1 <= adapted.epochs <= CONFIG.tuning_epochs
    for old, new in zip(read_convolutions(before()), read_convolutions(adapted.int8), strict=True):
        np.testing.assert_array_equal(new.kernel_scales, old.kernel_scales)
        assert (new.scale, new.zero_point) == (old.scale, old.zero_point)
    assert any(changed_layers(adapted.int8))
    assert check_model(adapted.int8).refusals == ()


@pytest.mark.slow
def test_what_is_said_of_the_errors_is_so() -> None:
    start(CONFIG)
    opened = Reopened.of(after().int8, LENGTH, WIDTH).aware
    assert exam_error(opened, MORE, HELD_OUT, ADAPTING) == pytest.approx(after().error, rel=1e-3)


@pytest.mark.slow
def test_the_same_again_gives_the_same_file() -> None:
    assert adapt(before(), MORE, HELD_OUT, ADAPTING) == after()


@pytest.mark.slow
def test_only_the_layers_that_are_named_change() -> None:
    file = adapt(before(), MORE, HELD_OUT, ADAPTING, ("reconstructed",)).int8
    assert changed_layers(file) == [False] * (len(read_convolutions(file)) - 1) + [True]


@pytest.mark.slow
def test_where_nothing_is_gained_the_file_stays() -> None:
    hopeless = replace(CONFIG, adapting_rate=1.0, tuning_epochs=1)
    adapted = adapt(before(), MORE, HELD_OUT, hopeless)
    assert adapted.int8 == before()
    assert adapted.error == adapted.start_error


@pytest.mark.slow
def test_a_file_of_another_shape_is_refused() -> None:
    with pytest.raises(ModelFileError, match="train from scratch"):
        Reopened.of(before(), LENGTH, WIDTH + 1)
