import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.messages import DEVICE_ID_PATTERN
from models.recordings.rows import monotonic_of, row_readings, safe_id


@given(st.lists(st.floats(min_value=-1e9, max_value=1e9), min_size=1, max_size=50))
def test_the_monotonic_clock_never_goes_back(stamps: list[float]) -> None:
    monotonic = monotonic_of(np.array(stamps), 1.0)
    assert monotonic[0] == 0
    assert (np.diff(monotonic) >= 0).all()


def test_the_monotonic_clock_follows_gaps_and_outlives_jumps() -> None:
    assert monotonic_of(np.array([100.0, 101, 161, 50, 51]), 1.0).tolist() == [0, 1, 61, 62, 63]


def test_each_row_gives_each_sensor_one_sample_in_order() -> None:
    values = np.array([[1.0, 2.0], [3.0, np.nan]])
    readings = list(row_readings(("a", "b"), np.array([10.0, 12.0]), values, 2.0))
    assert [(r.sensor, r.event_time_s, r.monotonic_s) for r in readings] == [
        ("a", 10.0, 0.0),
        ("b", 10.0, 0.0),
        ("a", 12.0, 2.0),
        ("b", 12.0, 2.0),
    ]
    assert [r.values.tolist() for r in readings[:3]] == [[1.0], [2.0], [3.0]]
    assert np.isnan(readings[3].values).all()
    assert readings[0].values.dtype == np.float32


@given(st.text())
def test_every_name_becomes_a_machine_id_that_topics_take(name: str) -> None:
    assert DEVICE_ID_PATTERN.fullmatch(safe_id(name))


@pytest.mark.parametrize(("name", "expected"), [("Bearing1_1", "bearing1-1"), ("@@", "machine")])
def test_names_stay_readable(name: str, expected: str) -> None:
    assert safe_id(name) == expected
