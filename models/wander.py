"""How far a healthy machine's features wander, and how fast.

Rule: learned from healthy recordings only, and told as a variogram: half the mean squared difference of two
windows as a function of the time between them (Matheron, Econ. Geol. 58 (1963)). White noise has a flat one,
a temperature that follows the weather one that rises. A warm-up of minutes cannot show what a machine does
over its baseline's life, but the variogram can be continued by its own slope.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from models.errors import TooLittleDataError

Floats = npt.NDArray[np.float64]
Lags = npt.NDArray[np.intp]

BASELINE_LIFE = 2.0
"""A baseline is expected to hold for this many times the healthy stretch that was recorded."""
LAGS_PER_DECADE = 8
LONGEST_LAG = 1 / 2
"""Of a recording: longer lags compare its beginning with its end and little else (Journel & Huijbregts,
Mining Geostatistics, 1978, section III.B)."""
LEAST_PAIRS = 8
"""Fewest pairs of windows that a lag of one machine rests on."""
FIT_SHARE = 1 / 16
"""The slope is fitted to the lags from this share of the longest one up."""
RANDOM_WALK = 0.5
"""Hurst exponent of a random walk: the steepest growth that is continued."""
SILL_OF_PEAK = 1 / 2
"""A course that repeats itself comes back to where it was, and its variogram to 0; it swings about half of
its peak, and that is what such a machine strays."""
LEAST_GAMMA = 1e-30
"""So that a feature that never moves has a logarithm."""
OFFSET_SPREADS = 0.75
"""Standard deviation of the offsets that training puts on a feature that only moves slowly, in its spreads.
What is slower than that takes a baseline's life, and is followed as creep (`contract.creep`)."""


@dataclass(frozen=True, slots=True)
class Wander:
    """What healthy machines do over a baseline's life."""

    spread: Floats = field(repr=False)
    """float64 (F,), standard deviation from a level learned in the first windows; NaN where unknown."""
    slow: Floats = field(repr=False)
    """float64 (F,), share of the variance that moves a context as a whole: 0 for noise about a fixed level,
    near 1 for a temperature, whether it wanders off or comes back."""

    @property
    def offsets(self) -> tuple[float, ...]:
        """Standard deviation of the slow offsets of each feature, in its spreads (`FitConfig.wander`)."""
        return tuple((OFFSET_SPREADS * np.sqrt(self.slow)).round(3).tolist())

    def at_least(self, spread: Floats) -> Wander:
        """The same with wider spreads, of which what is slow is a smaller share; unknown ones become these.

        Args:
            spread: float64 (F,), smallest one of each feature; positive.
        """
        known = np.nan_to_num(self.spread)
        wider = np.maximum(known, spread)
        return Wander(wider, self.slow * (known / wider) ** 2)


@dataclass(frozen=True, slots=True)
class Spans:
    """Lengths of time that matter, in windows."""

    baseline: int
    """What fixes a level."""
    context: int
    """What a model sees at once."""
    step: int
    """Windows that overlap one another, so that only every such many are independent; at least 1."""


def measure_wander(series: Sequence[Floats], spans: Spans) -> Wander:
    """Measure healthy machines' variograms and continue them.

    Args:
        series: of each machine and regime float64 (n, F), consecutive windows in model space, NaN where not
            valid.
        spans: of the profile.

    Returns:
        Spread: the variance of the difference between a window and the mean of the baseline's windows is
        2 g(h) - g(B, B), with g(h) the variogram at the horizon and g(B, B) its mean within the baseline
        (Cressie, Statistics for Spatial Data, 1993, section 5.2). Lags reach as far as the typical recording
        allows: one long recording must not speak for all.

    Raises:
        TooLittleDataError: no feature is known in enough pairs of independent windows.
    """
    lengths = [len(rows) for rows in series]
    lags = _lags(spans.step, int(LONGEST_LAG * float(np.median(lengths))))
    table = np.array([_median([_variogram(rows, lag) for rows in series]) for lag in lags])  # (lags, F)
    horizon = BASELINE_LIFE * float(np.median(lengths))
    width = table.shape[1]
    spread, slow = np.full(width, np.nan), np.zeros(width)
    for feature in range(width):
        known = np.isfinite(table[:, feature])
        if known.any():
            spread[feature], slow[feature] = _continue(lags[known], table[known, feature], spans, horizon)
    if not np.isfinite(spread).any():
        raise TooLittleDataError(
            f"{max(lengths)} usable windows are too few to see how features wander: record at least "
            f"{max(2 * spans.step, spans.step + LEAST_PAIRS)}, without interruptions"
        )
    return Wander(spread, slow)


def _lags(step: int, longest: int) -> Lags:
    count = max(2, round(LAGS_PER_DECADE * np.log10(max(longest, 2 * step) / step)))
    lags: Lags = np.unique(np.geomspace(step, max(longest, step), count).astype(np.intp))
    return lags


def _variogram(rows: Floats, lag: int) -> Floats:
    """Half the mean squared difference over the lag.

    Returns:
        float64 (F,); NaN where fewer than `LEAST_PAIRS` pairs are known, or the lag is too long for the rows.
    """
    if lag > LONGEST_LAG * len(rows):
        return np.full(rows.shape[1], np.nan)
    differences = rows[lag:] - rows[:-lag]
    known = np.isfinite(differences)
    pairs = known.sum(axis=0)
    total = (np.where(known, differences, 0.0) ** 2).sum(axis=0)
    gamma: Floats = np.where(pairs >= LEAST_PAIRS, total / 2 / np.maximum(pairs, 1), np.nan)
    return gamma


def _continue(lags: Lags, gamma: Floats, spans: Spans, horizon: float) -> tuple[float, float]:
    """Spread at the horizon and slow share of one feature, from the lags (m,) at which it is known."""
    exponent = _exponent(lags, gamma)
    reach = max(float(gamma[-1]), SILL_OF_PEAK * float(gamma.max()))
    last = reach * max(horizon / float(lags[-1]), 1.0) ** (2 * exponent)
    within = _mean_within(lags, gamma, spans.baseline)
    # Noise moves the mean of a context, too: by its share of one independent window among them.
    in_context = _mean_within(lags, gamma, spans.context) + float(gamma[0]) / spans.context
    slow = max(1.0 - in_context / last, 0.0) if last > 0 else 0.0
    return float(np.sqrt(max(2 * last - within, last))), slow


def _exponent(lags: Lags, gamma: Floats) -> float:
    """Hurst exponent: half the slope of log variogram over log lag, in 0..RANDOM_WALK."""
    chosen = lags >= FIT_SHARE * lags[-1]
    x = np.log(lags[chosen])
    x = x - x.mean()
    y = np.log(np.maximum(gamma[chosen], LEAST_GAMMA))
    slope = float(x @ (y - y.mean())) / max(float(x @ x), 1e-12)
    return min(max(slope / 2, 0.0), RANDOM_WALK)


def _mean_within(lags: Lags, gamma: Floats, windows: int) -> float:
    """Mean of the variogram over all pairs of a block of this many windows."""
    distance = np.arange(1, windows)
    weight = 2.0 * (windows - distance) / windows**2
    index = np.clip(np.searchsorted(lags, distance, "right") - 1, 0, len(lags) - 1)
    return float(weight @ gamma[index])


def _median(rows: Sequence[Floats]) -> Floats:
    """Median over machines without NaN; NaN where all are."""
    table = np.array(rows)
    seen = np.isfinite(table).any(axis=0)
    out = np.full(table.shape[1], np.nan)
    out[seen] = np.nanmedian(table[:, seen], axis=0)
    return out
