"""What is known of machines, and what may be said of them."""

import numpy as np
import pytest

from contract.forecast import LEVELS, Bin, Calibration
from contract.lives import End, Life
from models.forecast.truths import MEDIAN, N_LEVELS, Forecasts, Truths
from tests.models.forecast.samples import HORIZON, forecasts, truths


def life(machine: str, end: End, end_age: float) -> Life:
    age = np.arange(1.0, 5.0)
    rows = np.zeros((4, 1), np.float32)
    return Life(machine, "engine", 0, age, rows, rows, end, end_age, group="FD001")


def test_truths_are_read_off_lives() -> None:
    lives = [life("a", End.FAILED, 40), life("b", End.REPLACED, 30), life("c", End.RUNNING, 4)]
    found = Truths.of(lives, HORIZON)
    assert found.remaining.tolist() == [36, 26, 0]
    assert found.is_censored.tolist() == [False, True, True]
    assert found.machines.tolist() == ["a", "b", "c"]
    assert set(found.groups.tolist()) == {"FD001"}


def test_beyond_the_horizon_a_censored_life_is_known_too() -> None:
    found = truths([10, 125, 200, 130, 50], [False, False, False, True, True])
    assert found.capped.tolist() == [10, 125, 125, 125, 50]
    assert found.is_beyond.tolist() == [False, True, True, True, False]
    assert found.is_known.tolist() == [True, True, True, True, False]


def test_some_of_them_by_mask_or_by_place() -> None:
    found = truths([1, 2, 3], machines=["a", "b", "c"])
    assert found.take(np.array([2, 0])).machines.tolist() == ["c", "a"]
    assert forecasts([4, 5, 6]).take(np.array([True, False, True])).mean.tolist() == [4, 6]


@pytest.mark.parametrize("remaining", [[-1.0], [np.nan], [np.inf]])
def test_a_truth_that_is_no_time_cannot_be_built(remaining: list[float]) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        truths(remaining)


def test_shapes_that_differ_cannot_be_built() -> None:
    with pytest.raises(ValueError, match="for each life"):
        truths([1.0, 2.0], [False])
    with pytest.raises(ValueError, match="for each life"):
        forecasts([1.0, 2.0], [0.0], [3.0, 3.0])


@pytest.mark.parametrize(
    ("lower", "upper", "message"), [([3.0], [2.0], "cross"), ([np.nan], [2.0], "numbers")]
)
def test_forecasts_that_say_nothing_cannot_be_built(
    lower: list[float], upper: list[float], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        Forecasts(np.ones(1), np.ones((1, N_LEVELS)), np.array(lower), np.array(upper))


def test_a_models_answer_is_ordered_and_kept_within_the_horizon() -> None:
    answer = np.array([[-4, 20, 10, 50, 60, 70, 300]], np.float32)
    made = Forecasts.of_model(np.array([140.0]), answer, HORIZON)
    assert made.mean.tolist() == [HORIZON]
    assert made.quantiles.tolist() == [[0, 10, 20, 50, 60, 70, HORIZON]]
    assert (made.lower.tolist(), made.upper.tolist()) == ([0], [HORIZON])
    assert made.median.tolist() == [50]
    assert list(LEVELS)[MEDIAN] == "p50"


def test_calibration_moves_the_outermost_quantiles_and_the_others_stay_inside() -> None:
    answer = np.array([[40, 42, 45, 50, 55, 58, 60.0]])
    wider = Forecasts.of_model(np.array([50.0]), answer, HORIZON, Calibration((Bin(0, 5, 10),)))
    assert (wider.lower.tolist(), wider.upper.tolist()) == ([35], [70])
    assert wider.quantiles.tolist() == [[35, 42, 45, 50, 55, 58, 70]]
    narrower = Forecasts.of_model(np.array([50.0]), answer, HORIZON, Calibration((Bin(0, -6, -6),)))
    assert narrower.quantiles.tolist() == [[46, 46, 46, 50, 54, 54, 54]]
