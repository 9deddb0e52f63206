"""A machine of any profile, for profiles that the simulator cannot build: every sensor is a level with noise.

Rule: plausible enough to be believed (in range, never stuck, in an operating regime) and nothing more; it is
there to be timed, not to be judged.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from contract.errors import ConfigError
from contract.profiles import MachineProfile
from contract.signals import Reading, SensorKind, SensorSpec

NOISE_SHARE = 0.01
"""Standard deviation as a share of the sensor's range, or of its level where the range is open."""


class NoiseMachine:
    """Delivers hop after hop, each sensor's samples of a hop in one reading.

    Args:
        profile: Its sensors.
        seed: Of the noise.
        start_s: Stamp of the first sample, s since the Unix epoch.
    """

    def __init__(self, profile: MachineProfile, seed: int, start_s: float) -> None:
        self._profile = profile
        self._random = np.random.default_rng(seed)
        self._start_s = start_s
        self._hops = 0

    def next_hop(self) -> list[Reading]:
        """The readings of the next hop, in time order."""
        begin_s = self._hops * self._profile.window.hop_s
        self._hops += 1
        readings = [r for spec in self._profile.sensors if (r := self._read(spec, begin_s)) is not None]
        return sorted(readings, key=lambda reading: reading.monotonic_s)

    def _read(self, spec: SensorSpec, begin_s: float) -> Reading | None:
        """A burst, or the samples at i / rate within the hop; None: none falls into it."""
        if spec.kind is SensorKind.WAVEFORM:
            first_s, count = begin_s, spec.burst_samples
        else:
            edges = [begin_s * spec.rate_hz, (begin_s + self._profile.window.hop_s) * spec.rate_hz]
            first, last = (math.ceil(edge - 1e-6) for edge in edges)
            first_s, count = first / spec.rate_hz, last - first
        if not count:
            return None
        level, spread = _level(spec, self._profile)
        values = level + spread * self._random.normal(size=count)
        held = np.clip(values, spec.range_min, spec.range_max).astype(np.float32)
        return Reading(spec.name, self._start_s + first_s, first_s, held)


def write_rows(machine: NoiseMachine, profile: MachineProfile, hops: int, path: Path) -> None:
    """Write a table that the agent's source `tail:` reads: one row for each time, one column for each sensor.

    Raises:
        ConfigError: a sensor is a waveform or has a rate of its own, which no such table can hold.
    """
    if profile.waveforms or len({spec.rate_hz for spec in profile.sensors}) > 1:
        raise ConfigError(f"profile {profile.name} has waveforms or several rates; no table can hold it")
    lines = [",".join(["time", *(spec.name for spec in profile.sensors)])]
    for _ in range(hops):
        readings = {reading.sensor: reading for reading in machine.next_hop()}
        columns = [readings[spec.name].values for spec in profile.sensors if spec.name in readings]
        if not columns:
            continue
        start_s = readings[profile.sensors[0].name].event_time_s
        for number, row in enumerate(zip(*columns, strict=True)):
            stamp_s = start_s + number / profile.sensors[0].rate_hz
            lines.append(",".join([f"{stamp_s:.3f}", *(f"{value:.7g}" for value in row)]))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _level(spec: SensorSpec, profile: MachineProfile) -> tuple[float, float]:
    """Mean and standard deviation of a sensor."""
    low, high = spec.range_min, spec.range_max
    if profile.regime is not None and profile.regime.sensor == spec.name:
        low, high = _running_bin(profile, low, high)
    if math.isfinite(high - low):
        return 0.5 * (low + high), NOISE_SHARE * (high - low)
    level = (
        low + 1.0 + abs(low) if math.isfinite(low) else high - 1.0 - abs(high) if math.isfinite(high) else 1.0
    )
    return level, NOISE_SHARE * max(abs(level), 1.0)


def _running_bin(profile: MachineProfile, low: float, high: float) -> tuple[float, float]:
    """Borders of the highest regime in which the machine runs."""
    regime = profile.regime
    if regime is None:
        return low, high
    borders = (low, *regime.edges, high)
    running = [number for number, name in enumerate(regime.names) if name not in regime.off]
    return borders[running[-1]], borders[running[-1] + 1]
