"""Sensors and drivers that lie: faults of the measuring chain, not of the machine.

Rule: a fault changes readings only, only within its time, and reproducibly; what it leaves is what a real
driver would hand over (a missing reading is missing, not a row of zeros).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from contract.errors import ConfigError
from contract.profiles import MachineProfile
from contract.signals import Reading, Samples, SensorKind, SensorSpec


class FaultKind(StrEnum):
    """What may be wrong between the machine and the agent."""

    STUCK = "stuck"
    """The same number for ever (a frozen transmitter)."""
    DROPOUT = "dropout"
    """Readings are missing (a loose plug); magnitude: share that is lost."""
    NAN = "nan"
    """The driver delivers no numbers in bursts; magnitude: share of readings hit."""
    SPIKE = "spike"
    """Single samples far outside the range (interference); magnitude: share of samples hit."""
    DRIFT = "drift"
    """The zero moves; magnitude: sensor units per minute."""
    CLIP = "clip"
    """The amplifier saturates (a gain too high for its range)."""
    CLOCK_JUMP = "clock_jump"
    """The wall clock of the whole device is off by `magnitude` s; the monotonic clock is not."""
    DUPLICATE = "duplicate"
    """The driver delivers readings twice; magnitude: share that is repeated."""


DEFAULT_MAGNITUDE: dict[FaultKind, float] = {
    FaultKind.STUCK: 0.0,
    FaultKind.DROPOUT: 0.6,
    FaultKind.NAN: 0.5,
    FaultKind.SPIKE: 0.15,
    FaultKind.DRIFT: 1.0,
    FaultKind.CLIP: 0.0,
    FaultKind.CLOCK_JUMP: 3600.0,
    FaultKind.DUPLICATE: 0.3,
}
_SHARES = (FaultKind.DROPOUT, FaultKind.NAN, FaultKind.SPIKE, FaultKind.DUPLICATE)
_NUMBER = r"(-?\d+(?:\.\d+)?(?:e-?\d+)?)"
_SPEC = re.compile(rf"([a-z_]+)(?::([a-z][a-z0-9_]*))?(?:@{_NUMBER}(?:\+{_NUMBER})?)?(?:\*{_NUMBER})?")


@dataclass(frozen=True, slots=True)
class SensorFault:
    """One fault of one sensor.

    Raises:
        ConfigError: a number is outside what the fault can mean.
    """

    kind: FaultKind
    sensor: str = ""
    """Empty for a clock jump, which strikes the whole device."""
    start_s: float = 0.0
    """Machine time from which it is there, in s."""
    duration_s: float = math.inf
    magnitude: float = math.nan
    """See `FaultKind`; NaN: its default."""

    def __post_init__(self) -> None:
        if (self.kind is FaultKind.CLOCK_JUMP) != (self.sensor == ""):
            raise ConfigError(
                f"fault {self.kind}: name a sensor, as in {self.kind}:temperature; a clock_jump has none"
            )
        if not (math.isfinite(self.start_s) and self.start_s >= 0 and self.duration_s > 0):
            raise ConfigError(f"fault {self.kind}: needs a start from 0 and a positive duration")
        if math.isnan(self.magnitude):
            object.__setattr__(self, "magnitude", DEFAULT_MAGNITUDE[self.kind])
        if self.kind in _SHARES and not 0 < self.magnitude <= 1:
            raise ConfigError(f"fault {self.kind}: its magnitude is a share in (0, 1], not {self.magnitude}")

    def is_active(self, time_s: float) -> bool:
        """Whether it is there at that machine time."""
        return self.start_s <= time_s < self.start_s + self.duration_s

    def __str__(self) -> str:
        """The text that `parse_fault` reads."""
        sensor = f":{self.sensor}" if self.sensor else ""
        length = f"+{self.duration_s:.10g}" if math.isfinite(self.duration_s) else ""
        return f"{self.kind}{sensor}@{self.start_s:.10g}{length}*{self.magnitude:.10g}"


def parse_fault(text: str) -> SensorFault:
    """Read `kind:sensor@start+duration*magnitude`; all but the kind and the sensor may be left out.

    >>> fault = parse_fault("stuck:temperature@300+60")
    >>> fault.sensor, fault.start_s, fault.duration_s
    ('temperature', 300.0, 60.0)

    Raises:
        ConfigError: it is not of that form, or names no fault.
    """
    match = _SPEC.fullmatch(text)
    if match is None:
        raise ConfigError(
            f"fault {text!r}: write kind:sensor@start+duration*magnitude, as in stuck:temperature@300+60"
        )
    kind, sensor, start, duration, magnitude = match.groups()
    if kind not in list(FaultKind):
        raise ConfigError(f"fault {kind!r} is none of {', '.join(FaultKind)}")
    return SensorFault(
        FaultKind(kind),
        sensor or "",
        float(start or 0.0),
        float(duration) if duration else math.inf,
        float(magnitude) if magnitude else math.nan,
    )


class FaultInjector:
    """Wraps a stream of readings of one device.

    Args:
        faults: What is wrong; several may strike one sensor, in this order.
        profile: Names the sensors and their ranges.
        seed: Draws which readings and samples are hit.

    Raises:
        ConfigError: a fault names a sensor that the profile lacks or that cannot have it.
    """

    def __init__(self, faults: Sequence[SensorFault], profile: MachineProfile, seed: int) -> None:
        self._faults = tuple(faults)
        self._specs = {spec.name: spec for spec in profile.sensors}
        for fault in self._faults:
            if (
                fault.sensor
                and profile.sensor(fault.sensor).kind is SensorKind.SCALAR
                and fault.kind is FaultKind.CLIP
            ):
                raise ConfigError(f"fault clip: {fault.sensor} delivers no waveform that could be clipped")
        streams = np.random.SeedSequence([seed, 0xFA017]).spawn(len(self._faults))
        self._rngs = [np.random.default_rng(stream) for stream in streams]
        self._held: dict[int, float] = {}

    def apply(self, reading: Reading) -> list[Reading]:
        """What arrives instead of this reading: nothing, itself, a changed one, or two."""
        arriving = [reading]
        for number, fault in enumerate(self._faults):
            if fault.sensor in ("", reading.sensor) and fault.is_active(reading.monotonic_s):
                arriving = [r for one in arriving for r in self._strike(number, fault, one)]
        return arriving

    def apply_all(self, readings: Iterable[Reading]) -> Iterator[Reading]:
        """`apply` to a whole stream."""
        for reading in readings:
            yield from self.apply(reading)

    def _strike(self, number: int, fault: SensorFault, reading: Reading) -> list[Reading]:
        rng = self._rngs[number]
        if fault.kind is FaultKind.CLOCK_JUMP:
            return [replace(reading, event_time_s=reading.event_time_s + fault.magnitude)]
        if fault.kind is FaultKind.DROPOUT:
            return [] if rng.random() < fault.magnitude else [reading]
        if fault.kind is FaultKind.DUPLICATE:
            return [reading, reading] if rng.random() < fault.magnitude else [reading]
        values = self._falsify(number, fault, reading)
        return [replace(reading, values=values)]

    def _falsify(self, number: int, fault: SensorFault, reading: Reading) -> Samples:
        rng, values = self._rngs[number], reading.values.copy()
        spec = self._specs[reading.sensor]
        if fault.kind is FaultKind.STUCK:
            values[:] = self._held.setdefault(number, float(values[0]))
        elif fault.kind is FaultKind.NAN:
            if rng.random() < fault.magnitude:
                values[int(rng.integers(values.size)) :] = np.nan
        elif fault.kind is FaultKind.SPIKE:
            hit = rng.random(values.size) < fault.magnitude
            values[hit] = np.float32(_far_outside(spec)) * rng.choice((-1.0, 1.0), int(hit.sum()))
        elif fault.kind is FaultKind.DRIFT:
            values += np.float32(fault.magnitude * (reading.monotonic_s - fault.start_s) / 60.0)
        else:
            values = _saturate(values, spec)
        return values


def _far_outside(spec: SensorSpec) -> float:
    """A number whose positive and negative both lie outside the sensor's range."""
    finite = [abs(limit) for limit in (spec.range_min, spec.range_max) if math.isfinite(limit)]
    return 4.0 * max(finite, default=1e6) + 1.0


def _saturate(values: Samples, spec: SensorSpec) -> Samples:
    """Amplify until about a tenth of the samples lies beyond the converter's end."""
    ordinary = float(np.quantile(np.abs(values), 0.9)) or 1.0
    high = spec.range_max if math.isfinite(spec.range_max) else ordinary
    low = spec.range_min if math.isfinite(spec.range_min) else -ordinary
    clipped: Samples = np.clip(
        values * np.float32(min(high, -low) / ordinary), np.float32(low), np.float32(high)
    )
    return clipped
