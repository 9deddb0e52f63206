"""What of a machine type's summaries becomes the rows of its lives.

Rule: columns are named by what they hold: `mean_`, `min_` or `max_`, then the feature. A plan follows from
the profile that the machines themselves told (`default_plan`), unless a file says otherwise; a model that
asks for columns its machines do not have is not run on them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum
from pathlib import Path

import numpy as np
import numpy.typing as npt

from cloud.machine_events import WHOLE_MACHINE
from contract.errors import ConfigError, DataError
from contract.features import feature_specs
from contract.lives import MAX_NAMES, NAME_PATTERN, Ages, Life, LifeSpec
from contract.profiles import MachineProfile
from contract.signals import Quantity, SensorKind
from contract.snapshot import SECONDS
from contract.toml_tables import build, parse_toml

EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_MICROSECOND = timedelta(microseconds=1)


class Aggregate(IntEnum):
    """Which of a feature's three numbers a column takes; its value is the place in a packed summary."""

    MEAN = 0
    MIN = 1
    MAX = 2


@dataclass(frozen=True, slots=True)
class LifePlan:
    """How a machine type's lives are made.

    Raises:
        ConfigError: a value that cannot be right.
    """

    machine_type: str
    settings: tuple[str, ...]
    """Columns that say what the machine is asked to do."""
    sensors: tuple[str, ...]
    """Columns that say how it is."""
    step_s: float = 3600.0
    """Length of a row, in s; steps are counted from 1970, so that all machines share them."""
    time_unit: str = "h"
    """Of ages and RUL: `h` or `s`."""
    horizon: float = 2000.0
    """How far a forecast can see, in `time_unit`."""
    max_ahead_s: float = 300.0
    """A summary that is further ahead of the cloud's clock comes from a wrong one, in s."""
    max_behind_s: float = 90 * 86_400.0
    """The same for one that is further behind; a device without a network keeps its summaries for weeks."""

    def __post_init__(self) -> None:
        _require(
            60 <= self.step_s <= 7 * 86_400, f"step_s must lie between a minute and a week, not {self.step_s}"
        )
        _require(self.step_s == int(self.step_s), "step_s must be whole seconds")
        _require(self.time_unit in SECONDS, f"time_unit must be one of {', '.join(SECONDS)}")
        _require(self.max_ahead_s >= 0 and self.max_behind_s > 0, "clock limits must not be negative")
        for column in (*self.settings, *self.sensors):
            parse_column(column)
        self.spec()

    def spec(self, events: Sequence[str] = (), components: Sequence[str] = (WHOLE_MACHINE,)) -> LifeSpec:
        """The type of its lives, with these codes of maintenance and errors, and these components.

        Raises:
            ConfigError: columns twice, names that are none, or a horizon that is no length of time.
        """
        try:
            return LifeSpec(
                machine_type=self.machine_type,
                time_unit=self.time_unit,
                horizon=self.horizon,
                components=tuple(components),
                settings=self.settings,
                sensors=self.sensors,
                events=tuple(events),
            )
        except DataError as error:
            raise ConfigError(f"life plan of {self.machine_type}: {error}") from error

    def step_of(self, event_time: datetime) -> int:
        """Which step a summary falls into, by its end: (n step, (n + 1) step] is step n."""
        return -(-_microseconds(event_time) // self._step_us) - 1

    def start_of(self, step: int) -> datetime:
        """When a step begins; it ends as the next one begins."""
        return EPOCH + step * self._step_us * _MICROSECOND

    def newest_over(self, moment: datetime) -> int:
        """The newest step that is over at a moment."""
        return _microseconds(moment) // self._step_us - 1

    def ends_s(self, steps: npt.NDArray[np.int64]) -> Ages:
        """When steps end: float64 (n,), s since 1970."""
        ends: Ages = (steps + 1) * self.step_s
        return ends

    def newest_of(self, life: Life, installed: datetime) -> datetime:
        """End of the newest row of a life."""
        seconds = float(life.age[-1]) * SECONDS[self.time_unit]
        after = (installed - EPOCH).total_seconds() + seconds
        return self.start_of(round(after / self.step_s))

    def is_clock_right(self, event_time: datetime, ingest_time: datetime) -> bool:
        """Whether a device's time can be true, given when the cloud heard it."""
        ahead_s = (event_time - ingest_time).total_seconds()
        return -self.max_behind_s <= ahead_s <= self.max_ahead_s

    @property
    def _step_us(self) -> int:
        return int(self.step_s) * 1_000_000


def default_plan(profile: MachineProfile) -> LifePlan:
    """What follows from a profile.

    Operating parameters are the sensor that tells regimes apart and every speed; all other features are what
    is measured. Each enters with its mean, features of waveforms with their maximum too, where there is room.

    Raises:
        ConfigError: the profile's features cannot be columns; says which.
    """
    asked = {spec.name for spec in profile.sensors if spec.quantity is Quantity.SPEED}
    if profile.regime is not None:
        asked.add(profile.regime.sensor)
    specs = feature_specs(profile)
    waveforms = {spec.name for spec in profile.sensors if spec.kind is SensorKind.WAVEFORM}
    measured = [spec for spec in specs if spec.sensor not in asked] or list(specs)
    sensors = [f"mean_{spec.name}" for spec in measured]
    peaks = [f"max_{spec.name}" for spec in measured if spec.sensor in waveforms]
    settings = [f"mean_{spec.name}" for spec in specs if spec.sensor in asked and spec not in measured]
    return LifePlan(
        machine_type=machine_type_of(profile),
        settings=tuple(settings),
        sensors=tuple((sensors + peaks)[:MAX_NAMES]),
    )


def machine_type_of(profile: MachineProfile) -> str:
    """The name of a profile as a machine type: `bearing-rig` is `bearing_rig`."""
    return profile.name.replace("-", "_")


def read_plan(path: Path) -> LifePlan:
    """Read a plan from TOML whose keys are the fields of `LifePlan`.

    Raises:
        ConfigError: it cannot be read, or is none; names the file.
    """
    try:
        return build(LifePlan, parse_toml(path.read_text("utf-8")), "life plan")
    except (OSError, UnicodeDecodeError, ConfigError) as error:
        raise ConfigError(f"{path}: {error}") from error


def plan_of(profile: MachineProfile, folder: Path | None) -> LifePlan:
    """A machine type's plan: `FOLDER/TYPE.toml` where there is one, else what follows from the profile.

    Raises:
        ConfigError: neither is usable, or the file is of another type.
    """
    path = folder / f"{machine_type_of(profile)}.toml" if folder else None
    if path is None or not path.is_file():
        return default_plan(profile)
    plan = read_plan(path)
    _require(plan.machine_type == machine_type_of(profile), f"{path}: is for {plan.machine_type}")
    return plan


def parse_column(name: str) -> tuple[str, Aggregate]:
    """Which feature a column holds, and which of its numbers.

    >>> parse_column("max_vib_h_rms")
    ('vib_h_rms', <Aggregate.MAX: 2>)

    Raises:
        ConfigError: it does not say.
    """
    aggregate, _, feature = name.partition("_")
    is_column = aggregate.upper() in Aggregate.__members__ and bool(NAME_PATTERN.fullmatch(feature))
    _require(is_column, f"column {name[:60]!r}: write mean_, min_ or max_ and a feature")
    return feature, Aggregate[aggregate.upper()]


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise ConfigError(message)
