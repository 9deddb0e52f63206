"""A machine profile: which sensors a kind of machine has and how they are cut, scored and alarmed on.

Rule: a profile is validated whole when it is read; every later step may trust it. Unknown keys are refused,
so that a misspelt setting is never silently ignored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, is_dataclass, replace
from functools import lru_cache
from importlib import resources
from pathlib import Path

from contract.errors import ConfigError
from contract.signals import NAME_PATTERN, Quantity, SensorKind, SensorSpec
from contract.toml_tables import build, format_table, parse_toml, show

FEATURE_VERSION = 1
"""The one feature definition of this code (`contract.features`)."""

MAX_SENSORS = 64
MAX_FEATURES = 512
"""Features of one machine; also what fits into one message."""
WAVEFORM_FEATURES = 16
"""Most features that one waveform yields (`contract.vibration`)."""

UNKNOWN_REGIME = "unknown"
"""The regime of a window whose regime sensor cannot be believed."""
TRANSITION_REGIME = "transition"
"""That of a window in which the machine goes from one operating point to another."""

SCORE_DECADES = 8.0
"""Powers of ten of the probability that a score spans (`contract.calibration`)."""

_SHORTEST_HOP_S = 1e-3
_DAY_S = 86_400.0
_HIGHEST_THRESHOLD = 0.95
"""A score of 1 must still be an alarm."""


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
        _require(
            _SHORTEST_HOP_S <= self.hop_s <= self.length_s <= _DAY_S,
            f"window: needs {_SHORTEST_HOP_S} <= hop_s <= length_s <= {_DAY_S:.0f}",
        )
        _require(self.length_s <= 1000 * self.hop_s, "window: length_s must be at most 1000 hops")
        _require(
            8 <= self.context <= 128 and self.context % 4 == 0,
            "window: context must be a multiple of 4 from 8 to 128",
        )


@dataclass(frozen=True, slots=True)
class WarmupSpec:
    """How many windows a machine's own baseline is learned from, in each regime."""

    baseline_windows: int = 24
    """Windows that fix level and spread of each feature."""
    calibration_windows: int = 24
    """Windows after those that fix the machine's own healthy model error."""

    def __post_init__(self) -> None:
        _require(
            8 <= self.baseline_windows <= 100_000, "warmup: baseline_windows must lie between 8 and 100000"
        )
        _require(
            8 <= self.calibration_windows <= 100_000,
            "warmup: calibration_windows must lie between 8 and 100000",
        )


@dataclass(frozen=True, slots=True)
class AlarmSpec:
    """The causal k-of-n rule with an on and an off delay."""

    false_alarms_per_day: float = 1 / 30
    """Alarms that a healthy machine may be expected to raise in a day; one a month."""
    threshold: float = 0.0
    """Score in 0..1 from which a window counts as anomalous; 0: what `false_alarms_per_day` asks for."""
    k: int = 4
    """Anomalous windows among the last `n` that raise the alarm."""
    n: int = 6
    clear_below: float = 0.35
    """Score below which a window counts as calm."""
    clear_after: int = 12
    """Calm windows in a row that clear the alarm."""

    def __post_init__(self) -> None:
        _require(0 < self.false_alarms_per_day < 100, "alarm: false_alarms_per_day must lie in (0, 100)")
        _require(0 <= self.threshold < 1, "alarm: threshold must lie in [0, 1)")
        is_lower = 0 < self.clear_below <= (self.threshold or _HIGHEST_THRESHOLD)
        _require(is_lower, "alarm: needs 0 < clear_below <= threshold < 1")
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
    steady_within: float = math.inf
    """Largest range of the sensor in a window, in its unit; more is a transition, neither learned nor judged.
    A machine that it leaves no steady stretch is shown as never steady."""

    def __post_init__(self) -> None:
        _require(len(self.names) == len(self.edges) + 1, "regime: needs one name more than edges")
        _require(all(map(math.isfinite, self.edges)), "regime: edges must be finite")
        _require(
            all(a < b for a, b in zip(self.edges, self.edges[1:], strict=False)), "regime: edges must rise"
        )
        _require(all(NAME_PATTERN.fullmatch(n) for n in self.names), "regime: names use a-z, 0-9 and _")
        _require(len(set(self.names)) == len(self.names), "regime: names must differ")
        _require(
            not {UNKNOWN_REGIME, TRANSITION_REGIME} & set(self.names),
            f"regime: {UNKNOWN_REGIME} and {TRANSITION_REGIME} mean something else; choose other names",
        )
        _require(self.steady_within > 0, "regime: steady_within must be positive")
        _require(
            set(self.off) <= set(self.names) and set(self.off) != set(self.names),
            "regime: off must name some, not all",
        )


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
        _require(
            0 < self.ball_diameter_mm < self.pitch_diameter_mm < math.inf,
            "bearing: needs 0 < ball_diameter_mm < pitch_diameter_mm",
        )
        _require(0 <= self.contact_angle_deg < 90, "bearing: contact_angle_deg must lie in [0, 90)")
        _require(0 <= self.nominal_speed_rpm < math.inf, "bearing: nominal_speed_rpm must not be negative")
        _require(
            bool(self.speed_sensor) or self.nominal_speed_rpm > 0,
            "bearing: give speed_sensor or nominal_speed_rpm",
        )

    def defect_orders(self) -> dict[str, float]:
        """Defect frequencies as multiples of the shaft's: ftf (cage), bpfo, bpfi, bsf."""
        ratio = (
            self.ball_diameter_mm / self.pitch_diameter_mm * math.cos(math.radians(self.contact_angle_deg))
        )
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
    """Machine time covered by one ScoreSummary; a multiple of the hop, at most a day."""
    regime: RegimeSpec | None = None
    bearing: BearingGeometry | None = None
    envelope_band_hz: tuple[float, float] = (0.0, 0.0)
    """Band demodulated for the envelope spectrum; (0, 0): upper half of the spectrum."""

    def __post_init__(self) -> None:
        _require(
            bool(NAME_PATTERN.fullmatch(self.name.replace("-", "_"))),
            f"profile name {show(self.name)}: use a-z, 0-9, - and _",
        )
        _require(1 <= self.version < 2**31, "profile: version starts at 1")
        _require(
            self.feature_version == FEATURE_VERSION,
            f"profile: this code computes feature version {FEATURE_VERSION}",
        )
        _require(
            self.window.hop_s <= self.summary_interval_s <= _DAY_S,
            "profile: summary_interval_s must lie between one hop and a day",
        )
        hops = self.summary_interval_s / self.window.hop_s
        _require(abs(hops - round(hops)) < 1e-6, "profile: summary_interval_s must be a multiple of hop_s")
        self._check_sensors()
        self._check_references()
        self._check_envelope_band()

    def __hash__(self) -> int:
        """Cheap, because plans are looked up by profile for each window; equality compares everything."""
        return hash((self.name, self.version, len(self.sensors)))

    def _check_sensors(self) -> None:
        names = {spec.name for spec in self.sensors}
        _require(1 <= len(self.sensors) <= MAX_SENSORS, f"profile: needs 1 to {MAX_SENSORS} sensors")
        _require(len(names) == len(self.sensors), "profile: sensor names must differ")
        features = 0
        for spec in self.sensors:
            is_waveform = spec.kind is SensorKind.WAVEFORM
            features += WAVEFORM_FEATURES if is_waveform else len(spec.features)
            _require(spec.burst_s <= self.window.hop_s, f"sensor {spec.name}: a burst must fit into one hop")
            _require(
                is_waveform or spec.rate_hz * self.window.length_s > 1 - 1e-6,
                f"sensor {spec.name}: a window must hold at least one of its samples; make length_s longer",
            )
        _require(features <= MAX_FEATURES, f"profile: at most {MAX_FEATURES} features, this makes {features}")

    def _check_references(self) -> None:
        if self.regime is not None:
            spec = self.sensor(self.regime.sensor)
            _require(spec.kind is SensorKind.SCALAR, "regime: its sensor must be a scalar")
        if self.bearing is not None and self.bearing.speed_sensor:
            spec = self.sensor(self.bearing.speed_sensor)
            _require(
                spec.quantity is Quantity.SPEED and spec.unit in ("/min", "Hz"),
                "bearing: speed_sensor needs unit /min or Hz",
            )

    def _check_envelope_band(self) -> None:
        if self.envelope_band_hz == (0.0, 0.0):
            return
        low_hz, high_hz = self.envelope_band_hz
        limit_hz = min((spec.rate_hz / 2 for spec in self.waveforms), default=0.0)
        _require(
            0 <= low_hz < high_hz <= limit_hz,
            f"envelope_band_hz needs 0 <= low < high <= {limit_hz}, half the slowest waveform's rate",
        )

    @property
    def alarm_rule(self) -> AlarmSpec:
        """The alarm rule with its threshold worked out.

        A score s is reached by a healthy window with probability 10^(-8 s), so a day is expected to hold
        86,400 / hop_s times as many of those. Every alarm takes k that no other alarm took: there are at most
        a k-th as many alarms, however contexts overlap and errors linger.
        """
        if self.alarm.threshold:
            return self.alarm
        alarms_at_zero = _DAY_S / (self.window.hop_s * self.alarm.k)
        decades = math.log10(alarms_at_zero / self.alarm.false_alarms_per_day)
        threshold = min(max(decades / SCORE_DECADES, self.alarm.clear_below), _HIGHEST_THRESHOLD)
        return replace(self.alarm, threshold=threshold)

    def sensor(self, name: str) -> SensorSpec:
        """The sensor of that name.

        Raises:
            ConfigError: the profile has no such sensor.
        """
        for spec in self.sensors:
            if spec.name == name:
                return spec
        known = ", ".join(spec.name for spec in self.sensors)
        raise ConfigError(f"profile {self.name} has no sensor {show(name)}; it has {known}")

    @property
    def waveforms(self) -> tuple[SensorSpec, ...]:
        """The sensors that deliver bursts."""
        return tuple(s for s in self.sensors if s.kind is SensorKind.WAVEFORM)


def parse_profile(text: str, origin: str = "profile") -> MachineProfile:
    """Build a profile from TOML; equal texts give the same object.

    Raises:
        ConfigError: one line that names the origin and what is wrong.
    """
    found = _read_profile(text)
    if isinstance(found, str):
        raise ConfigError(f"{origin}: {found}")
    return found


@lru_cache(maxsize=256)
def _read_profile(text: str) -> MachineProfile | str:
    """A profile, or what is wrong with it.

    Kept: a fleet that connects again sends a few texts very often, and reading one takes milliseconds.
    """
    try:
        tables = parse_toml(text)
        _require("sensors" not in tables, "write sensors as [[sensor]] tables")
        if "sensor" in tables:
            tables["sensors"] = tables.pop("sensor")
        return build(MachineProfile, tables, "profile")
    except ConfigError as error:
        return str(error)


def format_profile(profile: MachineProfile) -> str:
    """Write a profile as TOML; `parse_profile` reads back an equal one."""
    lines = format_table(profile)
    for field in fields(profile):
        section = getattr(profile, field.name)
        if is_dataclass(section):
            lines += ["", f"[{field.name}]", *format_table(section)]
    for spec in profile.sensors:
        lines += ["", "[[sensor]]", *format_table(spec)]
    return "\n".join(lines) + "\n"


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
        known = ", ".join(profile_names())
        raise ConfigError(f"no profile {show(name_or_path)}: give a .toml file or one of {known}")
    try:
        text = path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise ConfigError(f"profile {show(name_or_path)} cannot be read: {error}") from error
    return parse_profile(text, str(path))


def profile_names() -> tuple[str, ...]:
    """Names of the profiles that ship with the package."""
    folder = resources.files("contract") / "profiles_shipped"
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))
