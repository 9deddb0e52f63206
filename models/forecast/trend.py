"""Trend extrapolation: an indicator's course drawn on until it reaches the level at which others failed.

Rule: causal, and everything is learned from other lives: the level, how long lives last, and which of a few
textbook variants is used, by leaving out one training machine at a time. Where an indicator does not rise,
the answer is how much longer lives of that age usually lasted, and a trend can only shorten it. It says one
number and no interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import product

import numpy as np
import numpy.typing as npt

from contract.lives import Ages, Life, LifeSpec
from models.errors import TooLittleDataError

Floats = npt.NDArray[np.float64]

INDICATOR = "rms"
"""Sensors with this in their names are indicators; where there is none, every sensor is."""
SMOOTHING_ROWS = 10
"""An indicator is its median over so many rows: single outliers are no trend."""
LAST_ROWS = 10
"""Of a life: their median is the level at its end."""
SMALLEST = 1e-12
WINDOWS = (1.0, 0.5, 0.2)
"""How much of the life so far a line is fitted to."""
ONSETS = (0.0, 3.0, 10.0)
FIRST_ROWS = 30
"""Of a life: what an indicator must rise from."""
MIN_FIT_ROWS = 8


@dataclass(frozen=True, slots=True)
class TrendSpec:
    """One variant."""

    sensor: int
    """Column of the indicator."""
    is_relative: bool
    """Whether the indicator is divided by its own first level."""
    is_exponential: bool
    """Whether its logarithm is drawn on as a line, else itself."""
    window: float
    """Share of the life so far that the line is fitted to, above 0, at most 1."""
    onset: float
    """Spreads of its own first rows that the indicator must have risen by before its trend is believed."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A fitted variant."""

    spec: TrendSpec
    level: float
    """Where lives end: the median over training lives, as `spec` reads them."""
    lengths: Floats = field(repr=False)
    """float64 (n_lives,), rising: how long training lives lasted, in the type's time unit."""

    def follow(self, life: Life) -> Floats:
        """RUL after each row, float64 (n_rows,), in the time unit: never more than is usual at that age."""
        return self.draw_on(life.age, read_indicator(life, self.spec))

    def draw_on(self, age: Ages, values: Floats) -> Floats:
        """The same from ages and the indicator, both float64 (n_rows,)."""
        usual = usual_life(self.lengths, age)
        now, slope = _fit_lines(age, values, self.spec.window)
        rising = (slope > 0) & (_risen(values) >= self.spec.onset)
        until = np.maximum(self.level - now, 0) / np.where(rising, slope, 1.0)
        return np.where(rising, np.minimum(until, usual), usual)


def fit_trend(lives: Sequence[Life], life: LifeSpec) -> Trend:
    """Choose a variant by leaving out one machine at a time, and fit it to all.

    Args:
        lives: Training lives; those that have not ended are left out.
        life: Their type.

    Raises:
        TooLittleDataError: no life ended.
    """
    ended = [each for each in lives if not each.is_censored]
    if not ended:
        raise TooLittleDataError("a trend needs a life that ended, to know at which level; there is none")
    machines = sorted({each.machine for each in ended})
    variants = list_variants(life)
    if len(machines) == 1:
        return fit_variant(ended, variants[0])
    errors = [_error_left_out(ended, variant) for variant in variants]
    return fit_variant(ended, variants[int(np.argmin(errors))])


def list_variants(life: LifeSpec) -> list[TrendSpec]:
    """All variants of a type: the plainest first."""
    named = [number for number, name in enumerate(life.sensors) if INDICATOR in name]
    sensors = named or range(len(life.sensors))
    return [TrendSpec(*each) for each in product(sensors, (False, True), (True, False), WINDOWS, ONSETS)]


def fit_variant(lives: Sequence[Life], spec: TrendSpec) -> Trend:
    """Learn the level and the lengths from lives that ended (at least one)."""
    return _learn(lives, [read_indicator(life, spec) for life in lives], spec)


def residual_life(lengths: Floats, age: Ages) -> Floats:
    """How much longer lives lasted that lasted longer than an age, on average: float64 as `age`.

    Past the longest one nothing is known, and the answer is 0.

    >>> residual_life(np.array([10.0, 30.0]), np.array([0.0, 20.0, 40.0])).tolist()
    [20.0, 10.0, 0.0]
    """
    left = lengths[None] - age[:, None]
    outlived = left > 0
    return np.asarray(np.where(outlived, left, 0).sum(axis=1) / np.maximum(outlived.sum(axis=1), 1))


def usual_life(lengths: Floats, age: Ages) -> Floats:
    """How much longer to expect, so that the error in % of life is least: float64 as `age`.

    The median of what lives that outlived an age still had, each weighted by one over its length.

    >>> usual_life(np.array([10.0, 12.0, 90.0]), np.array([0.0, 20.0, 95.0])).tolist()
    [10.0, 70.0, 0.0]
    """
    weights = np.where(lengths[None] > age[:, None], 1 / lengths, 0.0)
    half = np.cumsum(weights, axis=1) >= weights.sum(axis=1, keepdims=True) / 2
    return np.asarray(np.maximum(lengths[half.argmax(axis=1)] - age, 0) * weights.any(axis=1))


def error_pct_of_life(said: Floats, life: Life) -> Floats:
    """By how much each forecast was wrong, in % of how long the life lasted: float64 (n_rows,)."""
    return np.asarray(100 * np.abs(said - (life.end_age - life.age)) / life.end_age)


def read_indicator(life: Life, spec: TrendSpec) -> Floats:
    """The smoothed indicator as a variant reads it: float64 (n_rows,); where not measured, the last value."""
    values = life.sensors[:, spec.sensor].astype(np.float64)
    known = np.flatnonzero(np.isfinite(values))
    if not len(known):
        return np.zeros(len(values))
    last = np.maximum(np.searchsorted(known, np.arange(len(values)), side="right") - 1, 0)
    filled = np.pad(values[known[last]], (SMOOTHING_ROWS - 1, 0), mode="edge")
    smooth = np.median(np.lib.stride_tricks.sliding_window_view(filled, SMOOTHING_ROWS), axis=1)
    if spec.is_relative:
        own = smooth[np.minimum(np.arange(len(smooth)), SMOOTHING_ROWS - 1)]
        smooth = smooth / np.maximum(np.abs(own), SMALLEST)
    return np.asarray(np.log(np.maximum(smooth, SMALLEST)) if spec.is_exponential else smooth)


def _learn(lives: Sequence[Life], indicators: Sequence[Floats], spec: TrendSpec) -> Trend:
    ends = [float(np.median(values[-LAST_ROWS:])) for values in indicators]
    return Trend(spec, float(np.median(ends)), np.sort([life.end_age for life in lives]))


def _error_left_out(lives: Sequence[Life], spec: TrendSpec) -> float:
    """Mean error in % of life, over machines, of a variant fitted to the other machines."""
    indicators = [read_indicator(life, spec) for life in lives]
    errors: dict[str, list[float]] = {life.machine: [] for life in lives}
    for machine, found in errors.items():
        others = [index for index, life in enumerate(lives) if life.machine != machine]
        trend = _learn([lives[index] for index in others], [indicators[index] for index in others], spec)
        for life, values in zip(lives, indicators, strict=True):
            if life.machine == machine:
                found.append(float(error_pct_of_life(trend.draw_on(life.age, values), life).mean()))
    return float(np.mean([np.mean(found) for found in errors.values()]))


def _risen(values: Floats) -> Floats:
    """By how many spreads of its first rows an indicator lies above them; they must be over to tell."""
    first = values[:FIRST_ROWS]
    spread = max(float(first.std()), SMALLEST)
    risen = (values - float(first.mean())) / spread
    risen[: FIRST_ROWS - 1] = 0.0
    return risen


def _fit_lines(age: Ages, values: Floats, window: float) -> tuple[Floats, Floats]:
    """Least squares over the newest rows: what the line says now, and its slope; both float64 (n_rows,)."""
    stop = np.arange(1, len(age) + 1)
    rows = np.maximum(np.ceil(window * stop).astype(np.intp), MIN_FIT_ROWS)
    start = np.maximum(stop - rows, 0)
    time, level = age - age[0], values - values[0]
    sums = [np.concatenate([[0.0], np.cumsum(part)]) for part in (time, level, time * time, time * level)]
    t, x, tt, tx = (part[stop] - part[start] for part in sums)
    n = stop - start
    among = n * tt - t * t
    slope = np.where((n > 1) & (among > 0), (n * tx - t * x) / np.where(among > 0, among, 1.0), 0.0)
    slope[n < MIN_FIT_ROWS] = 0.0
    return (x - slope * t) / n + slope * time + values[0], slope
