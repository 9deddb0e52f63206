"""What is wrong with a span's lives, each in one sentence that says what and where.

Rule: everything here is a rule on lives, without TensorFlow. A finding never guesses at a cure: it names the
column, the machine and the numbers, and a person decides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.life_columns import SENSOR, SETTING
from contract.lives import Life, LifeSpec
from contract.snapshot import SECONDS, LifeKey, key_of, require_known_at
from models.recorded import FEATURE

LABEL_NAMES = re.compile(
    r"(^|_)(rul|ttf|ttl|label|target|remaining|remaining_life|time_to_failure|failure_time|end_of_life"
    r"|anomaly|changepoint)(_|$)"
)
"""Column names that promise the answer."""
MIN_LIVES = 5
"""Fewer lives may agree with anything by chance."""
LEAK_CORRELATION = 0.999
"""Rank correlation with the answer, over all rows of all lives, that no measurement has: the best sensor of
C-MAPSS stays below 0.8 on every subset."""
_INPUTS = (SETTING, SENSOR, FEATURE)
_MAX_ROWS = 20_000
"""Rows that are looked at, evenly spread; a leak shows in fewer."""


@dataclass(frozen=True, slots=True)
class Range:
    """What a column of numbers may hold."""

    low: float
    high: float
    unit: str = ""
    """As people write it; empty where nobody said."""


def find_named_labels(columns: Iterable[str]) -> Iterator[str]:
    """Columns whose name says that they hold the answer.

    >>> list(find_named_labels(["sensor_rul", "sensor_temp", "setting_load"]))
    ["column sensor_rul is named like a label: the answer must not be among a model's inputs"]
    """
    for column in columns:
        if column.startswith(_INPUTS) and LABEL_NAMES.search(column):
            yield f"column {column} is named like a label: the answer must not be among a model's inputs"


def find_leaks(lives: Sequence[Life], spec: LifeSpec) -> Iterator[str]:
    """Columns that tell the RUL or the end of a life as no measurement can.

    See `find_telling`.
    """
    failed = [life for life in lives if not life.is_censored and len(life.age) > 1]
    if failed:
        tale = Tale([life.age for life in failed], [life.end_age for life in failed])
        yield from find_telling(tale, _columns(failed, spec))


@dataclass(frozen=True, slots=True)
class Tale:
    """Rows of lives whose ends are known."""

    ages: Sequence[npt.NDArray[np.float64]]
    """Of each life, the age at each of its rows."""
    ends: Sequence[float]
    """Of each life, its age at the end."""


def find_telling(tale: Tale, columns: Iterable[tuple[str, npt.NDArray[np.float32]]]) -> Iterator[str]:
    """Columns that tell the RUL or the end of these lives as no measurement can.

    A column is held against the RUL, the share of life that is used up and the end itself, by ranks. A column
    that only follows the age is no leak: a counter of operating hours is one.

    Args:
        tale: The lives.
        columns: Name, and the rows of all lives one after the other.
    """
    if len(set(tale.ends)) < MIN_LIVES:
        return
    step = max(1, sum(map(len, tale.ages)) // _MAX_ROWS)
    age = np.concatenate(tale.ages)[::step]
    end = np.repeat(tale.ends, [len(ages) for ages in tale.ages])[::step]
    answers = {"RUL": end - age, "share of life used up": age / end, "age at the end": end}
    by_age = {name: _rank_correlation(age, answer) for name, answer in answers.items()}
    for column, values in columns:
        for name, answer in answers.items():
            found = _rank_correlation(values[::step], answer)
            if found >= LEAK_CORRELATION > by_age[name]:
                yield (
                    f"column {column} tells the {name} of {len(tale.ends)} lives (rank correlation "
                    f"{found:.4f}), as no measurement can: it holds the answer"
                )
                break


def find_ranges_left(lives: Sequence[Life], spec: LifeSpec, ranges: Mapping[str, Range]) -> Iterator[str]:
    """Columns that leave the range of the curated schema: most likely another unit.

    Args:
        lives: Of one side.
        spec: Their type.
        ranges: Column to what it may hold.
    """
    for column, values in _columns(lives, spec):
        if column not in ranges or np.isnan(values).all():
            continue
        agreed = ranges[column]
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if low < agreed.low or high > agreed.high:
            found = low if low < agreed.low else high
            allowed = f"{agreed.low:g} to {agreed.high:g} {agreed.unit}".rstrip()
            yield f"column {column} holds {found:g}, and the schema says {allowed}: is it in another unit?"


def find_future(
    lives: Sequence[Life], installed: Mapping[LifeKey, datetime], cut: datetime, time_unit: str
) -> Iterator[str]:
    """Lives that hold anything from after the cut, where their calendar is known."""
    if time_unit not in SECONDS:
        return
    for life in lives:
        since = installed.get(key_of(life))
        if since is None:
            continue
        try:
            require_known_at(life, since, cut, time_unit)
        except DataError as error:
            yield f"{error}: a timestamp from the future"


def find_shared_machines(sides: Mapping[str, Iterable[str]]) -> Iterator[str]:
    """Machines that stand on more than one side."""
    seen: dict[str, str] = {}
    for side, machines in sides.items():
        for machine in sorted(set(machines)):
            if seen.setdefault(machine, side) != side:
                yield f"machine {machine} is in {seen[machine]} and in {side}: its answers would leak"


def _columns(lives: Sequence[Life], spec: LifeSpec) -> Iterator[tuple[str, npt.NDArray[np.float32]]]:
    for prefix, names, part in ((SETTING, spec.settings, "settings"), (SENSOR, spec.sensors, "sensors")):
        if names:
            rows = np.concatenate([getattr(life, part) for life in lives])
            for index, name in enumerate(names):
                yield f"{prefix}{name}", rows[:, index]


def _rank_correlation(one: npt.NDArray[np.generic], other: npt.NDArray[np.generic]) -> float:
    """Spearman's, without its sign; 0 where either is constant or hardly known."""
    known = np.isfinite(one) & np.isfinite(other)
    if known.sum() < max(MIN_LIVES, len(one) // 2):
        return 0.0
    ranks = [_ranks(values[known]) for values in (one, other)]
    spreads = [each.std() for each in ranks]
    if min(spreads) == 0:
        return 0.0
    return float(abs(np.mean((ranks[0] - ranks[0].mean()) * (ranks[1] - ranks[1].mean()))) / np.prod(spreads))


def _ranks(values: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Ranks from 0; equal values share their mean rank."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts + 1) / 2.0)[inverse]
