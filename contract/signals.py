"""What a sensor is, what it delivers, and how far its samples may be believed.

Rule: a sensor that could not exist (unknown unit, empty range, rate of zero) cannot be built. Units are UCUM
codes, the quality vocabulary follows ISO 13374-2 / OPC UA (good, uncertain, bad).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag, StrEnum

import numpy as np
import numpy.typing as npt

from contract.errors import ConfigError

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Sensor, feature and regime names: short, lower case, safe in topics, SQL, JSON and HTML."""

Samples = npt.NDArray[np.float32]


class Quantity(StrEnum):
    """The physical quantities a sensor may deliver."""

    ACCELERATION = "acceleration"
    VELOCITY = "velocity"
    TEMPERATURE = "temperature"
    PRESSURE = "pressure"
    CURRENT = "current"
    VOLTAGE = "voltage"
    FLOW = "flow"
    SPEED = "speed"
    LENGTH = "length"
    RATIO = "ratio"


UCUM_UNITS: dict[Quantity, tuple[str, ...]] = {
    Quantity.ACCELERATION: ("m/s2", "[g]", "m[g]"),
    Quantity.VELOCITY: ("m/s", "mm/s", "[in_i]/s"),
    Quantity.TEMPERATURE: ("Cel", "K", "[degF]", "[degR]"),
    Quantity.PRESSURE: ("Pa", "kPa", "bar", "[psi]"),
    Quantity.CURRENT: ("A", "mA"),
    Quantity.VOLTAGE: ("V", "mV"),
    Quantity.FLOW: ("L/min", "m3/h", "kg/s", "[lb_av]/s"),
    Quantity.SPEED: ("/min", "Hz", "rad/s"),
    Quantity.LENGTH: ("m", "mm", "[ft_i]"),
    Quantity.RATIO: ("1", "%"),
}
"""UCUM codes (https://ucum.org/ucum) accepted for each quantity; the first is the preferred one."""

LARGEST = 3.0e38
"""Samples are float32; limits stay below its largest number."""
MIN_BURST_SAMPLES = 64
MAX_BURST_SAMPLES = 1_000_000

STANDARD_GRAVITY = 9.80665
"""m/s² in one [g], exactly (ISO 80000-3)."""

TO_METRE_PER_SECOND_SQUARED = {"m/s2": 1.0, "[g]": STANDARD_GRAVITY, "m[g]": STANDARD_GRAVITY / 1000.0}

PER_KELVIN = {"Cel": 1.0, "K": 1.0, "[degF]": 1.8, "[degR]": 1.8}
"""Units of temperature in one kelvin of difference."""


class SensorKind(StrEnum):
    """How a sensor delivers: one value at a time, or a burst of a fast waveform once per hop."""

    SCALAR = "scalar"
    WAVEFORM = "waveform"


class Quality(IntEnum):
    """How far one sample may be believed (OPC UA's three classes)."""

    GOOD = 0
    UNCERTAIN = 1
    BAD = 2


class QualityFlag(IntFlag):
    """Why a sample is not good; flags add up over an interval."""

    NONE = 0
    NOT_A_NUMBER = 1
    OUT_OF_RANGE = 2
    STUCK = 4
    GAP = 8
    DUPLICATE = 16
    CLOCK_JUMP = 32
    CLIPPED = 64
    MISSING = 128


class SlowChange(StrEnum):
    """What it means when a sensor's values slowly move away and stay there."""

    DRIFT = "drift"
    """The weather, the plant or the sensor itself: nothing of the machine's."""
    WEAR = "wear"
    """What a worn machine looks like."""


class ScalarFeature(StrEnum):
    """What is computed from the samples of a slow sensor in one window."""

    LEVEL = "level"
    SLOPE = "slope"
    SPREAD = "spread"


@dataclass(frozen=True, slots=True)
class SensorSpec:
    """One sensor of a machine.

    Raises:
        ConfigError: a field is outside what a real sensor could have.
    """

    name: str
    """Unique in its machine, lower case (`NAME_PATTERN`)."""
    quantity: Quantity
    unit: str
    """UCUM code that fits the quantity."""
    rate_hz: float
    """Samples per second; within a burst for a waveform."""
    kind: SensorKind = SensorKind.SCALAR
    axis: str = ""
    """Where it points or sits, for people: `horizontal`, `drive end` …"""
    range_min: float = -math.inf
    """Lowest value the sensor can truly deliver, in `unit`."""
    range_max: float = math.inf
    """Highest value the sensor can truly deliver, in `unit`."""
    stuck_after_s: float = math.inf
    """Longest time the same number may repeat before it is not believed (scalars only), in s."""
    burst_samples: int = 0
    """Samples in one burst; waveforms only."""
    slow_change: SlowChange = SlowChange.DRIFT
    """What it means when its values slowly move away: vibration is always the machine's wear (ISO 20816-1), a
    temperature, a pressure or a current only where somebody who knows the machine says so."""
    features: tuple[ScalarFeature, ...] = (ScalarFeature.LEVEL, ScalarFeature.SLOPE, ScalarFeature.SPREAD)
    """What a window of a scalar yields; ignored for waveforms."""

    @property
    def shows_wear(self) -> bool:
        """Whether a slow change of it is the machine's wear."""
        is_vibration = self.quantity in (Quantity.ACCELERATION, Quantity.VELOCITY)
        return is_vibration or self.slow_change is SlowChange.WEAR

    def __post_init__(self) -> None:
        if not NAME_PATTERN.fullmatch(self.name):
            raise ConfigError(f"sensor name {self.name!r}: use a-z, 0-9 and _, starting with a letter")
        if self.unit not in UCUM_UNITS[self.quantity]:
            allowed = ", ".join(UCUM_UNITS[self.quantity])
            raise ConfigError(
                f"sensor {self.name}: unit {self.unit!r} does not fit {self.quantity}; use one of {allowed}"
            )
        if not (math.isfinite(self.rate_hz) and self.rate_hz > 0):
            raise ConfigError(f"sensor {self.name}: rate_hz must be a positive number, not {self.rate_hz}")
        if not self.range_min < self.range_max:
            raise ConfigError(f"sensor {self.name}: range_min must lie below range_max")
        if any(LARGEST < abs(limit) < math.inf for limit in (self.range_min, self.range_max)):
            raise ConfigError(f"sensor {self.name}: a range limit must fit into 32 bits, or be inf")
        if not self.stuck_after_s > 0:
            raise ConfigError(f"sensor {self.name}: stuck_after_s must be positive")
        self._check_kind()

    def _check_kind(self) -> None:
        if self.kind is SensorKind.WAVEFORM:
            if self.quantity is not Quantity.ACCELERATION:
                raise ConfigError(f"sensor {self.name}: a waveform must be an acceleration")
            if not MIN_BURST_SAMPLES <= self.burst_samples <= MAX_BURST_SAMPLES:
                allowed = f"{MIN_BURST_SAMPLES} to {MAX_BURST_SAMPLES}"
                raise ConfigError(f"sensor {self.name}: burst_samples must be {allowed} for a spectrum")
        elif self.burst_samples:
            raise ConfigError(f"sensor {self.name}: burst_samples is for waveforms only")
        elif not self.features:
            raise ConfigError(f"sensor {self.name}: a scalar needs at least one feature")
        if len(set(self.features)) != len(self.features):
            raise ConfigError(f"sensor {self.name}: features must differ")

    @property
    def burst_s(self) -> float:
        """Length of one burst in s; 0 for a scalar."""
        return self.burst_samples / self.rate_hz


@dataclass(frozen=True, slots=True)
class Reading:
    """A run of consecutive samples of one sensor, as the driver handed it over.

    A scalar source may deliver one sample or many at once; a waveform source delivers whole bursts.
    """

    sensor: str
    event_time_s: float
    """Wall-clock stamp of the first sample, s since the Unix epoch (UTC); may lie."""
    monotonic_s: float
    """The device's monotonic clock at the first sample, in s; never goes back."""
    values: Samples = field(repr=False)
    """float32 (n_samples,), in the sensor's unit."""
