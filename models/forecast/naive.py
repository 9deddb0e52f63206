"""What can be said of remaining life without looking at a sensor: by how long other lives lasted.

Rule: no machine's own numbers are read, but its age where a name says so. Whoever reads sensors must beat it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from contract.forecast import LEVELS
from contract.lives import Life
from models.errors import TooLittleDataError
from models.forecast.truths import Floats, Forecasts

_LEVELS = np.array(list(LEVELS.values()))


@dataclass(frozen=True, slots=True, eq=False)
class AlwaysTheSame:
    """Says of every machine what training machines had left on average, at a random row of their lives."""

    mean: float
    quantiles: Floats = field(repr=False)
    """float64 (7,)."""
    horizon: float

    @classmethod
    def fit(cls, lives: Sequence[Life], horizon: float) -> AlwaysTheSame:
        """Learn it from lives that ended; every machine counts the same.

        Raises:
            TooLittleDataError: no life ended.
        """
        ended = _ended(lives)
        left = [np.minimum(life.end_age - life.age, horizon) for life in ended]
        weights = np.concatenate([np.full(len(one), 1 / len(one)) for one in left])
        values = np.concatenate(left)
        return cls(float(np.average(values, weights=weights)), _quantiles(values, weights), horizon)

    def forecast(self, lives: Sequence[Life]) -> Forecasts:
        """What is said of lives after their last rows."""
        said = np.tile(self.quantiles, (len(lives), 1))
        return Forecasts.of_model(np.full(len(lives), self.mean), said, self.horizon)


@dataclass(frozen=True, slots=True, eq=False)
class ByAge:
    """Says what training lives that outlived a machine's age still had."""

    lengths: Floats = field(repr=False)
    """float64 (n_lives,), rising: how long they lasted, in the type's time unit."""
    horizon: float

    @classmethod
    def fit(cls, lives: Sequence[Life], horizon: float) -> ByAge:
        """Learn it from lives that ended.

        Raises:
            TooLittleDataError: no life ended.
        """
        return cls(np.sort([life.end_age for life in _ended(lives)]), horizon)

    def forecast(self, lives: Sequence[Life]) -> Forecasts:
        """What is said of lives after their last rows; past the longest training life, that it ends now."""
        left = [self.lengths[self.lengths > life.age[-1]] - life.age[-1] for life in lives]
        capped = [np.minimum(one, self.horizon) if len(one) else np.zeros(1) for one in left]
        mean = np.array([one.mean() for one in capped])
        said = np.array([_quantiles(one, np.ones(len(one))) for one in capped])
        return Forecasts.of_model(mean, said.reshape(len(lives), len(_LEVELS)), self.horizon)


def _ended(lives: Sequence[Life]) -> list[Life]:
    ended = [life for life in lives if not life.is_censored]
    if not ended:
        raise TooLittleDataError("no life ended, so nothing is known of how long lives last; give more")
    return ended


def _quantiles(values: Floats, weights: Floats) -> Floats:
    """The smallest values that each level's share of the weight does not exceed: float64 (7,)."""
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    return np.asarray(values[order][np.minimum(np.searchsorted(share, _LEVELS - 1e-12), len(values) - 1)])
