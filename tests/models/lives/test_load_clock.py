"""The clock runs as the settings say, and a life under steady load keeps its shares."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import DataError
from contract.lives import End, Life, LifeSpec
from models.lives.femto import CLOCK
from models.lives.femto import SPEC as FEMTO
from models.lives.load_clock import LoadClock, LoadFactor

SPEC = LifeSpec("press", "h", 100.0, ("load", "rpm"), ("temp",), components=("seal",))
CUBE = LoadClock((LoadFactor("load", 3.0, 10.0),))


def life(loads: list[float], end_age: float) -> Life:
    """Rows at ages 1, 2, ...; speed never changes."""
    n = len(loads)
    settings = np.stack([np.array(loads), np.full(n, 5.0)], axis=1).astype(np.float32)
    return Life(
        "m", "seal", 0, np.arange(1.0, n + 1), settings, np.zeros((n, 1), np.float32), End.FAILED, end_age
    )


def test_twice_the_load_is_eight_times_as_fast() -> None:
    one = life([10, 20, 20], 5.0)
    assert CUBE.show(one, SPEC).tolist() == [1, 9, 17]
    assert CUBE.show_end(one, SPEC) == 17 + 2 * 8, "after the last row nothing changed"
    again = CUBE.retime(one, SPEC)
    assert (again.age.tolist(), again.end_age) == ([1, 9, 17], 33)
    assert again.settings is one.settings


def test_factors_multiply() -> None:
    both = LoadClock((LoadFactor("rpm", 1.0, 2.5), LoadFactor("load", 2.0, 10.0)))
    assert both.speed(np.array([[20.0, 5.0]]), SPEC.settings).tolist() == [8.0]
    assert both.places(SPEC.settings) == (1, 0)


@given(st.lists(st.floats(0.1, 100), min_size=1, max_size=9), st.floats(0, 50))
def test_without_factors_it_shows_the_age(loads: list[float], more: float) -> None:
    one = life(loads, len(loads) + more)
    np.testing.assert_allclose(LoadClock().show(one, SPEC), one.age)
    assert LoadClock().show_end(one, SPEC) == pytest.approx(one.end_age)


@given(st.floats(0.5, 50), st.integers(1, 9))
def test_under_steady_load_every_age_is_the_same_share_of_the_life(load: float, n: int) -> None:
    one = life([load] * n, n + 1.0)
    np.testing.assert_allclose(
        CUBE.show(one, SPEC) / CUBE.show_end(one, SPEC), one.age / one.end_age, rtol=1e-6
    )


def test_a_load_that_nobody_knows_is_the_reference_and_none_stops_the_clock() -> None:
    assert CUBE.speed(np.array([[np.nan, 1], [0, 1], [-5, 1]]), SPEC.settings).tolist() == [1, 0, 0]
    with pytest.raises(DataError, match="rise strictly"):
        CUBE.retime(life([10, 0, 10], 4.0), SPEC)


def test_a_setting_that_there_is_not() -> None:
    with pytest.raises(DataError, match="load clock: weight is no setting; there are load, rpm"):
        LoadClock((LoadFactor("weight", 1.0, 1.0),)).show(life([1], 1.0), SPEC)


@pytest.mark.parametrize(
    ("power", "reference"), [(-1, 1), (21, 1), (1, 0), (1, -3), (1, np.inf), (np.nan, 1)]
)
def test_factors_that_cannot_be(power: float, reference: float) -> None:
    with pytest.raises(DataError, match="load needs a positive reference and a power of 0 to 20"):
        LoadFactor("load", power, reference)


def test_bearings_turn_and_carry() -> None:
    speed = CLOCK.speed(np.array([[1800.0, 4000.0], [1500.0, 5000.0]]), FEMTO.settings)
    assert speed.tolist() == pytest.approx([1.0, 1500 / 1800 * (5 / 4) ** 3])
    assert replace(CLOCK) == CLOCK
