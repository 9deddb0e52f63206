"""Lives as columns, and back: what a file of lives holds, whoever writes or reads it.

Rule: one row for each life, and the same columns in snapshots and in training examples. What the columns
say is believed only after it was checked here; every defect names column and machine. Nothing of a file
format is known here: a column is flat values, with offsets where each life has a list.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.lives import End, EventKind, Life, LifeEvent, LifeSpec, require_fit
from contract.snapshot import Installed, LifeKey, key_of

SETTING, SENSOR = "setting_", "sensor_"
INSTALLED = "installed_s"
"""When age 0 was, in s since the Unix epoch; NaN where there is no calendar. Never an input of a model."""


class ColumnKind(StrEnum):
    """What a column holds for each life."""

    TEXT = "text"
    WHOLE = "whole number"
    """int64"""
    NUMBER = "number"
    """float64; NaN is stored as nothing."""
    AGES = "list of ages"
    """float64"""
    ROWS = "list of numbers"
    """float32; NaN: not known."""
    TEXTS = "list of texts"

    @property
    def is_list(self) -> bool:
        """Whether each life has many values."""
        return self in {ColumnKind.AGES, ColumnKind.ROWS, ColumnKind.TEXTS}


Values = npt.NDArray[Any] | list[str]


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """One column of a file of lives."""

    kind: ColumnKind
    values: Values
    """Flat: one value for each life, or all lives' lists one after the other."""
    offsets: npt.NDArray[np.int32] | None = None
    """int32 (n_lives + 1,), from 0: life i has `values[offsets[i]:offsets[i + 1]]`; None: one value each."""

    def list_of(self, index: int) -> Values:
        """The values of one life.

        Raises:
            ValueError: the column has no lists.
        """
        if self.offsets is None:
            raise ValueError("the column has one value for each life")
        return self.values[self.offsets[index] : self.offsets[index + 1]]


def column_kinds(spec: LifeSpec) -> dict[str, ColumnKind]:
    """Names and kinds of all columns, in their order in a file.

    >>> spec = LifeSpec("pump", "h", 100, ("rpm",), ("temp",), components=("seal",))
    >>> list(column_kinds(spec))[8:10]
    ['setting_rpm', 'sensor_temp']
    """
    kinds = {
        "machine": ColumnKind.TEXT,
        "component": ColumnKind.TEXT,
        "number": ColumnKind.WHOLE,
        "group": ColumnKind.TEXT,
        "end": ColumnKind.TEXT,
        "end_age": ColumnKind.NUMBER,
        INSTALLED: ColumnKind.NUMBER,
        "age": ColumnKind.AGES,
    }
    kinds |= {f"{SETTING}{name}": ColumnKind.ROWS for name in spec.settings}
    kinds |= {f"{SENSOR}{name}": ColumnKind.ROWS for name in spec.sensors}
    return kinds | {
        "event_age": ColumnKind.AGES,
        "event_kind": ColumnKind.TEXTS,
        "event_code": ColumnKind.TEXTS,
    }


def to_columns(lives: Sequence[Life], spec: LifeSpec, installed: Installed) -> dict[str, Column]:
    """Lives, in this order, as columns.

    Raises:
        DataError: a life is not of this type; names its machine.
    """
    for life in lives:
        require_fit(life, spec)
    moments = [installed.get(key_of(life)) for life in lives]
    flat: dict[str, Values] = {
        "machine": [life.machine for life in lives],
        "component": [life.component for life in lives],
        "number": np.array([life.number for life in lives], np.int64),
        "group": [life.group for life in lives],
        "end": [str(life.end) for life in lives],
        "end_age": np.array([life.end_age for life in lives], np.float64),
        INSTALLED: np.array([np.nan if at is None else at.timestamp() for at in moments], np.float64),
    }
    columns = {name: Column(column_kinds(spec)[name], values) for name, values in flat.items()}
    columns["age"] = _numbers(lives, ColumnKind.AGES, lambda life: life.age)
    for index, name in enumerate(spec.settings):
        columns[f"{SETTING}{name}"] = _numbers(lives, ColumnKind.ROWS, _part("settings", index))
    for index, name in enumerate(spec.sensors):
        columns[f"{SENSOR}{name}"] = _numbers(lives, ColumnKind.ROWS, _part("sensors", index))
    events = [life.events for life in lives]
    columns["event_age"] = _numbers(
        lives, ColumnKind.AGES, lambda life: np.array([event.age for event in life.events], np.float64)
    )
    offsets = columns["event_age"].offsets
    for name, words in (
        ("event_kind", [str(event.kind) for each in events for event in each]),
        ("event_code", [event.code for each in events for event in each]),
    ):
        columns[name] = Column(ColumnKind.TEXTS, words, offsets)
    return columns


def to_lives(columns: Mapping[str, Column], spec: LifeSpec) -> tuple[list[Life], dict[LifeKey, datetime]]:
    """Build the lives that columns hold.

    Args:
        columns: As `column_kinds` names them, each of that kind.
        spec: What the lives must be of.

    Returns:
        The lives in their order, and when each was installed, where that is known.

    Raises:
        DataError: columns are missing, too many or of another kind, lists differ in length, or values that
            no life can have; names column and machine.
    """
    require_columns({name: column.kind for name, column in columns.items()}, spec)
    n_lives = len(columns["machine"].values)
    short = [name for name, column in columns.items() if _n_lives(column) != n_lives]
    _require(not short, f"column {', '.join(short[:3])}: has not one entry for each of the {n_lives} lives")
    lives, installed = [], {}
    for index in range(n_lives):
        life = _build_life(columns, spec, index)
        lives.append(life)
        stamp = float(columns[INSTALLED].values[index])
        if not np.isnan(stamp):
            installed[key_of(life)] = _moment(stamp, life)
    return lives, installed


def require_columns(kinds: Mapping[str, ColumnKind | str], spec: LifeSpec) -> None:
    """Refuse columns that are not exactly those of a type; their order does not matter.

    Args:
        kinds: What was found; a kind that is none of ours may be any other word.
        spec: The type.

    Raises:
        DataError: one is missing, nobody named it, or it is of another kind; names it.
    """
    wanted = column_kinds(spec)
    missing = [name for name in wanted if name not in kinds]
    _require(not missing, f"column {', '.join(missing[:3])} is missing; the manifest names it")
    unknown = [name for name in kinds if name not in wanted]
    _require(not unknown, f"column {', '.join(unknown[:3])} is not in the manifest")
    for name, kind in wanted.items():
        _require(kinds[name] == kind, f"column {name}: holds {kinds[name]}, not {kind}")


def require_distinct(lives: Sequence[Life]) -> None:
    """Refuse the same life twice.

    Raises:
        DataError: two have one machine, component and number; names them.
    """
    seen: set[LifeKey] = set()
    for life in lives:
        key = key_of(life)
        _require(key not in seen, f"machine {key.machine}: {key.component} {key.number} stands there twice")
        seen.add(key)


def _numbers(
    lives: Sequence[Life], kind: ColumnKind, values_of: Callable[[Life], npt.NDArray[Any]]
) -> Column:
    lists = [values_of(life) for life in lives]
    offsets = np.concatenate([[0], np.cumsum([len(each) for each in lists])]).astype(np.int32)
    dtype = np.float32 if kind is ColumnKind.ROWS else np.float64
    return Column(kind, np.concatenate([np.zeros(0), *lists]).astype(dtype), offsets)


def _part(name: str, index: int) -> Callable[[Life], npt.NDArray[Any]]:
    def column_of(life: Life) -> npt.NDArray[Any]:
        rows: npt.NDArray[Any] = getattr(life, name)[:, index]
        return rows

    return column_of


def _n_lives(column: Column) -> int:
    return len(column.values) if column.offsets is None else len(column.offsets) - 1


def _build_life(columns: Mapping[str, Column], spec: LifeSpec, index: int) -> Life:
    machine = str(columns["machine"].values[index])
    who = f"machine {machine[:64]!r}"
    age = np.asarray(columns["age"].list_of(index), np.float64)
    rows = {
        name: np.asarray(column.list_of(index), np.float32)
        for name, column in columns.items()
        if column.kind is ColumnKind.ROWS
    }
    for name, values in rows.items():
        _require(len(values) == len(age), f"column {name}: {who}: {len(values)} values for {len(age)} ages")
        _require(not np.isinf(values).any(), f"column {name}: {who}: holds an infinite number")
    component = str(columns["component"].values[index])
    _require(
        component in spec.components,
        f"column component: {who}: {component[:40]!r} is none of {', '.join(spec.components)}",
    )
    return Life(
        machine=machine,
        component=component,
        number=int(columns["number"].values[index]),
        age=age,
        settings=_stack([rows[f"{SETTING}{name}"] for name in spec.settings], len(age)),
        sensors=_stack([rows[f"{SENSOR}{name}"] for name in spec.sensors], len(age)),
        end=_parse_end(str(columns["end"].values[index]), who),
        end_age=float(columns["end_age"].values[index]),
        events=_build_events(columns, spec, index, who),
        group=str(columns["group"].values[index]),
    )


def _build_events(
    columns: Mapping[str, Column], spec: LifeSpec, index: int, who: str
) -> tuple[LifeEvent, ...]:
    ages, kinds, codes = (columns[f"event_{part}"].list_of(index) for part in ("age", "kind", "code"))
    for name, values in (("event_kind", kinds), ("event_code", codes)):
        _require(len(values) == len(ages), f"column {name}: {who}: {len(values)} values for {len(ages)} ages")
    for name, values, known in (("event_kind", kinds, tuple(EventKind)), ("event_code", codes, spec.events)):
        unknown = sorted(set(map(str, values)) - set(known))
        _require(not unknown, f"column {name}: {who}: {', '.join(unknown)[:60]!r} is unknown")
    is_finite = bool(np.all(np.isfinite(np.asarray(ages, np.float64))))
    _require(is_finite, f"column event_age: {who}: holds a number that is not finite")
    return tuple(
        LifeEvent(float(age), EventKind(kind), str(code))
        for age, kind, code in zip(ages, kinds, codes, strict=True)
    )


def _parse_end(word: str, who: str) -> End:
    _require(word in tuple(End), f"column end: {who}: {word[:40]!r} is none of {', '.join(End)}")
    return End(word)


def _moment(stamp: float, life: Life) -> datetime:
    try:
        return datetime.fromtimestamp(stamp, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise DataError(f"column {INSTALLED}: machine {life.machine!r}: {stamp:g} is no time") from error


def _stack(columns: list[npt.NDArray[np.float32]], n_rows: int) -> npt.NDArray[np.float32]:
    return np.stack(columns, axis=1) if columns else np.zeros((n_rows, 0), np.float32)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise DataError(message)
