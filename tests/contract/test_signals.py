"""A sensor that could not exist cannot be built."""

from __future__ import annotations

import math
from typing import Any

import pytest

from contract.errors import ConfigError
from contract.signals import (
    NAME_PATTERN,
    STANDARD_GRAVITY,
    TO_METRE_PER_SECOND_SQUARED,
    UCUM_UNITS,
    Quality,
    QualityFlag,
    Quantity,
    SensorKind,
    SensorSpec,
    SlowChange,
)


def spec(**changes: Any) -> SensorSpec:
    fields: dict[str, Any] = {"name": "a", "quantity": Quantity.PRESSURE, "unit": "bar", "rate_hz": 1.0}
    return SensorSpec(**{**fields, **changes})


def test_every_quantity_has_units_and_every_acceleration_a_factor() -> None:
    assert set(UCUM_UNITS) == set(Quantity)
    assert set(UCUM_UNITS[Quantity.ACCELERATION]) == set(TO_METRE_PER_SECOND_SQUARED)
    assert TO_METRE_PER_SECOND_SQUARED["[g]"] == STANDARD_GRAVITY == 9.80665
    assert TO_METRE_PER_SECOND_SQUARED["m[g]"] == pytest.approx(0.00980665)


@pytest.mark.parametrize("quantity", Quantity)
def test_every_unit_of_a_quantity_is_accepted(quantity: Quantity) -> None:
    for unit in UCUM_UNITS[quantity]:
        assert spec(quantity=quantity, unit=unit).unit == unit


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "A"},
        {"name": "1a"},
        {"name": "a/b"},
        {"name": "a\n"},
        {"name": "a" * 41},
        {"unit": "Pascal"},
        {"unit": "m/s2"},
        {"rate_hz": 0.0},
        {"rate_hz": -1.0},
        {"rate_hz": math.nan},
        {"rate_hz": math.inf},
        {"range_min": 1.0, "range_max": 1.0},
        {"range_min": math.nan},
        {"range_max": 3.3e38},
        {"stuck_after_s": 0.0},
        {"stuck_after_s": math.nan},
        {"burst_samples": 64},
        {"features": ()},
        {"kind": SensorKind.WAVEFORM, "burst_samples": 64},
        {"kind": SensorKind.WAVEFORM, "burst_samples": 63, "quantity": Quantity.ACCELERATION, "unit": "[g]"},
    ],
)
def test_a_sensor_that_could_not_exist_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="sensor"):
        spec(**changes)


def test_a_burst_lasts_as_long_as_its_samples() -> None:
    assert spec().burst_s == 0
    burst = spec(
        kind=SensorKind.WAVEFORM,
        burst_samples=2560,
        quantity=Quantity.ACCELERATION,
        unit="[g]",
        rate_hz=25_600.0,
    )
    assert burst.burst_s == 0.1


def test_flags_are_single_bits_and_fit_a_message() -> None:
    bits = [int(flag) for flag in QualityFlag if flag]
    assert all(bit & (bit - 1) == 0 for bit in bits)
    assert sum(bits) == 255
    assert [int(q) for q in Quality] == [0, 1, 2]


def test_names_are_safe() -> None:
    assert NAME_PATTERN.fullmatch("vib_h2")
    for name in ("", "_a", "a-b", "a b", "a'b", "a<b", "ä"):
        assert not NAME_PATTERN.fullmatch(name)


@pytest.mark.parametrize(
    ("quantity", "unit", "slow_change", "shows_wear"),
    [
        (Quantity.ACCELERATION, "m/s2", SlowChange.DRIFT, True),
        (Quantity.VELOCITY, "mm/s", SlowChange.DRIFT, True),
        (Quantity.TEMPERATURE, "Cel", SlowChange.DRIFT, False),
        (Quantity.TEMPERATURE, "Cel", SlowChange.WEAR, True),
    ],
)
def test_vibration_shows_wear_and_anything_else_where_a_profile_says_so(
    quantity: Quantity, unit: str, slow_change: SlowChange, shows_wear: bool
) -> None:
    spec = SensorSpec("s", quantity, unit, 1.0, slow_change=slow_change)
    assert spec.shows_wear == shows_wear
