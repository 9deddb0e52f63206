"""One error says how far a context is from what a model expects."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from contract.features import feature_specs
from contract.scoring import (
    JUDGED_WINDOWS,
    Z_CLIP,
    Yardstick,
    error_shares,
    feature_errors,
    model_error,
    sensor_errors,
    squared_residuals,
    window_errors,
)
from contract.signals import ScalarFeature
from tests.contract.machines import machine, scalar

T, F = 12, 6
SENSORS = np.array([0, 0, 0, 1, 1, 2], np.intp)
contexts = arrays(np.float32, (T, F), elements=st.floats(-8, 8, width=32))
masks = arrays(np.bool_, (T, F))
ALL = np.ones((T, F), np.bool_)
ZEROS = np.zeros((T, F), np.float32)
USUAL = Yardstick(np.ones(F, np.float32), SENSORS)


def off_by(**deviations: float) -> npt.NDArray[np.float32]:
    """A reconstruction that misses features (`f0`...) by so much in every window."""
    came_out = ZEROS.copy()
    for name, deviation in deviations.items():
        came_out[:, int(name[1:])] = deviation
    return came_out


def test_errors_by_hand() -> None:
    went_in = np.zeros((2, 3), np.float32)
    came_out = np.array([[1, 2, 100], [3, 100, 100]], np.float32)
    valid = np.array([[True, True, False], [True, False, False]])
    yardstick = Yardstick(np.array([1.0, 0.5, 1.0], np.float32), np.array([0, 0, 1]))
    assert squared_residuals(went_in, came_out, valid).tolist() == [5.0, 4.0, 0.0]
    assert feature_errors(went_in, came_out, valid, yardstick).tolist() == [5.0, 8.0, 0.0]
    assert window_errors(went_in, came_out, valid).tolist() == [2.5, 9.0]
    # One sensor is seen, of mean error 6.5; the other is not and does not dilute it.
    assert model_error(went_in, came_out, valid, yardstick) == 6.5
    two_sensors = Yardstick(yardstick.residual, np.array([0, 1, 2]))
    assert model_error(went_in, came_out, valid, two_sensors) == 8.0
    errors = feature_errors(went_in, came_out, valid, two_sensors)
    assert sensor_errors(errors, valid, two_sensors).tolist() == [5.0, 8.0, 0.0]


@given(contexts, contexts)
def test_where_every_cell_counts_the_error_is_that_of_plain_means(
    went_in: npt.NDArray[np.float32], came_out: npt.NDArray[np.float32]
) -> None:
    residual = (went_in.astype(np.float64) - came_out)[-JUDGED_WINDOWS:]
    errors = np.minimum((residual**2).mean(axis=0), Z_CLIP**2)
    means = [errors[sensor == SENSORS].mean() for sensor in range(3)]
    assert model_error(went_in, came_out, ALL, USUAL) == pytest.approx(max(means), rel=1e-9)


def test_a_machine_that_is_as_usual_has_an_error_of_one() -> None:
    residual = np.array([0.1, 0.5, 1.0, 1.0, 2.0, 4.0], np.float32)
    came_out = np.tile(np.sqrt(residual), (T, 1))
    assert model_error(ZEROS, came_out, ALL, Yardstick(residual, SENSORS)) == pytest.approx(1.0)


def test_a_sensor_that_is_far_off_is_not_made_up_for_by_others() -> None:
    """The same sum of squared residuals, on one sensor or on all."""
    each_alone = Yardstick(np.ones(F, np.float32), np.arange(F))
    one_far = model_error(ZEROS, off_by(f5=6.0), ALL, each_alone)
    all_a_little = model_error(ZEROS, np.full((T, F), math.sqrt(6.0), np.float32), ALL, each_alone)
    assert one_far == pytest.approx(36.0)
    assert all_a_little == pytest.approx(6.0)


def test_a_sensor_speaks_with_one_voice_however_many_features_it_has() -> None:
    whole_sensor = model_error(ZEROS, off_by(f0=3.0, f1=3.0, f2=3.0), ALL, USUAL)
    other_sensor = model_error(ZEROS, off_by(f5=3.0), ALL, USUAL)
    one_of_three = model_error(ZEROS, off_by(f0=3.0), ALL, USUAL)
    assert whole_sensor == pytest.approx(other_sensor) == pytest.approx(9.0)
    assert one_of_three == pytest.approx(whole_sensor / 3)


def test_shares_tell_sensors_apart_by_their_own_errors() -> None:
    came_out = off_by(f0=3.0, f1=3.0, f2=3.0, f5=3.0)
    errors = feature_errors(ZEROS, came_out, ALL, USUAL)
    shares = error_shares(errors, ALL, USUAL)
    assert shares.tolist() == pytest.approx([1 / 6, 1 / 6, 1 / 6, 0.0, 0.0, 1 / 2])
    assert not error_shares(np.zeros(F), ALL, USUAL).any()


@given(contexts, contexts, masks)
def test_shares_add_up_and_the_worst_sensor_has_the_largest(
    one: npt.NDArray[np.float32], two: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]
) -> None:
    errors = feature_errors(one, two, valid, USUAL)
    by_sensor = np.bincount(SENSORS, error_shares(errors, valid, USUAL))
    found = sensor_errors(errors, valid, USUAL)
    assert by_sensor.sum() == pytest.approx(1.0) or not found.any()
    np.testing.assert_allclose(by_sensor * found.sum(), found, rtol=1e-9, atol=1e-12)
    assert model_error(one, two, valid, USUAL) == found.max()


def test_what_is_usually_reconstructed_badly_counts_less() -> None:
    residual = np.ones(F, np.float32)
    residual[5] = 9.0
    noisy = Yardstick(residual, SENSORS)
    assert feature_errors(ZEROS, off_by(f5=3.0), ALL, noisy)[5] == 1.0
    assert model_error(ZEROS, off_by(f5=3.0), ALL, noisy) == pytest.approx(
        model_error(ZEROS, off_by(f5=3.0), ALL, USUAL) / 9
    )


def test_only_the_newest_windows_are_judged() -> None:
    older = ZEROS.copy()
    older[:-JUDGED_WINDOWS] = 5.0
    assert model_error(ZEROS, older, ALL, USUAL) == 0.0
    newer = ZEROS.copy()
    newer[-JUDGED_WINDOWS] = 5.0
    assert feature_errors(ZEROS, newer, ALL, USUAL)[0] == pytest.approx(25 / JUDGED_WINDOWS)
    assert np.count_nonzero(window_errors(ZEROS, older, ALL)) == T - JUDGED_WINDOWS, "windows are all shown"


def test_a_context_shorter_than_that_is_judged_whole() -> None:
    short = slice(0, JUDGED_WINDOWS - 4)
    assert model_error(ZEROS[short], off_by(f5=3.0)[short], ALL[short], USUAL) == pytest.approx(
        model_error(ZEROS, off_by(f5=3.0), ALL, USUAL)
    )


def test_sensors_are_numbered_as_the_profile_lists_them() -> None:
    specs = feature_specs(machine(scalar("b"), scalar("a", features=(ScalarFeature.LEVEL,))))
    yardstick = Yardstick.of(np.ones(4, np.float32), specs)
    assert yardstick.sensors.tolist() == [0, 0, 0, 1]


@given(contexts, contexts, masks, st.permutations(range(F)))
def test_masked_cells_and_the_order_of_features_never_matter(
    one: npt.NDArray[np.float32], two: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_], order: list[int]
) -> None:
    error = model_error(one, two, valid, USUAL)
    noise = np.where(valid, two, 1e6).astype(np.float32)
    assert model_error(one, noise, valid, USUAL) == error
    reordered = Yardstick(USUAL.residual[order], SENSORS[order])
    assert model_error(one[:, order], two[:, order], valid[:, order], reordered) == pytest.approx(
        error, rel=1e-6
    )
    np.testing.assert_array_equal(
        feature_errors(one, noise, valid, USUAL), feature_errors(one, two, valid, USUAL)
    )
    np.testing.assert_array_equal(window_errors(one, noise, valid), window_errors(one, two, valid))


@given(contexts, contexts, masks)
def test_errors_are_bounded_and_zero_for_a_perfect_model(
    one: npt.NDArray[np.float32], two: npt.NDArray[np.float32], valid: npt.NDArray[np.bool_]
) -> None:
    assert 0 <= model_error(one, two * 100, valid, USUAL) <= Z_CLIP**2
    assert feature_errors(one, two * 100, valid, USUAL).max() <= Z_CLIP**2
    assert model_error(one, one, valid, USUAL) == 0
    assert window_errors(one, two, valid).shape == (T,)
    assert feature_errors(one, two, valid, USUAL).shape == (F,)


def test_no_valid_cell_is_no_error() -> None:
    assert model_error(ZEROS, ZEROS + 5, ~ALL, USUAL) == 0.0
    early = ~ALL
    early[0] = True
    assert model_error(ZEROS, ZEROS + 5, early, USUAL) == 0.0, "valid long ago is not valid now"
