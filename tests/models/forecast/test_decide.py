"""What is decided on a distribution costs least, by the measure that it is decided for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.forecast import LEVELS
from models.forecast.decide import STEPS, least_pct_error

LEVEL = np.array(list(LEVELS.values()))


def expected_error(said: float, quantiles: np.ndarray, age: float) -> float:  # type: ignore[type-arg]
    """Mean of |said - left| / length over the distribution, straight from its definition."""
    left = np.interp((np.arange(STEPS) + 0.5) / STEPS, LEVEL, quantiles)
    return float(np.mean(np.abs(said - left) / (left + age)))


@given(st.lists(st.floats(0, 1000), min_size=7, max_size=7).map(sorted), st.floats(0.1, 1000))
def test_no_other_answer_costs_less(quantiles: list[float], age: float) -> None:
    row = np.array(quantiles)
    (said,) = least_pct_error(row[None], np.array([age]))
    best = expected_error(said, row, age)
    assert row[0] <= said <= row[-1]
    for other in np.linspace(row[0], row[-1], 50):
        assert best <= expected_error(other, row, age) + 1e-9


def test_a_young_machine_is_answered_with_care_an_old_one_by_its_median() -> None:
    quantiles = np.linspace(100.0, 900.0, 7)[None].repeat(2, axis=0)
    young, old = least_pct_error(quantiles, np.array([0.0, 1e7]))
    assert young < 400
    assert old == pytest.approx(500, abs=10)


def test_an_end_that_is_now() -> None:
    assert least_pct_error(np.zeros((1, 7)), np.zeros(1)).tolist() == [0.0]
