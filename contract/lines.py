"""The lines of the shaft in a vibration spectrum: how much a machine shakes once, twice, three times a turn.

Rule: pure. A line that the burst cannot resolve is NaN, never a guess. A machine's normal lines are learned
while its baseline is, per regime, and then frozen; memory is constant.

The lines are velocities, as ISO 20816-1 judges them; imbalance shows at one times the shaft frequency (1x),
misalignment at two (2x), see ISO 13373-3:2015, annex A.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import StateError
from contract.profiles import MachineProfile
from contract.signals import TO_METRE_PER_SECOND_SQUARED, Samples, SensorSpec

Floats = npt.NDArray[np.float64]

ORDERS = (1, 2, 3)
RESOLVED_LINES = 2.5
"""Spectral lines that must lie between two orders; closer ones run into each other through a Hann window."""
HALF_WIDTH_LINES = 1.5
"""A line's power is taken within this distance: the main lobe of a Hann window (Harris 1978, table I)."""
FLOOR_MM_S = 1e-4
LEAST_SEEN = 8
"""Bursts needed before a line's normal level is known."""
MM_PER_M = 1000.0


def shaft_lines(burst: Samples, spec: SensorSpec, shaft_hz: float) -> Floats:
    """RMS velocity at each of `ORDERS`.

    Args:
        burst: (n,) in the sensor's unit.
        spec: The sensor.
        shaft_hz: Turns of the shaft per second; NaN when unknown.

    Returns:
        float64 (3,), in mm/s; NaN where the shaft is too slow for the burst or the order beyond its spectrum.
    """
    out = np.full(len(ORDERS), np.nan)
    step_hz = spec.rate_hz / burst.size
    if not shaft_hz >= RESOLVED_LINES * step_hz:
        return out
    accel = np.asarray(burst, np.float64) * TO_METRE_PER_SECOND_SQUARED[spec.unit]
    hann = np.hanning(accel.size + 1)[:-1]
    lines = np.fft.rfft((accel - accel.mean()) * hann)
    power = (lines.real**2 + lines.imag**2) * (2.0 / (accel.size * float(hann @ hann)))
    for place, order in enumerate(ORDERS):
        centre = order * shaft_hz / step_hz
        first, last = math.ceil(centre - HALF_WIDTH_LINES), math.floor(centre + HALF_WIDTH_LINES)
        if last < power.size:
            rms_ms2 = math.sqrt(float(power[first : last + 1].sum()))
            out[place] = max(MM_PER_M * rms_ms2 / (2 * math.pi * order * shaft_hz), FLOOR_MM_S)
    return out


@dataclass(slots=True)
class _Moments:
    """Running count and mean of log10 of one sensor's lines in one regime (Welford, 1962)."""

    count: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(len(ORDERS), np.int64))
    mean: Floats = field(default_factory=lambda: np.zeros(len(ORDERS)))

    def add(self, lines: Floats, limit: int) -> None:
        taken = np.isfinite(lines) & (self.count < limit)
        self.count += taken
        step = np.log10(np.where(taken, lines, 1.0)) - self.mean
        self.mean += np.where(taken, step / np.maximum(self.count, 1), 0.0)


class LineBaseline:
    """A machine's normal shaft lines, per regime and sensor.

    Args:
        profile: Its waveform sensors, and over how many windows to learn.
    """

    def __init__(self, profile: MachineProfile) -> None:
        self._sensors = tuple(spec.name for spec in profile.waveforms)
        self._limit = profile.warmup.baseline_windows + profile.warmup.calibration_windows
        self._moments: dict[str, dict[str, _Moments]] = {}

    def observe(self, regime: str, lines: Mapping[str, Floats]) -> None:
        """Learn from one healthy window: lines by sensor, float64 (3,) in mm/s."""
        known = self._moments.setdefault(regime, {})
        for sensor, found in lines.items():
            known.setdefault(sensor, _Moments()).add(found, self._limit)

    def levels(self, regime: str, sensor: str) -> Floats:
        """The normal lines, float64 (3,) in mm/s (geometric mean); NaN where too few bursts were seen."""
        moments = self._moments.get(regime, {}).get(sensor)
        if moments is None:
            return np.full(len(ORDERS), np.nan)
        level: Floats = np.where(moments.count >= LEAST_SEEN, 10.0**moments.mean, np.nan)
        return level

    def to_state(self) -> dict[str, Any]:
        """Everything learned, safe for JSON."""
        return {
            regime: {s: {"count": m.count.tolist(), "mean": m.mean.tolist()} for s, m in sensors.items()}
            for regime, sensors in self._moments.items()
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `to_state` stopped.

        Raises:
            StateError: the state is damaged; nothing has been changed.
        """
        try:
            restored = {
                str(regime): {str(s): _restore(m) for s, m in sensors.items()}
                for regime, sensors in state.items()
            }
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
            raise StateError(
                f"lines: the stored state is damaged ({error!r}); delete it to learn anew"
            ) from error
        self._moments = restored


def _restore(state: Mapping[str, Any]) -> _Moments:
    count, mean = np.array(state["count"], np.int64), np.array(state["mean"], np.float64)
    if count.shape != (len(ORDERS),) or mean.shape != count.shape or not np.all(np.isfinite(mean)):
        raise ValueError("expected finite means and counts of each order")
    return _Moments(count, mean)
