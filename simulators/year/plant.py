"""The hidden truth of a plant: which part lasts how long and shows it when, before any policy acts.

Rule: pure. Part number n in a place of a machine is the same part under every policy, because it is a
function of the plant's seed, the machine, the place and n alone; so are upsets, sensor faults and what the
machines are asked to do. Nothing here knows what anybody decides.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from contract.profiles import load_profile
from contract.signals import SensorKind
from simulators.degradation import FailureMode, WearPath, WearPlan
from simulators.faults import FaultKind, SensorFault
from simulators.machine import Strain
from simulators.regimes import Duty, OperatingSchedule, Regime
from simulators.year.settings import DAY_H, ComponentSpec, Family, Range, Settings

PROFILE = "pump"
YEAR_H = 365 * DAY_H
LOAD_OF: dict[Regime, float] = {Regime.STANDSTILL: 0.0, Regime.PART_LOAD: 0.5, Regime.FULL_LOAD: 1.0}
"""Hours at full load that an hour in a regime wears as much as. ISO 281 lets a bearing at half load last
eight times as long; seals and couplings feel speed and starts more, so half is nearer to a whole pump."""
LONGEST_PF_SHARE = 0.8
"""Of its life that a part can show wear: it was new once."""
_PLANT, _PART, _UPSET, _FAULT, _MACHINE = 0xA1, 0xA2, 0xA3, 0xA4, 0xA5
_FAULTS = (FaultKind.STUCK, FaultKind.DROPOUT, FaultKind.NAN, FaultKind.SPIKE, FaultKind.DRIFT)
ZERO_DRIFT_PER_MIN = 0.05
"""Of a sensor whose zero moves, in its unit and per minute of machine time."""
Hours = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What this plant does not share with its family."""

    downtime_per_h: float
    life_factor: float
    pf_factor: float
    sudden_factor: float
    lead_factor: float
    upset_factor: float


@dataclass(frozen=True, slots=True)
class Part:
    """One part, from its installation to its failure; hours of full load."""

    mode: FailureMode
    life_h: float
    pf_h: float
    """From the first sign to failure; 0: it fails suddenly."""
    path_seed: int
    is_in_stock: bool
    """Whether its successor's spare lies in stock when it is needed."""

    def wear(self, age_h: float) -> float:
        """What sensors and technicians can see of it, 0..1."""
        if self.pf_h <= 0 or age_h <= self.life_h - self.pf_h:
            return 0.0
        return _path(self.mode, self.path_seed).wear((age_h - (self.life_h - self.pf_h)) / self.pf_h)


@lru_cache(maxsize=4096)
def _path(mode: FailureMode, seed: int) -> WearPath:
    """Wear over the share of the P-F interval."""
    return WearPath(WearPlan(mode, onset_s=0.0, life_s=1.0), seed)


@dataclass(frozen=True, slots=True)
class Upset:
    """Shakes a machine for a while; hours since the start of the year."""

    start_h: float
    end_h: float
    strength: float


@dataclass(frozen=True, slots=True)
class SensorTrouble:
    """A sensor that lies for a while; hours since the start of the year."""

    start_h: float
    end_h: float
    kind: FaultKind
    sensor: str

    def fault(self, seconds_per_h: float) -> SensorFault:
        """The same on the machine's shortened clock."""
        magnitude = ZERO_DRIFT_PER_MIN if self.kind is FaultKind.DRIFT else math.nan
        duration_s = (self.end_h - self.start_h) * seconds_per_h
        return SensorFault(self.kind, self.sensor, self.start_h * seconds_per_h, duration_s, magnitude)


@dataclass(frozen=True, slots=True)
class MachineTruth:
    """What is true of one machine whatever anybody does."""

    number: int
    line: int
    duty: Duty
    seed: int
    upsets: tuple[Upset, ...]
    troubles: tuple[SensorTrouble, ...]

    @property
    def device_id(self) -> str:
        """What its device calls itself."""
        return f"pump-{self.number:03d}"

    def strain(self, worn: Strain, hour: float) -> Strain:
        """What acts on it: the worst of its wear and an upset that passes."""
        shaken = max((u.strength for u in self.upsets if u.start_h <= hour < u.end_h), default=0.0)
        if shaken <= worn.wear:
            return worn
        return Strain(FailureMode.CAVITATION, shaken, worn.ambient_c)


class Plant:
    """A plant as its seed makes it.

    Args:
        settings: What plants are like.
        family: Which ranges it is drawn from.
        seed: Which one.
    """

    def __init__(self, settings: Settings, family: Family, seed: int) -> None:
        self.settings = settings
        self.seed = seed
        self.circumstances = _draw_circumstances(family, seed)
        self.machines = tuple(self._draw_machine(number) for number in range(settings.year.machines))

    def part(self, machine: int, place: int, number: int) -> Part:
        """Part `number` (from 0) in a place of a machine.

        >>> from simulators.year.settings import read_settings
        >>> settings = read_settings()
        >>> plants = [Plant(settings, settings.tuning, 1) for _ in range(2)]
        >>> plants[0].part(3, 1, 2) == plants[1].part(3, 1, 2)
        True
        """
        rng = _rng(self.seed, _PART, machine, place, number)
        spec, own = self.settings.components[place], self.circumstances
        life_h = spec.scale_h * own.life_factor * float(rng.weibull(spec.shape))
        infant_h = _draw(rng, self.settings.parts.infant_h)
        if rng.random() < self.settings.parts.infant_share:
            life_h = min(life_h, infant_h)
        pf_h = min(_draw(rng, spec.pf_h) * own.pf_factor, LONGEST_PF_SHARE * life_h)
        is_sudden = rng.random() < spec.sudden_share * own.sudden_factor
        mode = spec.modes[int(rng.integers(len(spec.modes)))]
        is_in_stock = bool(rng.random() < self.settings.parts.in_stock_share)
        return Part(mode, life_h, 0.0 if is_sudden else pf_h, int(rng.integers(2**31)), is_in_stock)

    def first_age_h(self, machine: int, place: int) -> float:
        """How old the first part is when everything begins."""
        share = float(_rng(self.seed, _PART, machine, place).random())
        return share * self.part(machine, place, 0).life_h

    def loads(self) -> Hours:
        """Hours of full load in each step of the year, float64 (steps, machines)."""
        year = self.settings.year
        hop_s = load_profile(PROFILE).window.hop_s
        schedules = [OperatingSchedule(machine.duty, machine.seed) for machine in self.machines]
        table = [
            [LOAD_OF[schedule.regime(step * hop_s)] for schedule in schedules] for step in range(year.steps)
        ]
        return np.array(table) * year.hours_per_window

    def ambient_c(self, hour: float) -> float:
        """How much warmer it is than on average; the year begins in January."""
        return -self.settings.season.amplitude_c * math.cos(2 * math.pi * hour / YEAR_H)

    def lead_h(self, spec: ComponentSpec, part: Part) -> float:
        """Until there is a successor."""
        return 0.0 if part.is_in_stock else spec.lead_h * self.circumstances.lead_factor

    def _draw_machine(self, number: int) -> MachineTruth:
        rng = _rng(self.seed, _MACHINE, number)
        duties = list(Duty)
        return MachineTruth(
            number=number,
            line=number % self.settings.year.lines,
            duty=duties[int(rng.integers(len(duties)))],
            seed=int(rng.integers(2**31, 2**32)),
            upsets=self._draw_upsets(number),
            troubles=self._draw_troubles(number),
        )

    def _draw_upsets(self, number: int) -> tuple[Upset, ...]:
        spec, rng = self.settings.upsets, _rng(self.seed, _UPSET, number)
        hours = self.settings.year.days * DAY_H
        mean = spec.per_year * self.circumstances.upset_factor * hours / YEAR_H
        starts = sorted(rng.uniform(0, hours, int(rng.poisson(mean))).tolist())
        return tuple(Upset(s, s + _draw(rng, spec.hours), _draw(rng, spec.strength)) for s in starts)

    def _draw_troubles(self, number: int) -> tuple[SensorTrouble, ...]:
        spec, rng = self.settings.sensor_faults, _rng(self.seed, _FAULT, number)
        hours = self.settings.year.days * DAY_H
        sensors = load_profile(PROFILE).sensors
        troubles = []
        for start_h in sorted(
            rng.uniform(0, hours, int(rng.poisson(spec.per_year * hours / YEAR_H))).tolist()
        ):
            sensor = sensors[int(rng.integers(len(sensors)))]
            kinds = [*_FAULTS, FaultKind.CLIP] if sensor.kind is SensorKind.WAVEFORM else _FAULTS
            kind = kinds[int(rng.integers(len(kinds)))]
            troubles.append(SensorTrouble(start_h, start_h + _draw(rng, spec.hours), kind, sensor.name))
        return tuple(troubles)


def _draw_circumstances(family: Family, seed: int) -> Circumstances:
    rng = _rng(seed, _PLANT)
    return Circumstances(
        downtime_per_h=_draw(rng, family.downtime_per_h),
        life_factor=_draw(rng, family.life_factor),
        pf_factor=_draw(rng, family.pf_factor),
        sudden_factor=_draw(rng, family.sudden_factor),
        lead_factor=_draw(rng, family.lead_factor),
        upset_factor=_draw(rng, family.upset_factor),
    )


def _rng(*words: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(words))


def _draw(rng: np.random.Generator, limits: Range) -> float:
    low, high = limits
    return float(rng.uniform(low, high))
