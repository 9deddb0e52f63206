"""From lives to what a model of remaining useful life (RUL) reads, and from its answer to a forecast.

Rule: training, export and serving fill the same tensors by the same function, and intervals are widened by
the same table. A forecast never says a number beyond the model's horizon: it says that it lies beyond.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.errors import BundleError
from contract.lives import Life, LifeSpec

Inputs = dict[str, npt.NDArray[Any]]

HEAD_ROWS = 20
"""First rows of a life, kept when it has more than a model reads: what the machine was like when new."""
ROUNDING = 1e-6
"""A model answers in float32: so close to the horizon is at the horizon."""
NO_EVENT = 0
"""Code of an empty place for an event; event `i` of the type has code `i + 1`."""


@dataclass(frozen=True, slots=True)
class InputSpec:
    """How much of a life a model reads.

    Raises:
        BundleError: sizes that cannot be.
    """

    life: LifeSpec
    n_rows: int
    """Rows; a longer life keeps its first `head_rows` and its last."""
    n_events: int
    """Newest events; 0 where the type has none."""
    head_rows: int = HEAD_ROWS
    """First rows that are kept; fewer than `n_rows`, 0: the newest alone."""

    def __post_init__(self) -> None:
        if not (0 <= self.head_rows < self.n_rows and self.n_events >= 0):
            raise BundleError("a model reads more rows than the first that it keeps, and 0 events or more")


def assemble(lives: Sequence[Life], spec: InputSpec) -> Inputs:
    """What the model reads of each life, as it stands after its last row.

    Args:
        lives: At least one, all of `spec.life`'s type.
        spec: How much is read.

    Returns:
        `age` float32 (n, n_rows), in the type's time unit; `mask` float32 (n, n_rows), 1 where there is a
        row, else 0 (rows stand at the right, so that the newest is always the last); `settings` float32
        (n, n_rows, n_settings) and `sensors` float32 (n, n_rows, n_sensors), NaN where unknown, 0 where there
        is no row; where `n_events` > 0 also `event_code` int32 and `event_ago` float32, both (n, n_events),
        newest first: the event's code, and how long before the last row it was; where the type has more than
        one component also `component` int32 (n,), its place in `LifeSpec.components`.
    """
    n, rows, life = len(lives), spec.n_rows, spec.life
    inputs: Inputs = {
        "age": np.zeros((n, rows), np.float32),
        "mask": np.zeros((n, rows), np.float32),
        "settings": np.zeros((n, rows, len(life.settings)), np.float32),
        "sensors": np.zeros((n, rows, len(life.sensors)), np.float32),
    }
    for index, one in enumerate(lives):
        keep = kept_rows(len(one.age), rows, spec.head_rows)
        place = slice(rows - len(keep), rows)
        inputs["age"][index, place] = one.age[keep]
        inputs["mask"][index, place] = 1.0
        inputs["settings"][index, place] = one.settings[keep]
        inputs["sensors"][index, place] = one.sensors[keep]
    if spec.n_events:
        inputs |= _assemble_events(lives, spec)
    if len(life.components) > 1:
        inputs["component"] = np.array([life.components.index(one.component) for one in lives], np.int32)
    return inputs


def kept_rows(n_rows: int, most: int, head: int) -> npt.NDArray[np.intp]:
    """Which rows of a life are read: all, or its first few and its last.

    >>> kept_rows(3, 30, 20).tolist(), kept_rows(60, 5, 2).tolist()
    ([0, 1, 2], [0, 1, 57, 58, 59])
    """
    if n_rows <= most:
        return np.arange(n_rows)
    return np.concatenate([np.arange(head), np.arange(n_rows - most + head, n_rows)])


def _assemble_events(lives: Sequence[Life], spec: InputSpec) -> Inputs:
    shape = len(lives), spec.n_events
    codes, ago = np.full(shape, NO_EVENT, np.int32), np.zeros(shape, np.float32)
    number = {code: index + 1 for index, code in enumerate(spec.life.events)}
    for index, life in enumerate(lives):
        newest = life.events[: -spec.n_events - 1 : -1]
        codes[index, : len(newest)] = [number[event.code] for event in newest]
        ago[index, : len(newest)] = [life.age[-1] - event.age for event in newest]
    return {"event_code": codes, "event_ago": ago}


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is known of a component's remaining useful life, in its type's time unit."""

    mean: float
    """Expected RUL, counted up to the horizon."""
    p10: float
    p50: float
    p90: float
    """10, 50 and 90 of 100 such components fail sooner; the horizon where that lies beyond it."""
    horizon: float

    @property
    def is_beyond(self) -> bool:
        """Whether more likely than not it lives longer than the horizon: nothing more can be said."""
        return self.p50 >= self.horizon * (1.0 - ROUNDING)


@dataclass(frozen=True, slots=True)
class Bin:
    """Forecasts whose median lies in a range, and by how much their intervals must be widened to be true."""

    above: float
    """The range's lower edge; the first is 0."""
    lower: float
    """Taken from the lower quantile."""
    upper: float
    """Added to the upper quantile; both may be negative: the model was too careful."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """Conformal corrections of an interval, one for each range of forecasts (Mondrian).

    Raises:
        BundleError: no bins, or edges that do not rise from 0.
    """

    bins: tuple[Bin, ...]

    def __post_init__(self) -> None:
        edges = [each.above for each in self.bins]
        if not edges or edges[0] != 0 or any(a >= b for a, b in pairwise(edges)):
            raise BundleError("calibration needs bins whose edges rise from 0")
        if not all(math.isfinite(value) for each in self.bins for value in (each.lower, each.upper)):
            raise BundleError("calibration needs finite corrections")

    def apply(
        self, median: npt.NDArray[Any], lower: npt.NDArray[Any], upper: npt.NDArray[Any], horizon: float
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """Widen intervals, all (n,); they stay within 0 and the horizon and keep the median inside.

        A median outside of 0 and the horizon counts as the nearer of the two.
        """
        median = np.clip(median, 0, horizon)
        edges = np.array([each.above for each in self.bins])
        which = np.clip(np.searchsorted(edges, median, side="right") - 1, 0, None)
        lower = lower - np.array([each.lower for each in self.bins])[which]
        upper = upper + np.array([each.upper for each in self.bins])[which]
        return np.clip(np.minimum(lower, median), 0, horizon), np.clip(np.maximum(upper, median), 0, horizon)

    def to_json(self) -> list[list[float]]:
        """As a manifest holds it."""
        return [[each.above, each.lower, each.upper] for each in self.bins]

    @classmethod
    def from_json(cls, value: Any) -> Calibration:
        """Read it back.

        Raises:
            BundleError: it is no such table.
        """
        try:
            return cls(tuple(Bin(*map(float, row)) for row in value))
        except (TypeError, ValueError) as error:
            raise BundleError(f"calibration is no table of three numbers a row: {error}") from error


LEVELS: Mapping[str, float] = {
    "p05": 0.05,
    "p10": 0.1,
    "p25": 0.25,
    "p50": 0.5,
    "p75": 0.75,
    "p90": 0.9,
    "p95": 0.95,
}
"""Quantiles that every RUL model answers, in this order."""
