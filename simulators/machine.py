"""A simulated machine: one seed in, the readings of all its sensors out, hop by hop.

Rule: the readings are a function of the configuration and the number of hops taken. Two machines of one
configuration give the same bytes; a machine with a failure mode gives the bytes of a healthy one until its
onset. Whoever decides from outside what wears (`bear`) and when it stands (`skip_hop`) says so hop by hop.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contract.errors import ConfigError
from contract.profiles import MachineProfile
from contract.signals import TO_METRE_PER_SECOND_SQUARED, Quantity, Reading, Samples, SensorKind, SensorSpec
from simulators.degradation import FailureMode, WearPath, WearPlan
from simulators.faults import FaultInjector, SensorFault
from simulators.kinds import machine_kind
from simulators.regimes import Duty, OperatingSchedule, Regime, Series
from simulators.slow_signals import RUNNING_FROM, Conditions, SlowSignals
from simulators.vibration import AxisPlacement, VibrationModel, VibrationState

BEARING_MODES = frozenset((FailureMode.BEARING_OUTER, FailureMode.BEARING_INNER, FailureMode.BEARING_BALL))
WAVEFORM_BITS = 24
SCALAR_BITS = 16
"""Resolution of the converters over a sensor's range: a vibration front end and a process transmitter."""
_HopSamples = dict[str, tuple[float, Samples]]
_SAME_SAMPLE = 1e-6
"""Two times closer than this share of a sample period are one sample."""


@dataclass(frozen=True, slots=True)
class MachineConfig:
    """Everything that makes one simulated machine.

    Raises:
        ConfigError: the failure mode needs something that the profile does not have.
    """

    profile: MachineProfile
    seed: int
    wear: WearPlan | None = None
    """What wears, and when; None: nothing."""
    duty: Duty = Duty.STEADY
    faults: tuple[SensorFault, ...] = ()
    variation: float = 1.0
    """Scales the differences between machines of a kind; 0: all alike."""

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ConfigError(f"seed must be a whole number from 0, not {self.seed}")
        if not 0 <= self.variation <= 3:
            raise ConfigError(f"variation must lie in [0, 3], not {self.variation}")
        if self.wear is None or self.wear.mode not in BEARING_MODES:
            return
        if self.profile.waveforms and self.profile.bearing is None:
            raise ConfigError(f"{self.wear.mode} needs a [bearing] in profile {self.profile.name}")


class Strain(NamedTuple):
    """What acts on a machine beside its duty."""

    mode: FailureMode | None = None
    """What wears; None: nothing."""
    wear: float = 0.0
    """0..1."""
    ambient_c: float = 0.0
    """How much warmer it is around it than usual."""


class MachineState(NamedTuple):
    """The truth behind the readings, which no agent sees."""

    time_s: float
    """Machine time of the next hop, in s from the start."""
    operating_s: float
    """Time run so far, in s."""
    regime: Regime
    wear: float
    """0..1."""


class SimulatedMachine:
    """Produces readings.

    Args:
        config: The machine.
        start_s: Wall-clock time of its first sample, in s since the Unix epoch.
    """

    def __init__(self, config: MachineConfig, start_s: float = 0.0) -> None:
        self.config = config
        self._start_s = start_s
        profile, seed = config.profile, config.seed
        kind = machine_kind(profile)
        self._hop_s = profile.window.hop_s
        self._hops = 0
        self._operating_s = 0.0
        self._schedule = OperatingSchedule(config.duty, seed)
        self._wear = WearPath(config.wear, seed) if config.wear is not None else None
        self._scalars = tuple(s for s in profile.sensors if s.kind is SensorKind.SCALAR)
        self._slow = SlowSignals(kind.slow, self._scalars, seed, config.variation)
        self._vibration = [
            (group, VibrationModel(kind.vibration, place, len(group), (seed, number), config.variation))
            for number, (place, group) in enumerate(_axis_groups(profile).items())
        ]
        self._faults = FaultInjector(config.faults, profile, seed) if config.faults else None
        self._strain: Strain | None = None

    @property
    def state(self) -> MachineState:
        """What is true of the machine as its next hop begins."""
        time_s = self._hops * self._hop_s
        return MachineState(time_s, self._operating_s, self._schedule.regime(time_s), self._wear_now())

    def bear(self, strain: Strain) -> None:
        """From now on this acts on it, whatever the configuration's wear plan says."""
        self._strain = strain

    def skip_hop(self) -> None:
        """Let a hop pass without readings: the machine is switched off at its main switch."""
        self._hops += 1

    def next_hop(self) -> list[Reading]:
        """The readings of the next hop in time order, as the drivers would hand them over."""
        time_s = self._hops * self._hop_s
        wear = self._wear_now()
        now = self._conditions(np.array([time_s]), wear)
        samples = self._scalar_samples(time_s, now, wear) | self._bursts(time_s, now)
        self._hops += 1
        if now.speed[0] > RUNNING_FROM:
            self._operating_s += self._hop_s
        readings = [
            Reading(sensor.name, self._start_s + samples[sensor.name][0], *samples[sensor.name])
            for sensor in self.config.profile.sensors
            if sensor.name in samples
        ]
        readings.sort(key=lambda reading: reading.monotonic_s)
        return (
            readings
            if self._faults is None
            else [r for reading in readings for r in self._faults.apply(reading)]
        )

    def readings(self, until_s: float = math.inf) -> Iterator[Reading]:
        """All readings of the hops that begin before that machine time, in s."""
        while self._hops * self._hop_s < until_s - _SAME_SAMPLE:
            yield from self.next_hop()

    def _conditions(self, times_s: Series, wear: float) -> Conditions:
        speed, load = self._schedule.at(times_s)
        if self._strain is not None:
            return Conditions(times_s, speed, load, self._strain.mode, wear, self._strain.ambient_c)
        mode = self.config.wear.mode if self.config.wear is not None else None
        return Conditions(times_s, speed, load, mode, wear)

    def _wear_now(self) -> float:
        if self._strain is not None:
            return self._strain.wear
        return self._wear.wear(self._operating_s) if self._wear is not None else 0.0

    def _scalar_samples(self, time_s: float, now: Conditions, wear: float) -> _HopSamples:
        """Time of the first sample and the samples of each scalar that has any in this hop."""
        self._slow.advance(now)
        found: _HopSamples = {}
        moments: dict[float, Conditions] = {}
        for sensor in self._scalars:
            if sensor.rate_hz not in moments:
                times_s = _sample_times(sensor.rate_hz, time_s, time_s + self._hop_s)
                if not times_s.size:
                    continue
                moments[sensor.rate_hz] = self._conditions(times_s, wear)
            at = moments[sensor.rate_hz]
            found[sensor.name] = (float(at.time_s[0]), _convert(sensor, self._slow.samples(sensor, at)))
        return found

    def _bursts(self, time_s: float, now: Conditions) -> _HopSamples:
        state = VibrationState(float(now.speed[0]), float(now.load[0]), now.mode, now.wear)
        found: _HopSamples = {}
        for group, model in self._vibration:
            for sensor, burst in zip(group, model.burst(state), strict=True):
                found[sensor.name] = (time_s, _convert_burst(sensor, burst))
        return found


def _axis_groups(profile: MachineProfile) -> dict[AxisPlacement, list[SensorSpec]]:
    """Axes that share rate and burst length: one front end samples them together."""
    groups: dict[AxisPlacement, list[SensorSpec]] = {}
    for sensor in profile.waveforms:
        groups.setdefault(AxisPlacement(sensor.rate_hz, sensor.burst_samples), []).append(sensor)
    return groups


def _sample_times(rate_hz: float, start_s: float, end_s: float) -> Series:
    """Times i / rate within [start, end)."""
    first = math.ceil(start_s * rate_hz - _SAME_SAMPLE)
    last = math.ceil(end_s * rate_hz - _SAME_SAMPLE)
    times_s: Series = np.arange(first, last) / rate_hz
    return times_s


def _convert(sensor: SensorSpec, values: Series) -> Samples:
    """Through the converter: rounded to its steps, held within its range."""
    low, high = sensor.range_min, sensor.range_max
    if math.isfinite(high - low):
        step = (high - low) / 2**SCALAR_BITS
        values = low + np.rint((values - low) / step) * step
    if sensor.quantity is not Quantity.TEMPERATURE:
        values = np.maximum(values, 0.0)  # these transmitters have no negative side
    converted: Samples = np.minimum(np.maximum(values, low), high).astype(np.float32)
    return converted


def _convert_burst(sensor: SensorSpec, burst: npt.NDArray[np.float32]) -> Samples:
    scaled = burst / np.float32(TO_METRE_PER_SECOND_SQUARED[sensor.unit])
    low, high = sensor.range_min, sensor.range_max
    if not math.isfinite(high - low):
        return scaled
    step = np.float32((high - low) / 2**WAVEFORM_BITS)
    steps: Samples = np.clip(np.rint(scaled / step) * step, np.float32(low), np.float32(high))
    return steps
