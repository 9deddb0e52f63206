"""A machine's component from its first hour to its end: rows of numbers, events, and how it ended.

Rule: a life that could not be true cannot be built, and nothing in it is later than its last row: what was
learned afterwards is only in how it ended (`end`, `end_age`). Snapshots, training and serving hold the same
lives, so a forecast online is made from the numbers that training saw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import chain

import numpy as np
import numpy.typing as npt

from contract.errors import DataError

Ages = npt.NDArray[np.float64]
Rows = npt.NDArray[np.float32]

NAME_PATTERN = re.compile(r"[a-z][a-z0-9_]{0,39}")
"""Machine types, components, settings, sensors and event codes: they become columns of files."""
ID_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""Machines and groups."""
MAX_NAMES = 512
LARGEST = 3.4028e38
NAME_LISTS = ("components", "settings", "sensors", "events")
"""Fields of `LifeSpec` that list names."""


class End(StrEnum):
    """How a life ended, as far as is known."""

    FAILED = "failed"
    REPLACED = "replaced"
    """Taken out before it failed: it would have lived longer, nobody knows how long."""
    RUNNING = "running"
    """Alive when it was last heard of."""


class EventKind(StrEnum):
    """What kind of entry the maintenance log or the machine's own error list holds."""

    MAINTENANCE = "maintenance"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class LifeSpec:
    """What every life of a machine type has in common: names, units and how far a forecast can see.

    Raises:
        DataError: a name that cannot be a column, a name twice, or a horizon that is no length of time.
    """

    machine_type: str
    time_unit: str
    """Unit of every age and of RUL: `cycle`, `h` or `s`."""
    horizon: float
    """Beyond this RUL, in `time_unit`, a forecast says only "longer"; positive."""
    components: tuple[str, ...] = field(kw_only=True)
    """What of a machine lives and fails, at least one; lives of a machine's components share its rows."""
    settings: tuple[str, ...] = ()
    """Operating parameters: what the machine is asked to do. They tell operating conditions apart."""
    sensors: tuple[str, ...] = ()
    """What is measured of it."""
    events: tuple[str, ...] = ()
    """Codes of maintenance and errors."""

    def __post_init__(self) -> None:
        listed = {what: getattr(self, what) for what in NAME_LISTS}
        for name in (self.machine_type, self.time_unit, *chain.from_iterable(listed.values())):
            _require(
                bool(NAME_PATTERN.fullmatch(name)), f"{name[:60]!r}: names are up to 40 of a-z, 0-9 and _"
            )
        for what, names in listed.items():
            _require(
                len(set(names)) == len(names) <= MAX_NAMES, f"{what}: at most {MAX_NAMES}, all different"
            )
        _require(bool(self.components), "a machine type needs a component")
        _require(bool(self.sensors or self.events), "a life needs a sensor or an event to be told by")
        _require(0 < self.horizon <= LARGEST, f"horizon must be positive, not {self.horizon}")


@dataclass(frozen=True, slots=True, order=True)
class LifeEvent:
    """An entry of the maintenance log, or an error that the machine reported."""

    age: float
    """When, on the life's own clock."""
    kind: EventKind
    code: str
    """One of `LifeSpec.events`."""


@dataclass(frozen=True, slots=True, eq=False)
class Life:
    """One component of one machine, from its installation on.

    Raises:
        DataError: rows out of order, shapes that differ, numbers that are infinite, events or an end that do
            not fit; names the machine.
    """

    machine: str
    """A pseudonym in snapshots. Data is split by it: all lives of a machine fall on one side."""
    component: str
    """One of `LifeSpec.components`."""
    number: int
    """Of this component in this machine, from 0; each replacement starts a new one."""
    age: Ages = field(repr=False)
    """float64 (n,), strictly rising, in the type's time unit since the component's installation; n >= 1."""
    settings: Rows = field(repr=False)
    """float32 (n, n_settings); NaN: not known."""
    sensors: Rows = field(repr=False)
    """float32 (n, n_sensors); NaN: not measured."""
    end: End
    end_age: float
    """Age at failure or replacement, or at which it was last known to run; not before the last row."""
    events: tuple[LifeEvent, ...] = field(default=(), repr=False)
    """In order of age; none after the last row."""
    group: str = ""
    """A condition, fault or model that results are shown by, written like an id; empty: none. Never an input,
    and never who owns the machine."""

    def __post_init__(self) -> None:
        who = f"life {self.machine[:64]!r}"
        self._require_names(who)
        self._require_rows(who)
        last = float(self.age[-1])
        _require(
            last <= self.end_age <= LARGEST,
            f"{who}: ends at {self.end_age:g}, before its last row at {last:g}",
        )
        ages = [event.age for event in self.events]
        _require(all(0 <= age <= last for age in ages), f"{who}: an event lies outside its rows")
        _require(ages == sorted(ages), f"{who}: events must be in order of age")

    def _require_names(self, who: str) -> None:
        ids = "up to 64 letters, digits, _, . and -"
        _require(bool(ID_PATTERN.fullmatch(self.machine)), f"{who}: ids are {ids}")
        is_group = not self.group or bool(ID_PATTERN.fullmatch(self.group))
        _require(is_group, f"{who}: group {self.group[:64]!r}: groups are {ids}")
        _require(bool(NAME_PATTERN.fullmatch(self.component)), f"{who}: component {self.component[:60]!r}")
        _require(self.number >= 0, f"{who}: {self.component} {self.number}: lives are counted from 0")

    def _require_rows(self, who: str) -> None:
        n_rows = len(self.age)
        _require(self.age.shape == (n_rows,) and n_rows >= 1, f"{who}: needs one age for each row, and a row")
        _require(self.age.dtype == np.float64, f"{who}: ages must be float64, not {self.age.dtype}")
        rising = bool(np.all(np.isfinite(self.age))) and bool(np.all(np.diff(self.age) > 0))
        _require(rising and self.age[0] >= 0, f"{who}: ages must be finite, not negative and rise strictly")
        for name in ("settings", "sensors"):
            rows = getattr(self, name)
            _require(rows.dtype == np.float32, f"{who}: {name} must be float32, not {rows.dtype}")
            _require(rows.ndim == 2 and len(rows) == n_rows, f"{who}: {name} need {n_rows} rows")
            _require(not np.isinf(rows).any(), f"{who}: {name} hold infinite numbers")

    @property
    def remaining(self) -> float:
        """From the last row to the end; the RUL if the life failed, else less than it."""
        return self.end_age - float(self.age[-1])

    @property
    def is_censored(self) -> bool:
        """Whether the component would have lived longer than `end_age`."""
        return self.end is not End.FAILED

    def cut(self, n_rows: int) -> Life:
        """The life as it was known when row `n_rows` had been the last; only its end is from later.

        Raises:
            ValueError: there are not so many rows.
        """
        if not 1 <= n_rows <= len(self.age):
            raise ValueError(f"cannot keep {n_rows} of {len(self.age)} rows")
        last = float(self.age[n_rows - 1])
        return replace(
            self,
            age=self.age[:n_rows],
            settings=self.settings[:n_rows],
            sensors=self.sensors[:n_rows],
            events=tuple(event for event in self.events if event.age <= last),
        )


def require_fit(life: Life, spec: LifeSpec) -> None:
    """Refuse a life that is not of this type.

    Raises:
        DataError: other numbers of columns, a component or an event nobody named; says which.
    """
    who = f"life {life.machine!r}"
    _require(
        life.component in spec.components, f"{who}: {life.component} is no component of {spec.machine_type}"
    )
    _require(
        life.settings.shape[1] == len(spec.settings), f"{who}: has other settings than {spec.machine_type}"
    )
    _require(life.sensors.shape[1] == len(spec.sensors), f"{who}: has other sensors than {spec.machine_type}")
    unknown = sorted({event.code for event in life.events} - set(spec.events))
    _require(not unknown, f"{who}: event {', '.join(unknown[:3])} is not one of {spec.machine_type}'s")


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DataError(message)
