"""What a simulated plant is like: read once from TOML, frozen, the same for every policy.

Rule: a value that two plants may differ in is a range, drawn by the plant's seed; everything else is one
number. Policies are tuned on the seeds and ranges of `tuning` and judged on those of `held_out`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from contract.errors import ConfigError
from contract.toml_tables import build, parse_toml
from simulators.degradation import FailureMode

Range = tuple[float, float]
"""Lowest and highest; drawn evenly."""
DAY_H = 24.0
WEEK_H = 168.0


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


def _require_share(value: float, name: str) -> None:
    _require(0 <= value <= 1, f"{name} must lie in 0..1, not {value}")


@dataclass(frozen=True, slots=True)
class YearSpec:
    """How long, how many, how fine."""

    machines: int
    days: int
    burn_in_days: int
    """Before the year, not counted."""
    hours_per_window: float
    """Plant time that one window of the device stands for, and one step of the simulation."""
    lines: int

    def __post_init__(self) -> None:
        _require(self.machines >= 1 and self.lines >= 1, "year: needs a machine and a line")
        _require(self.days >= 1 and self.burn_in_days >= 0, "year: needs a day")
        _require(0 < self.hours_per_window <= DAY_H, "year: hours_per_window must lie in (0, 24]")

    @property
    def steps(self) -> int:
        """Of the year."""
        return round(self.days * DAY_H / self.hours_per_window)

    @property
    def burn_in_steps(self) -> int:
        """Before it."""
        return round(self.burn_in_days * DAY_H / self.hours_per_window)


@dataclass(frozen=True, slots=True)
class CrewSpec:
    """Who repairs, and when they are there."""

    technicians: int
    start_h: float
    hours: float
    call_out_h: float
    overtime_factor: float
    desk_h: float

    def __post_init__(self) -> None:
        _require(self.technicians >= 1, "crew: needs a technician")
        _require(self.start_h >= 0 and self.start_h + self.hours <= DAY_H, "crew: a shift ends by midnight")


@dataclass(frozen=True, slots=True)
class StopSpec:
    """Planned stops of a line."""

    every_days: int
    hours: float
    horizon_days: int


@dataclass(frozen=True, slots=True)
class MoneySpec:
    """What is the same in all plants."""

    labour_per_h: float
    planned_share: float
    express_factor: float


@dataclass(frozen=True, slots=True)
class TechnicianSpec:
    """What a technician sees, and how often one errs."""

    inspection_h: float
    sees_from: float
    surely_from: float
    at_best: float
    with_hint: float
    mistaken: float
    reading_error: float

    def __post_init__(self) -> None:
        _require(0 <= self.sees_from < self.surely_from <= 1, "technician: needs sees_from < surely_from")
        for name in ("at_best", "with_hint", "mistaken"):
            _require_share(getattr(self, name), f"technician: {name}")


@dataclass(frozen=True, slots=True)
class PartsSpec:
    """New parts, and how soon there is one."""

    infant_share: float
    infant_h: Range
    in_stock_share: float
    express_share: float


@dataclass(frozen=True, slots=True)
class UpsetSpec:
    """What shakes a machine and goes away by itself."""

    per_year: float
    hours: Range
    strength: Range


@dataclass(frozen=True, slots=True)
class SensorFaultSpec:
    """How often sensors lie."""

    per_year: float
    hours: Range


@dataclass(frozen=True, slots=True)
class SeasonSpec:
    """How warm the hall is."""

    amplitude_c: float


@dataclass(frozen=True, slots=True)
class ComponentSpec:
    """A kind of part that each machine has one of; hours are of full load, costs in euros."""

    name: str
    modes: tuple[FailureMode, ...]
    """How it shows; each part has one of them."""
    shape: float
    scale_h: float
    """Of its Weibull life."""
    sudden_share: float
    pf_h: Range
    """From the first sign to failure."""
    repair_h: float
    part: float
    lead_h: float
    """Until a new one is there, where none lies in stock."""
    damage_factor: float
    """So many parts' worth go with it when it fails."""
    damage_h: float
    """Longer repair when it fails."""

    def __post_init__(self) -> None:
        _require(bool(self.modes), f"{self.name}: needs a mode")
        _require(self.shape > 0 and self.scale_h > 0, f"{self.name}: needs a positive life")
        _require_share(self.sudden_share, f"{self.name}: sudden_share")


@dataclass(frozen=True, slots=True)
class Family:
    """Plants that are alike: their seeds, and what they differ in."""

    seeds: tuple[int, ...]
    downtime_per_h: Range
    life_factor: Range
    pf_factor: Range
    sudden_factor: Range
    lead_factor: Range
    upset_factor: Range


@dataclass(frozen=True, slots=True)
class Tuned:
    """What the policies have learned on the tuning seeds."""

    interval_factor: float
    """Of the optimal age replacement; time-based."""
    velocity_mms: float
    temperature_c: float
    """Limits of the threshold-based policy."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything."""

    year: YearSpec
    crew: CrewSpec
    stops: StopSpec
    money: MoneySpec
    technician: TechnicianSpec
    parts: PartsSpec
    upsets: UpsetSpec
    sensor_faults: SensorFaultSpec
    season: SeasonSpec
    components: tuple[ComponentSpec, ...]
    tuning: Family
    held_out: Family
    tuned: Tuned

    def __post_init__(self) -> None:
        shared = set(self.tuning.seeds) & set(self.held_out.seeds)
        _require(not shared, f"seeds {sorted(shared)} are both for tuning and held out")
        longest = max(each.repair_h + each.damage_h for each in self.components)
        _require(self.crew.hours > 0 and longest > 0, "crew and components need hours")
        fits = max(each.repair_h for each in self.components) <= min(self.crew.hours, self.stops.hours)
        _require(fits, "a planned repair must fit into a shift and into a stop")


def read_settings(path: Path | None = None) -> Settings:
    """The shipped settings, or those of a file.

    Raises:
        ConfigError: it cannot be read, or a value cannot be right.
    """
    if path is None:
        text = (resources.files("simulators") / "data" / "fleet_year.toml").read_text("utf-8")
        return parse_settings(text, "fleet_year.toml")
    try:
        return parse_settings(path.read_text("utf-8"), str(path))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def parse_settings(text: str, origin: str) -> Settings:
    """Settings from TOML.

    Raises:
        ConfigError: one line that says where and what.
    """
    tables = parse_toml(text)
    if "component" in tables:
        tables["components"] = tables.pop("component")
    return build(Settings, tables, origin)
