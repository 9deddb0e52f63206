"""A machine's windows go into a row and come back as they were; what does not fit is named."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from contract.errors import DataError
from contract.signals import Reading
from models.dataset import read_vectors
from models.errors import TooLittleDataError
from models.export import data_digest
from models.recorded import Recorded, channel_columns, feature_columns, fingerprint, from_row, record, to_row
from models.recordings import Recording
from tests.models.stages.fans import PROFILE, START_S, Odd, fan_readings, fan_recording, make_fan


def listed(machine: Recorded) -> dict[str, Any]:
    """A row as examples hold it: every column a list."""
    return {
        name: value if isinstance(value, list) else [value]
        for name, value in to_row(machine, PROFILE).items()
    }


@pytest.fixture(scope="module")
def fan() -> Recorded:
    return make_fan(1, Odd(seconds=60))


def test_the_vectors_are_those_of_plain_training(fan: Recorded) -> None:
    plain = read_vectors(fan_recording(1, Odd(seconds=60)), PROFILE)
    assert data_digest([fan.vectors]) == data_digest([plain])
    half = record(fan_recording(1, Odd(seconds=60)), PROFILE, healthy_fraction=0.5)
    assert len(half.vectors.vectors) == round(len(plain.vectors) / 2) == len(half.channels["heat"])


def test_channels_hold_what_was_delivered_whatever_was_believed() -> None:
    burning = make_fan(1, Odd(seconds=60, heat_offset=400.0))
    low, high = burning.channels["heat"][5]
    assert 400 < low <= high < 460
    assert not any(vector.valid[2] for vector in burning.vectors.vectors)  # far out of the profile's range
    np.testing.assert_array_less(0, burning.channels["amps"][:, 0])


def test_a_row_gives_the_machine_back(fan: Recorded) -> None:
    back = from_row(listed(fan), PROFILE)
    assert back.machine == "fan-01"
    np.testing.assert_allclose(back.times_s, fan.times_s, atol=1e-6, rtol=0)
    for one, other in zip(back.vectors.vectors, fan.vectors.vectors, strict=True):
        np.testing.assert_array_equal(one.values, other.values)
        np.testing.assert_array_equal(one.valid, other.valid)
        assert (one.regime, one.gap_before) == (other.regime, other.gap_before)
        assert one.confidence == pytest.approx(other.confidence)
    assert back.end_s is None
    for sensor, extremes in fan.channels.items():
        np.testing.assert_array_equal(back.channels[sensor], extremes)


def test_an_end_is_kept(fan: Recorded) -> None:
    assert from_row(listed(replace(fan, end_s=START_S + 70.5)), PROFILE).end_s == START_S + 70.5


def test_columns_are_the_profiles_own(fan: Recorded) -> None:
    row = to_row(fan, PROFILE)
    assert list(row)[:6] == ["machine", "profile", "end_us", "time_us", "gap_before", "regime"]
    assert [*channel_columns(PROFILE), *feature_columns(PROFILE)] == list(row)[6:]
    assert row["profile"] == fingerprint(PROFILE)
    assert fingerprint(PROFILE) != fingerprint(replace(PROFILE, description="another"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"machine": []}, "column machine is missing"),
        ({"profile": ["other 1 abc"]}, "machine fan-01: its windows were cut by profile other 1 abc, and"),
        ({"profile": []}, "were cut by profile unknown"),
        ({"time_us": []}, "machine fan-01: holds no windows"),
        ({"regime": [""]}, "column regime: machine fan-01 has 1 values for 30 windows"),
        ({"low_heat": []}, "column low_heat: machine fan-01 has 0 values"),
        ({"feature_shake_level": [1.0, 2.0]}, "column feature_shake_level: machine fan-01 has 2 values"),
        ({"time_us": [5] * 30}, "column time_us: the windows of machine fan-01 are not in order of time"),
    ],
)
def test_what_no_row_can_hold_is_named(fan: Recorded, change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        from_row({**listed(fan), **change}, PROFILE)


def test_a_recording_without_a_window_is_named() -> None:
    with pytest.raises(TooLittleDataError, match="machine fan-01: was recorded too short for one window"):
        record(fan_recording(1, Odd(seconds=1)), PROFILE)


def test_readings_of_nothing_leave_a_channel_unknown() -> None:
    def readings() -> Any:
        for reading in fan_readings(1, Odd(seconds=60)):
            dead = np.full(1, np.nan, np.float32)
            yield replace(reading, values=dead) if reading.sensor == "amps" else reading

    assert isinstance(next(readings()), Reading)
    silent = record(Recording("fan-01", PROFILE.name, "", readings), PROFILE)
    assert np.isnan(silent.channels["amps"]).all()
    assert np.isfinite(silent.channels["heat"][:-1]).all()
