"""What became of machines, and what had been said of them: the two things that every figure compares.

Rule: a truth is what is known, and no more: a life that has not ended gives a lower bound, and beyond the
horizon all lives are alike. Shapes that differ and forecasts that are no numbers cannot be built.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from contract.forecast import LEVELS, Calibration
from contract.lives import Life

Numbers = npt.NDArray[Any]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Names = npt.NDArray[np.str_]

N_LEVELS = len(LEVELS)
MEDIAN = list(LEVELS).index("p50")


@dataclass(frozen=True, slots=True, eq=False)
class Truths:
    """How long each of n lives lasted from the row at which it was judged.

    Raises:
        ValueError: shapes that differ, a time that is negative or no number, a horizon that is none.
    """

    remaining: Floats = field(repr=False)
    """float64 (n,), in the type's time unit; where censored, it lasted at least so long."""
    is_censored: Bools = field(repr=False)
    """bool (n,): the end was not seen."""
    machines: Names = field(repr=False)
    """str (n,): rows of one machine are not independent of each other."""
    groups: Names = field(repr=False)
    """str (n,): the condition, fault or model that results are shown by."""
    horizon: float
    """Beyond it only "longer" counts; positive."""

    def __post_init__(self) -> None:
        shape = (len(self.remaining),)
        if any(a.shape != shape for a in (self.remaining, self.is_censored, self.machines, self.groups)):
            raise ValueError("truths need one remaining time, censoring, machine and group for each life")
        if not (np.isfinite(self.remaining).all() and (self.remaining >= 0).all() and self.horizon > 0):
            raise ValueError("truths need times that are finite and not negative, and a positive horizon")

    @classmethod
    def of(cls, lives: Sequence[Life], horizon: float) -> Truths:
        """What is known of lives after their last rows."""
        return cls(
            np.array([life.remaining for life in lives], np.float64),
            np.array([life.is_censored for life in lives], np.bool_),
            np.array([life.machine for life in lives], np.str_),
            np.array([life.group for life in lives], np.str_),
            float(horizon),
        )

    def __len__(self) -> int:
        return len(self.remaining)

    @property
    def capped(self) -> Floats:
        """Remaining times, the horizon where they are longer: float64 (n,)."""
        return np.minimum(self.remaining, self.horizon)

    @property
    def is_beyond(self) -> Bools:
        """Which lasted for the horizon or longer, whether the end was seen or not: bool (n,)."""
        return self.remaining >= self.horizon

    @property
    def is_known(self) -> Bools:
        """Of which `capped` is the truth and not just a lower bound: bool (n,)."""
        return ~self.is_censored | self.is_beyond

    def take(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Truths:
        """Some of them, by mask or by place."""
        return Truths(
            self.remaining[which],
            self.is_censored[which],
            self.machines[which],
            self.groups[which],
            self.horizon,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Forecasts:
    """What a model says of n lives, in the type's time unit, counted up to the horizon.

    Raises:
        ValueError: shapes that differ, values that are no numbers, quantiles or intervals that cross.
    """

    mean: Floats = field(repr=False)
    """float64 (n,): the expected RUL, by which errors are counted."""
    quantiles: Floats = field(repr=False)
    """float64 (n, 7): one column for each of `contract.forecast.LEVELS`, rising."""
    lower: Floats = field(repr=False)
    """float64 (n,): lower end of the 90 % interval."""
    upper: Floats = field(repr=False)
    """float64 (n,): its upper end."""

    def __post_init__(self) -> None:
        n = len(self.mean)
        parts = (self.mean, self.quantiles, self.lower, self.upper)
        if [part.shape for part in parts] != [(n,), (n, N_LEVELS), (n,), (n,)]:
            raise ValueError(f"forecasts need a mean, {N_LEVELS} quantiles and an interval for each life")
        if not all(np.isfinite(part).all() for part in parts):
            raise ValueError("forecasts must be numbers")
        if (np.diff(self.quantiles, axis=1) < 0).any() or (self.lower > self.upper).any():
            raise ValueError("quantiles and the ends of an interval may not cross")

    @classmethod
    def of_model(
        cls, mean: Numbers, quantiles: Numbers, horizon: float, calibration: Calibration | None = None
    ) -> Forecasts:
        """Make forecasts as they are served: within 0 and the horizon, the outermost quantiles calibrated.

        Args:
            mean: (n,).
            quantiles: (n, 7), one column a level; crossing ones are put in order.
            horizon: Of the type.
            calibration: Widens the interval of the outermost quantiles; None: it stays.
        """
        mean = np.clip(np.asarray(mean, np.float64), 0, horizon)
        ordered = np.sort(np.clip(np.asarray(quantiles, np.float64), 0, horizon), axis=1)
        lower, upper = ordered[:, 0], ordered[:, -1]
        if calibration is None:
            return cls(mean, ordered, lower, upper)
        lower, upper = calibration.apply(ordered[:, MEDIAN], lower, upper, horizon)
        served = np.clip(ordered, lower[:, None], upper[:, None])
        served[:, 0], served[:, -1] = lower, upper
        return cls(mean, served, lower, upper)

    def __len__(self) -> int:
        return len(self.mean)

    @property
    def median(self) -> Floats:
        """What half of such machines live longer than: float64 (n,)."""
        return self.quantiles[:, MEDIAN]

    def take(self, which: npt.NDArray[np.bool_] | npt.NDArray[np.intp]) -> Forecasts:
        """Some of them, by mask or by place."""
        return Forecasts(self.mean[which], self.quantiles[which], self.lower[which], self.upper[which])


class Forecaster(Protocol):
    """Something fitted."""

    def forecast(self, lives: Sequence[Life]) -> Forecasts:
        """What is said of lives after their last rows."""
        ...
