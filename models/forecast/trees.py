"""The floor: gradient-boosted trees on causal statistics of a life, with intervals.

Rule: the same lives, the same calibration and the same judges as any model that is measured beside it.
Rows are weighed as networks weigh them. Statistics and settings are the same for every data set. They were
chosen among about fifteen by cross-validation over engines of training files, the axes of `TreeSpec` after
plainer statistics had missed a published figure on one test file: this floor is stronger than an untuned one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt

from contract.forecast import LEVELS, Calibration
from contract.lives import Life, LifeSpec
from models.errors import TooLittleDataError
from models.forecast.conditions import Usual
from models.forecast.conformal import ConformalSpec, calibrate
from models.forecast.emphasis import weigh
from models.forecast.life_statistics import StatisticsSpec, compute_statistics, event_statistics
from models.forecast.truths import Floats, Forecasts, Names, Truths

Matrix = npt.NDArray[np.float32]
Advance = Callable[[], None]
"""Called after each fit."""

FITTED_LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)
"""Quantiles that have trees of their own; those between are interpolated."""
MIN_MACHINES = 2


@dataclass(frozen=True, slots=True)
class TreeSpec:
    """What the trees read, and how they are grown."""

    statistics: StatisticsSpec = field(default_factory=StatisticsSpec)
    axes: int = 3
    """Directions in which the sensors vary most together; they are read like sensors, beside them."""
    learning_rate: float = 0.05
    rounds: int = 150
    min_rows: int = 20
    """In a leaf."""
    features: float = 0.3
    """Share of the statistics that each split may choose from."""
    every: int = 5
    """Of how many rows of a life one is learned from: neighbours are nearly the same."""
    most_quantile_rows: int = 10_000
    """The quantiles leave out more, evenly, where there would be more."""
    folds: int = 5
    """Parts of the machines for cross-conformal calibration."""


FULL = TreeSpec()
"""The whole history and the age."""
WITHOUT_AGE = TreeSpec(StatisticsSpec(has_age=False))
RECENT_ROWS = 30
RECENT = TreeSpec(
    StatisticsSpec(
        means=(10, 20, RECENT_ROWS),
        slopes=(RECENT_ROWS,),
        first=0,
        has_age=False,
        has_events=False,
    )
)
"""The last 30 rows and no age; a shorter life with the rows that it has."""
N_FITS = 1 + len(FITTED_LEVELS) + FULL.folds * 4
"""Of one `fit_trees`: the mean, the quantiles, and of each fold the mean, the interval and the median."""


@dataclass(frozen=True, slots=True, eq=False)
class Reader:
    """From a life to what trees read, as it was learned from training lives."""

    life: LifeSpec
    usual: Usual
    axes: Floats = field(repr=False)
    """float64 (n_sensors, n_axes), orthonormal columns."""
    statistics: StatisticsSpec

    @classmethod
    def learn(cls, lives: Sequence[Life], life: LifeSpec, spec: TreeSpec) -> Reader:
        """Learn it from training lives (at least one)."""
        usual = Usual.of_lives(lives)
        rows = np.nan_to_num(np.concatenate([usual.standardise(each) for each in lives]))
        _, vectors = np.linalg.eigh(rows.T @ rows)  # rising: those that vary most stand last
        return cls(life, usual, vectors[:, ::-1][:, : spec.axes], spec.statistics)

    def read(self, life: Life) -> Matrix:
        """What trees read at every row of a life: float32 (n_rows, n_statistics); causal."""
        values = self.usual.standardise(life)
        values = np.concatenate([values, np.nan_to_num(values) @ self.axes], axis=1)
        parts = [compute_statistics(life, values, self.statistics)]
        if len(self.life.components) > 1:
            place = self.life.components.index(life.component)
            parts.append(np.full((len(life.age), 1), place, np.float32))
        if self.statistics.has_events:
            parts.append(event_statistics(life, self.life))
        return np.concatenate(parts, axis=1)


@dataclass(frozen=True, slots=True, eq=False)
class Trees:
    """Fitted trees; forecasts lives of the type they were fitted to."""

    reader: Reader
    mean: Any = field(repr=False)
    quantiles: tuple[Any, ...] = field(repr=False)
    """One for each of `FITTED_LEVELS`."""
    calibration: Calibration
    fold_of: Mapping[str, int] = field(repr=False)
    """By machine."""
    means_left_out: tuple[Any, ...] = field(repr=False)
    """By fold: trees for the mean that did not learn from its machines; None: nobody else could teach."""

    def forecast(self, lives: Sequence[Life]) -> Forecasts:
        """What is said of lives after their last rows."""
        return self._say(np.concatenate([self.reader.read(life)[-1:] for life in lives]))

    def follow(self, life: Life) -> Forecasts:
        """What had been said of a life after each of its rows."""
        return self._say(self.reader.read(life))

    def say_left_out(self, lives: Sequence[Life]) -> Floats:
        """What is expected of each life as it stands, by trees that did not learn from its machine.

        Args:
            lives: Of machines that these were fitted to.

        Returns:
            float64 (n,), within 0 and the horizon; NaN where nobody else could teach them.
        """
        rows = np.concatenate([self.reader.read(life)[-1:] for life in lives])
        fold = np.array([self.fold_of[life.machine] for life in lives])
        said = np.full(len(lives), np.nan)
        for number, trees in enumerate(self.means_left_out):
            if trees is not None and (fold == number).any():
                said[fold == number] = trees.predict(rows[fold == number])
        return np.asarray(np.clip(said, 0, self.reader.life.horizon))

    def _say(self, rows: Matrix) -> Forecasts:
        known = np.stack([trees.predict(rows) for trees in self.quantiles], axis=1)
        horizon = self.reader.life.horizon
        return Forecasts.of_model(self.mean.predict(rows), between_levels(known), horizon, self.calibration)


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """All rows of all lives that something can be learned from."""

    rows: Matrix
    """float32 (n, n_statistics)."""
    truths: Truths
    place: npt.NDArray[np.intp]
    """int (n,): the row's place in its life."""

    @classmethod
    def of(cls, lives: Sequence[Life], reader: Reader) -> _Table:
        sizes = [len(life.age) for life in lives]
        truths = Truths(
            np.concatenate([life.end_age - life.age for life in lives]),
            np.repeat([life.is_censored for life in lives], sizes),
            np.repeat([life.machine for life in lives], sizes),
            np.repeat([life.group for life in lives], sizes),
            reader.life.horizon,
        )
        rows = np.concatenate([reader.read(life) for life in lives])
        return cls(rows, truths, np.concatenate([np.arange(size) for size in sizes]))

    def fit(self, inside: npt.NDArray[np.bool_], every: int, trees: Any) -> Any:
        """Grow trees on each `every`-th row of what is inside, if its truth is known."""
        chosen = inside & self.truths.is_known & (self.place % every == 0)
        weights = weigh(self.truths.remaining[chosen], self.truths.horizon)
        return trees.fit(self.rows[chosen], self.truths.capped[chosen], sample_weight=weights)


def fit_trees(
    lives: Sequence[Life], life: LifeSpec, spec: TreeSpec, seed: int, advance: Advance = lambda: None
) -> Trees:
    """Grow trees on lives, and calibrate their intervals on the same lives by folds of machines.

    Rows of a life that has not ended are left out while less than the horizon is known of them: trees have
    no loss for a lower bound.

    Args:
        lives: Of at least two machines.
        life: Their type.
        spec: What is read, and how trees grow.
        seed: Of the trees and the folds.
        advance: Called `N_FITS` times where `spec.folds` is the usual.

    Raises:
        TooLittleDataError: fewer than two machines, or nothing is known of when any of them ended.
    """
    if len({each.machine for each in lives}) < MIN_MACHINES:
        raise TooLittleDataError(f"trees need lives of at least {MIN_MACHINES} machines; give more")
    reader = Reader.learn(lives, life, spec)
    table = _Table.of(lives, reader)
    if not table.truths.is_known.any():
        raise TooLittleDataError("trees need lives that ended, or that outlasted the horizon; there is none")
    everyone = np.ones(len(table.rows), np.bool_)
    every = max(spec.every, math.ceil(len(table.rows) / spec.most_quantile_rows))
    mean = table.fit(everyone, spec.every, _grow(spec, seed))
    advance()
    quantiles = []
    for level in FITTED_LEVELS:
        quantiles.append(table.fit(everyone, every, _grow(spec, seed, level)))
        advance()
    fold = folds_of(table.truths.machines, spec.folds, seed)
    calibration = _calibrate(table, fold, spec, _Draw(seed, every), advance)
    means = _fit_left_out(table, fold, spec, seed, advance)
    fold_of = dict(zip(table.truths.machines.tolist(), fold.tolist(), strict=True))
    return Trees(reader, mean, tuple(quantiles), calibration, fold_of, means)


def between_levels(known: Floats) -> Floats:
    """All of `contract.forecast.LEVELS` from the fitted ones.

    Between two levels a quantile moves as that of a normal distribution would, so that the tails stay tails.

    Args:
        known: float64 (n, 5), may cross; put in order.

    Returns:
        float64 (n, 7), rising.
    """
    known = np.sort(known, axis=1)
    fitted = np.array([NormalDist().inv_cdf(level) for level in FITTED_LEVELS])
    wanted = np.array([NormalDist().inv_cdf(level) for level in LEVELS.values()])
    right = np.clip(np.searchsorted(fitted, wanted), 1, len(fitted) - 1)
    part = (wanted - fitted[right - 1]) / (fitted[right] - fitted[right - 1])
    return np.asarray(known[:, right - 1] * (1 - part) + known[:, right] * part)


def folds_of(machines: Names, n_folds: int, seed: int) -> npt.NDArray[np.intp]:
    """The fold of each row, int (n,): all rows of a machine are in one, and folds are alike in machines."""
    names, place = np.unique(machines, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray((order % min(n_folds, len(names)))[place])


@dataclass(frozen=True, slots=True)
class _Draw:
    """What a fit to folds draws: machines by the seed, and one of so many rows."""

    seed: int
    every: int


def _fit_left_out(
    table: _Table, fold: npt.NDArray[np.intp], spec: TreeSpec, seed: int, advance: Advance
) -> tuple[Any, ...]:
    """See `Trees.means_left_out`."""
    means = []
    for number in range(spec.folds):
        can_learn = ((fold != number) & table.truths.is_known).any()
        means.append(table.fit(fold != number, spec.every, _grow(spec, seed)) if can_learn else None)
        advance()
    return tuple(means)


def _calibrate(
    table: _Table, fold: npt.NDArray[np.intp], spec: TreeSpec, draw: _Draw, advance: Advance
) -> Calibration:
    said = np.zeros((len(fold), 3))
    for number in range(spec.folds):
        for column, level in enumerate((FITTED_LEVELS[0], 0.5, FITTED_LEVELS[-1])):
            inside = fold == number
            if inside.any() and (~inside & table.truths.is_known).any():
                trees = table.fit(~inside, draw.every, _grow(spec, draw.seed, level))
                said[inside, column] = trees.predict(table.rows[inside])
            advance()
    lower, median, upper = np.sort(said, axis=1).T
    spread = np.stack([lower, *[median] * (len(LEVELS) - 2), upper], axis=1)
    forecasts = Forecasts.of_model(median, spread, table.truths.horizon)
    return calibrate(forecasts, table.truths, ConformalSpec(is_cross=True))


def _grow(spec: TreeSpec, seed: int, level: float | None = None) -> Any:
    from sklearn.ensemble import HistGradientBoostingRegressor

    return HistGradientBoostingRegressor(
        loss="squared_error" if level is None else "quantile",
        quantile=level,
        learning_rate=spec.learning_rate,
        max_iter=spec.rounds,
        min_samples_leaf=spec.min_rows,
        max_features=spec.features,
        early_stopping=False,
        random_state=seed,
    )
