"""Detectors without a network, which any model has to beat in the same run.

Rule: strictly causal. All learn their scaler and everything else from the training rows alone, and the
score of a row depends on that row and earlier ones, never on a later one. They share scaler, smoothing and
threshold rule.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

THRESHOLD_QUANTILE = 0.999
THRESHOLD_MARGIN = 4 / 3
"""Threshold of every detector: this quantile of its scores on the training rows, times this margin, as
published with the Skoltech Anomaly Benchmark."""
EXPLAINED_VARIANCE = 0.9
"""Share of the variance that the principal components keep."""
MIN_SCALE = 1e-9


class RowDetector(Protocol):
    """What every baseline offers."""

    def fit(self, train: Floats) -> None:
        """Learn from float64 (n, sensors), in the sensors' units."""

    def score(self, rows: Floats) -> Floats:
        """Score float64 (m, sensors) -> (m,), higher is more anomalous; NaN where too little was seen yet."""


class ZScorer(Protocol):
    """A row's score from its standardised values alone; memory is the smoothing's business."""

    def fit(self, z: Floats) -> None:
        """Learn from float64 (n, sensors), standardised."""

    def score(self, z: Floats) -> Floats:
        """Score float64 (m, sensors) -> (m,)."""


class Standardiser:
    """Each sensor in standard deviations of its training rows; a value that is missing counts as average."""

    def __init__(self) -> None:
        self._mean = np.zeros(0)
        self._scale = np.zeros(0)

    def fit(self, train: Floats) -> None:
        """Learn mean and spread of each column; a column that never varied keeps its unit."""
        self._mean = np.nanmean(train, axis=0)
        spread = np.nanstd(train, axis=0)
        self._scale = np.where(spread > MIN_SCALE, spread, 1.0)

    def apply(self, rows: Floats) -> Floats:
        """Standardise float64 (m, sensors)."""
        return np.nan_to_num((rows - self._mean) / self._scale, nan=0.0)


class SmoothedDetector:
    """Standardise, score each row, average over the last rows.

    Args:
        core: What makes a row's score of its standardised values.
        smoothing_rows: Rows of the trailing mean, this row included; at least 1.
    """

    def __init__(self, core: ZScorer, smoothing_rows: int) -> None:
        if smoothing_rows < 1:
            raise ValueError("smoothing needs at least one row")
        self._core = core
        self._rows = smoothing_rows
        self._scaler = Standardiser()

    def fit(self, train: Floats) -> None:
        """Learn from float64 (n, sensors)."""
        self._scaler.fit(train)
        self._core.fit(self._scaler.apply(train))

    def score(self, rows: Floats) -> Floats:
        """Score float64 (m, sensors) -> (m,); NaN until the smoothing has seen all its rows."""
        return trailing_mean(self._core.score(self._scaler.apply(rows)), self._rows)


class MeanAbsoluteZ:
    """How many standard deviations the sensors are away from their mean, on average."""

    def fit(self, z: Floats) -> None:
        """Nothing to learn."""

    def score(self, z: Floats) -> Floats:
        """Mean |z| of each row."""
        mean: Floats = np.abs(z).mean(axis=1)
        return mean


class Mahalanobis:
    """Distance from the training mean, with the covariance shrunk after Ledoit and Wolf (2004)."""

    def __init__(self) -> None:
        self._mean = np.zeros(0)
        self._precision = np.zeros((0, 0))

    def fit(self, z: Floats) -> None:
        """Estimate mean and precision."""
        self._mean = z.mean(axis=0)
        self._precision = np.linalg.pinv(ledoit_wolf(z))

    def score(self, z: Floats) -> Floats:
        """Distance of each row, in standard deviations along its own direction."""
        away = z - self._mean
        squared: Floats = np.einsum("ij,jk,ik->i", away, self._precision, away)
        distance: Floats = np.sqrt(np.maximum(squared, 0.0))
        return distance


class PrincipalComponents:
    """Hotelling's T² within the principal components and, with `residual`, Q, the squared rest outside them.

    Each is divided by its own `THRESHOLD_QUANTILE` on the training rows; the larger one is the score, as
    either of them would raise an alarm (Jackson and Mudholkar, 1979).
    """

    def __init__(self, residual: bool = True) -> None:
        self._residual = residual
        self._axes = np.zeros((0, 0))
        self._variances = np.zeros(0)
        self._limits = (1.0, 1.0)

    def fit(self, z: Floats) -> None:
        """Find the components and the limits of both statistics."""
        variances, axes = np.linalg.eigh(np.cov(z, rowvar=False).reshape(z.shape[1], z.shape[1]))
        variances, axes = variances[::-1], axes[:, ::-1]
        kept = (
            int(np.searchsorted(np.cumsum(variances) / max(variances.sum(), MIN_SCALE), EXPLAINED_VARIANCE))
            + 1
        )
        self._axes, self._variances = axes[:, :kept], np.maximum(variances[:kept], MIN_SCALE)
        t2, q = self._statistics(z)
        self._limits = (_quantile(t2), _quantile(q))

    def score(self, z: Floats) -> Floats:
        """The larger of both statistics, each as a multiple of its limit."""
        t2, q = self._statistics(z)
        scaled = t2 / self._limits[0]
        return np.maximum(scaled, q / self._limits[1]) if self._residual else scaled

    def _statistics(self, z: Floats) -> tuple[Floats, Floats]:
        inside = z @ self._axes
        t2: Floats = (inside**2 / self._variances).sum(axis=1)
        q: Floats = ((z - inside @ self._axes.T) ** 2).sum(axis=1)
        return t2, q


class IsolationForest:
    """How quickly random cuts part a row from the training rows (Liu, Ting and Zhou, 2008), by scikit-learn.

    Its score lies between 0 and 1 by construction and healthy rows near 0.45, which a margin of a third on
    the threshold would put out of reach; so it is measured from the median of the training rows on.
    """

    def __init__(self, seed: int, trees: int = 200) -> None:
        from sklearn.ensemble import IsolationForest as Forest

        self._forest = Forest(n_estimators=trees, random_state=seed)
        self._median = 0.0

    def fit(self, z: Floats) -> None:
        """Grow the trees."""
        self._forest.fit(z)
        self._median = float(np.median(-self._forest.score_samples(z)))

    def score(self, z: Floats) -> Floats:
        """Anomaly score of each row above the training rows' median."""
        raw: Floats = -self._forest.score_samples(z)
        return raw - self._median


@dataclass(frozen=True, slots=True)
class AlwaysAlarm:
    """Says alarm on every row: what a figure is worth when nobody looks at the data."""

    def fit(self, train: Floats) -> None:
        """Nothing to learn."""

    def score(self, rows: Floats) -> Floats:
        """Give 1 to every row."""
        return np.ones(len(rows))


def trailing_mean(values: Floats, rows: int) -> Floats:
    """Mean over the last `rows` values, this one included; NaN until there are so many.

    >>> trailing_mean(np.array([1.0, 3.0, 5.0]), 2).tolist()
    [nan, 2.0, 4.0]
    """
    smoothed = np.full(len(values), np.nan)
    if len(values) >= rows:
        smoothed[rows - 1 :] = np.lib.stride_tricks.sliding_window_view(values, rows).mean(axis=1)
    return smoothed


def threshold(train_scores: Floats) -> float:
    """The one threshold rule; rows without a score are left out.

    Args:
        train_scores: float64 (n,), scores of the training rows; NaN: none.

    Raises:
        ValueError: no training row has a score.

    >>> round(threshold(np.array([np.nan, 3.0, 3.0])), 6)
    4.0
    """
    scored = train_scores[~np.isnan(train_scores)]
    if not len(scored):
        raise ValueError("no training row has a score; the detector needs fewer rows of memory")
    return max(_quantile(scored) * THRESHOLD_MARGIN, MIN_SCALE)


def ledoit_wolf(z: Floats) -> Floats:
    """Covariance shrunk towards a multiple of the identity, by the amount of Ledoit and Wolf (2004).

    Args:
        z: float64 (n, sensors).

    Returns:
        float64 (sensors, sensors).
    """
    centred = z - z.mean(axis=0)
    n, width = centred.shape
    sample = centred.T @ centred / n
    target = np.trace(sample) / width
    spread = float(((sample - target * np.eye(width)) ** 2).sum())
    noise = float(((centred**2).T @ centred**2).sum() / n - (sample**2).sum()) / n
    share = 0.0 if spread <= 0 else min(1.0, max(0.0, noise / spread))
    shrunk: Floats = (1 - share) * sample + share * target * np.eye(width)
    return shrunk


def _quantile(values: Floats) -> float:
    return max(float(np.quantile(values, THRESHOLD_QUANTILE)), MIN_SCALE)
