"""A machine profile: which sensors a kind of machine has and how they are cut, scored and alarmed on.

Rule: a profile is validated whole when it is read; every later step may trust it. Unknown keys are refused, so that a
misspelt setting is never silently ignored.
"""

from __future__ import annotations

import math
import tomllib
from dataclasses import MISSING, dataclass, fields
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

from contract.errors import ConfigError
from contract.signals import NAME_PATTERN, Quantity, ScalarFeature, SensorKind, SensorSpec

FEATURE_VERSION = 1
"""The one feature definition of this code (`contract.features`)."""

_T = TypeVar("_T")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)


@dataclass(frozen=True, slots=True)
class WindowSpec:
    """How samples are cut into windows and windows stacked into what the model sees."""

    length_s: float
    """Length of one window, in s of machine time."""
    hop_s: float
    """Time between the starts of two windows, in s; at most `length_s`."""
    context: int = 16
    """Windows the model sees at once; a multiple of 4, 8 to 128."""

    def __post_init__(self) -> None:
        _require(0 < self.hop_s <= self.length_s < math.inf, "window: needs 0 < hop_s <= length_s")
        _require(8 <= self.context <= 128 and self.context % 4 == 0, "window: context must be a multiple of 4 from 8 to 128")


@dataclass(frozen=True, slots=True)
class WarmupSpec:
    """How many windows a machine's own baseline is learned from, in each regime."""

    baseline_windows: int = 24
    """Windows that fix level and spread of each feature."""
    calibration_windows: int = 24
    """Windows after those that fix the machine's own healthy model error."""

    def __post_init__(self) -> None:
        _require(8 <= self.baseline_windows <= 100_000, "warmup: baseline_windows must lie between 8 and 100000")
        _require(8 <= self.calibration_windows <= 100_000, "warmup: calibration_windows must lie between 8 and 100000")


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """The causal k-of-n rule with an on and an off delay."""

    threshold: float = 0.5
    """Score in 0..1 from which a window counts as anomalous."""
    k: int = 4
    """Anomalous windows among the last `n` that raise the alarm."""
    n: int = 6
    clear_below: float = 0.35
    """Score below which a window counts as calm."""
    clear_after: int = 12
    """Calm windows in a row that clear the alarm."""

    def __post_init__(self) -> None:
        _require(0 < self.clear_below <= self.threshold < 1, "alarm: needs 0 < clear_below <= threshold < 1")
        _require(1 <= self.k <= self.n <= 1000, "alarm: needs 1 <= k <= n <= 1000")
        _require(1 <= self.clear_after <= 10_000, "alarm: clear_after must lie between 1 and 10000")


@dataclass(frozen=True, slots=True)
class RegimeSpec:
    """Operating regimes as bins of one scalar sensor's level; each has its own baseline."""

    sensor: str
    edges: tuple[float, ...]
    """Rising bin edges in the sensor's unit."""
    names: tuple[str, ...]
    """One more than there are edges."""
    off: tuple[str, ...] = ()
    """Regimes in which the machine stands still and is not scored."""

    def __post_init__(self) -> None:
        _require(len(self.names) == len(self.edges) + 1, "regime: needs one name more than edges")
        _require(all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False)), "regime: edges must rise")
        _require(all(NAME_PATTERN.fullmatch(n) for n in self.names), "regime: names use a-z, 0-9 and _")
        _require(len(set(self.names)) == len(self.names), "regime: names must differ")
        _require(set(self.off) <= set(self.names) and set(self.off) != set(self.names), "regime: off must name some, not all")


@dataclass(frozen=True, slots=True)
class BearingGeometry:
    """A rolling bearing, for its defect frequencies (Randall & Antoni, MSSP 25 (2011), eqs. 1-4)."""

    balls: int
    ball_diameter_mm: float
    pitch_diameter_mm: float
    contact_angle_deg: float = 0.0
    speed_sensor: str = ""
    """Scalar sensor of quantity speed, unit `/min` or `Hz`; empty: use `nominal_speed_rpm`."""
    nominal_speed_rpm: float = 0.0

    def __post_init__(self) -> None:
        _require(3 <= self.balls <= 200, "bearing: balls must lie between 3 and 200")
        _require(0 < self.ball_diameter_mm < self.pitch_diameter_mm, "bearing: needs 0 < ball_diameter_mm < pitch_diameter_mm")
        _require(0 <= self.contact_angle_deg < 90, "bearing: contact_angle_deg must lie in [0, 90)")
        _require(bool(self.speed_sensor) or self.nominal_speed_rpm > 0, "bearing: give speed_sensor or nominal_speed_rpm")

    def defect_orders(self) -> dict[str, float]:
        """Defect frequencies as multiples of the shaft's: ftf (cage), bpfo, bpfi, bsf."""
        ratio = self.ball_diameter_mm / self.pitch_diameter_mm * math.cos(math.radians(self.contact_angle_deg))
        return {
            "ftf": (1 - ratio) / 2,
            "bpfo": self.balls * (1 - ratio) / 2,
            "bpfi": self.balls * (1 + ratio) / 2,
            "bsf": self.pitch_diameter_mm / self.ball_diameter_mm * (1 - ratio**2) / 2,
        }


@dataclass(frozen=True, slots=True)
class MachineProfile:
    """Everything that is the same for all machines of one kind."""

    name: str
    version: int
    sensors: tuple[SensorSpec, ...]
    window: WindowSpec
    description: str = ""
    feature_version: int = FEATURE_VERSION
    warmup: WarmupSpec = WarmupSpec()
    alarm: AlarmSpec = AlarmSpec()
    summary_interval_s: float = 60.0
    """Machine time covered by one ScoreSummary; a multiple of the hop."""
    regime: RegimeSpec | None = None
    bearing: BearingGeometry | None = None
    envelope_band_hz: tuple[float, float] = (0.0, 0.0)
    """Band demodulated for the envelope spectrum; (0, 0): upper half of the spectrum."""

    def __post_init__(self) -> None:
        _require(bool(NAME_PATTERN.fullmatch(self.name.replace("-", "_"))), f"profile name {self.name!r}: use a-z, 0-9, - and _")
        _require(self.version >= 1, "profile: version starts at 1")
        _require(self.feature_version == FEATURE_VERSION, f"profile: this code computes feature version {FEATURE_VERSION}")
        _require(1 <= len(self.sensors) <= 64, "profile: needs 1 to 64 sensors")
        _require(len({s.name for s in self.sensors}) == len(self.sensors), "profile: sensor names must differ")
        ratio = self.summary_interval_s / self.window.hop_s
        _require(ratio >= 1 and abs(ratio - round(ratio)) < 1e-6, "profile: summary_interval_s must be a multiple of hop_s")
        for sensor in self.sensors:
            _require(sensor.burst_s <= self.window.hop_s, f"sensor {sensor.name}: a burst must fit into one hop")
        self._check_references()

    def _check_references(self) -> None:
        if self.regime is not None:
            spec = self.sensor(self.regime.sensor)
            _require(spec.kind is SensorKind.SCALAR, "regime: its sensor must be a scalar")
        if self.bearing is not None and self.bearing.speed_sensor:
            spec = self.sensor(self.bearing.speed_sensor)
            _require(spec.quantity is Quantity.SPEED and spec.unit in ("/min", "Hz"), "bearing: speed_sensor needs unit /min or Hz")

    def sensor(self, name: str) -> SensorSpec:
        """The sensor of that name.

        Raises:
            ConfigError: the profile has no such sensor.
        """
        for spec in self.sensors:
            if spec.name == name:
                return spec
        raise ConfigError(f"profile {self.name} has no sensor {name!r}; it has {', '.join(s.name for s in self.sensors)}")

    @property
    def waveforms(self) -> tuple[SensorSpec, ...]:
        """The sensors that deliver bursts."""
        return tuple(s for s in self.sensors if s.kind is SensorKind.WAVEFORM)


def parse_profile(text: str, origin: str = "profile") -> MachineProfile:
    """Build a profile from TOML.

    Raises:
        ConfigError: one line that names the origin and what is wrong.
    """
    try:
        table = tomllib.loads(text)
        return _build_profile(table)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{origin}: not valid TOML: {error}") from error
    except ConfigError as error:
        raise ConfigError(f"{origin}: {error}") from error


def load_profile(name_or_path: str) -> MachineProfile:
    """Read a shipped profile by name (`pump`) or any profile by path (`./mine.toml`).

    Raises:
        ConfigError: no such profile, or it is malformed.
    """
    if name_or_path in profile_names():
        text = (resources.files("contract") / "profiles_shipped" / f"{name_or_path}.toml").read_text("utf-8")
        return parse_profile(text, f"profile {name_or_path}")
    path = Path(name_or_path)
    if path.suffix != ".toml":
        raise ConfigError(f"no profile {name_or_path!r}: give a .toml file or one of {', '.join(profile_names())}")
    try:
        return parse_profile(path.read_text("utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"profile {path} cannot be read: {error}") from error


def profile_names() -> tuple[str, ...]:
    """Names of the profiles that ship with the package."""
    folder = resources.files("contract") / "profiles_shipped"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def _build_profile(table: dict[str, Any]) -> MachineProfile:
    sections = dict(table)
    sensors = sections.pop("sensor", [])
    _require(isinstance(sensors, list) and all(isinstance(s, dict) for s in sensors), "write sensors as [[sensor]] tables")
    sections["sensors"] = tuple(_build(SensorSpec, s, f"sensor {s.get('name', '?')}") for s in sensors)
    for key, kind in (("window", WindowSpec), ("warmup", WarmupSpec), ("alarm", AlarmSpec), ("regime", RegimeSpec), ("bearing", BearingGeometry)):
        if key in sections:
            _require(isinstance(sections[key], dict), f"[{key}] must be a table")
            sections[key] = _build(kind, sections[key], key)
    return _build(MachineProfile, sections, "profile")


def _build(kind: type[_T], table: dict[str, Any], where: str) -> _T:
    known = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    unknown = sorted(set(table) - set(known))
    _require(not unknown, f"{where}: unknown key {', '.join(unknown)}; known are {', '.join(sorted(known))}")
    missing = [n for n, f in known.items() if n not in table and f.default is MISSING and f.default_factory is MISSING]
    _require(not missing, f"{where}: {', '.join(missing)} is missing")
    try:
        return kind(**{key: _convert(known[key].type, value, f"{where}.{key}") for key, value in table.items()})
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{where}: {error}") from error


def _convert(annotation: Any, value: Any, where: str) -> Any:
    """Check a TOML value against the field's annotation (a string, thanks to postponed evaluation)."""
    enums: dict[str, type[StrEnum]] = {"Quantity": Quantity, "SensorKind": SensorKind}
    if annotation in enums:
        choices = [str(member) for member in enums[annotation]]
        _require(value in choices, f"{where}: {value!r} is none of {', '.join(choices)}")
        return enums[annotation](value)
    if annotation == "float":
        _require(isinstance(value, int | float) and not isinstance(value, bool), f"{where} must be a number, not {value!r}")
        return float(value)
    if annotation == "int":
        _require(isinstance(value, int) and not isinstance(value, bool), f"{where} must be a whole number, not {value!r}")
        return value
    if annotation == "str":
        _require(isinstance(value, str), f"{where} must be text, not {value!r}")
        return value
    return _convert_list(annotation, value, where)


def _convert_list(annotation: str, value: Any, where: str) -> Any:
    if not annotation.startswith("tuple["):
        return value  # already built: a nested table
    if where == "profile.sensors":
        return value
    _require(isinstance(value, list), f"{where} must be a list, not {value!r}")
    if "ScalarFeature" in annotation:
        choices = [str(member) for member in ScalarFeature]
        _require(all(v in choices for v in value), f"{where}: features are {', '.join(choices)}")
        return tuple(ScalarFeature(v) for v in value)
    inner = "float" if "float" in annotation else "str"
    return tuple(_convert(inner, v, where) for v in value)
