"""What a machine is asked to do: speed and load over time, from a seeded schedule of regimes.

Rule: the schedule is a function of seed and time; how finely it is asked does not change the answer. Time is
asked for in rising order, because what lies far back is forgotten (constant memory).
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from contract.errors import ConfigError

RAMP_S = 8.0
"""Time from one regime's speed to the next, in s: the ramp of a frequency converter."""
MEMORY_S = 120.0
"""How far back a schedule may still be asked, in s."""
FLUCTUATION_TERMS = 12
FLUCTUATION_PERIODS_S = (9.0, 240.0)


Series = npt.NDArray[np.float64]


class Regime(StrEnum):
    """What a machine may be doing."""

    STANDSTILL = "standstill"
    PART_LOAD = "part_load"
    FULL_LOAD = "full_load"


class OperatingPoint(NamedTuple):
    """Speed and load at one moment, as fractions of the nominal ones."""

    speed: float
    load: float


REGIME_POINTS: dict[Regime, OperatingPoint] = {
    Regime.STANDSTILL: OperatingPoint(0.0, 0.0),
    Regime.PART_LOAD: OperatingPoint(0.36, 0.50),
    Regime.FULL_LOAD: OperatingPoint(1.0, 1.0),
}


class Duty(StrEnum):
    """How a machine is used."""

    STEADY = "steady"
    """Full load without a break."""
    CYCLING = "cycling"
    """Part and full load by turns, minutes each."""
    STOPPING = "stopping"
    """Full load with a standstill now and then."""
    SHIFTS = "shifts"
    """Everything: part load, full load and standstills."""


@dataclass(frozen=True, slots=True)
class DutySpec:
    """Which regime follows which, and for how long."""

    dwell_s: dict[Regime, tuple[float, float]]
    """Shortest and longest stay in each regime used, in s."""
    weights: dict[Regime, float]
    """How likely each is to be the next one."""


_ALWAYS = (math.inf, math.inf)
DUTIES: dict[Duty, DutySpec] = {
    Duty.STEADY: DutySpec({Regime.FULL_LOAD: _ALWAYS}, {Regime.FULL_LOAD: 1.0}),
    Duty.CYCLING: DutySpec(
        {Regime.FULL_LOAD: (240.0, 480.0), Regime.PART_LOAD: (200.0, 360.0)},
        {Regime.FULL_LOAD: 0.5, Regime.PART_LOAD: 0.5},
    ),
    Duty.STOPPING: DutySpec(
        {Regime.FULL_LOAD: (240.0, 420.0), Regime.STANDSTILL: (60.0, 120.0)},
        {Regime.FULL_LOAD: 0.5, Regime.STANDSTILL: 0.5},
    ),
    Duty.SHIFTS: DutySpec(
        {
            Regime.FULL_LOAD: (300.0, 900.0),
            Regime.PART_LOAD: (240.0, 600.0),
            Regime.STANDSTILL: (60.0, 240.0),
        },
        {Regime.FULL_LOAD: 0.45, Regime.PART_LOAD: 0.35, Regime.STANDSTILL: 0.2},
    ),
}


class Fluctuation:
    """Independent stationary random wanders with standard deviation 1, as functions of time.

    Sums of cosines with random periods and phases (the spectral representation of Shinozuka & Deodatis, Appl.
    Mech. Rev. 44 (1991), with equal amplitudes): they need no state, so any moment can be asked for.
    """

    def __init__(self, rng: np.random.Generator, channels: int = 1) -> None:
        low, high = (math.log(period) for period in FLUCTUATION_PERIODS_S)
        self._omegas = 2 * np.pi / np.exp(rng.uniform(low, high, (channels, FLUCTUATION_TERMS, 1)))
        self._phases = rng.uniform(0, 2 * np.pi, (channels, FLUCTUATION_TERMS, 1))
        self._amplitude = math.sqrt(2.0 / FLUCTUATION_TERMS)

    def at(self, times_s: Series) -> Series:
        """The wanders at those times, (n,): dimensionless, (channels, n)."""
        wanders: Series = self._amplitude * np.cos(self._omegas * times_s + self._phases).sum(axis=1)
        return wanders


class OperatingSchedule:
    """Speed and load of one machine over time.

    Args:
        duty: How the machine is used.
        seed: Same seed, same schedule.
        load_ripple: Standard deviation of the load in a regime, as a fraction of the load.
    """

    def __init__(self, duty: Duty, seed: int, load_ripple: float = 0.015) -> None:
        if not 0 <= load_ripple < 0.2:
            raise ConfigError(f"load_ripple must lie in [0, 0.2), not {load_ripple}")
        self._spec = DUTIES[duty]
        self._rng = np.random.default_rng(np.random.SeedSequence([seed, 0x5C4E]))
        self._ripple = Fluctuation(self._rng)
        self._load_ripple = load_ripple
        first = Regime.FULL_LOAD
        self._starts = [-RAMP_S]
        self._regimes = [first]
        self._ends_s = self._dwell(first)

    def regime(self, time_s: float) -> Regime:
        """The regime asked for at that time (a ramp already belongs to the regime it leads to)."""
        return self._regimes[self._place(time_s)]

    def at(self, times_s: Series) -> tuple[Series, Series]:
        """Speed and load at those rising times, (n,) each, as fractions of the nominal ones.

        Raises:
            ValueError: a time lies too far back to be remembered.
        """
        points = np.array([self._point(time_s) for time_s in times_s.tolist()])
        return points[:, 0], points[:, 1] * (1.0 + self._load_ripple * self._ripple.at(times_s)[0])

    def _point(self, time_s: float) -> OperatingPoint:
        place = self._place(time_s)
        point = REGIME_POINTS[self._regimes[place]]
        since = time_s - self._starts[place]
        if place == 0 or since >= RAMP_S:
            return point
        before, share = REGIME_POINTS[self._regimes[place - 1]], since / RAMP_S
        return OperatingPoint(
            before.speed + (point.speed - before.speed) * share,
            before.load + (point.load - before.load) * share,
        )

    def _place(self, time_s: float) -> int:
        if time_s < self._starts[0]:
            raise ValueError(f"the schedule forgot what was at {time_s} s; ask in rising order of time")
        while time_s >= self._ends_s:
            self._append_regime()
        while len(self._starts) > 2 and self._starts[2] < time_s - MEMORY_S:
            del self._starts[0], self._regimes[0]
        return bisect.bisect_right(self._starts, time_s) - 1

    def _append_regime(self) -> None:
        choices = [r for r in self._spec.weights if r is not self._regimes[-1]] or [self._regimes[-1]]
        weights = np.array([self._spec.weights[r] for r in choices])
        following = choices[int(self._rng.choice(len(choices), p=weights / weights.sum()))]
        self._starts.append(self._ends_s)
        self._regimes.append(following)
        self._ends_s += self._dwell(following)

    def _dwell(self, regime: Regime) -> float:
        low, high = self._spec.dwell_s[regime]
        return low if low == high else float(self._rng.uniform(low, high))
