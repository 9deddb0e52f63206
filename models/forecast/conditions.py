"""Operating conditions: what a machine was asked to do, found from its settings, and what is usual there.

Rule: conditions and what is usual come from training lives alone. A sensor is read as its distance from the
mean of its condition, in standard deviations of that condition, so that a change of condition is no change of
health.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contract.lives import Life, Rows

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.intp]

MOST_CONDITIONS = 12
CLEAR_SILHOUETTE = 0.7
"""From here on clusters count as separate: "a strong structure has been found" (Rousseeuw 1987; Kaufman &
Rousseeuw 1990, table 4). Below it there is one condition, noise or not."""
SAMPLE = 500
"""Rows that conditions are found from."""
LLOYD_ROUNDS = 20
CONSTANT = 1e-6
"""A sensor that varies less, as a share of its size, says nothing."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """Centres of the operating conditions."""

    offset: Floats = field(repr=False)
    """float64 (n_settings,), mean over training rows; also stands in for a setting that is not known."""
    scale: Floats = field(repr=False)
    """float64 (n_settings,), standard deviation; infinite where a setting never changed."""
    centres: Floats = field(repr=False)
    """float64 (n_conditions, n_settings), in standard deviations; at least one condition."""

    @classmethod
    def find(cls, settings: Rows, seed: int = 0) -> Conditions:
        """Find how many conditions there are, and where, from rows of training lives: (n, n_settings)."""
        settings = settings.astype(np.float64)
        if not settings.shape[1]:
            return cls(np.zeros(0), np.ones(0), np.zeros((1, 0)))
        known = np.isfinite(settings)
        count = np.maximum(known.sum(axis=0), 1)
        offset = np.where(known, settings, 0).sum(axis=0) / count
        settings = np.where(known, settings, offset)
        spread = settings.std(axis=0)
        scale = np.where(spread > CONSTANT * (np.abs(offset) + CONSTANT), spread, np.inf)
        return cls(offset, scale, _find_centres((settings - offset) / scale, seed))

    def __len__(self) -> int:
        return len(self.centres)

    def of(self, settings: Rows) -> Codes:
        """Condition of each row, intp (n,): that of the nearest centre."""
        scaled = (np.where(np.isfinite(settings), settings, self.offset) - self.offset) / self.scale
        return np.asarray(_squares(scaled, self.centres).argmin(axis=1))


@dataclass(frozen=True, slots=True)
class Usual:
    """What every sensor shows in each condition."""

    conditions: Conditions
    mean: Floats = field(repr=False)
    """float64 (n_conditions, n_sensors), in the sensor's unit."""
    spread: Floats = field(repr=False)
    """float64 (n_conditions, n_sensors); infinite where the sensor is constant or was never seen."""

    @classmethod
    def learn(cls, settings: Rows, sensors: Rows) -> Usual:
        """Learn it, and the conditions, from rows of training lives: (n, n_settings), (n, n_sensors)."""
        conditions = Conditions.find(settings)
        codes = conditions.of(settings)
        sensors = sensors.astype(np.float64)
        shape = len(conditions), sensors.shape[1]
        mean, spread = np.zeros(shape), np.full(shape, np.inf)
        for code in range(len(conditions)):
            rows = sensors[codes == code]
            known = np.isfinite(rows)
            count = np.maximum(known.sum(axis=0), 1)
            mean[code] = np.where(known, rows, 0).sum(axis=0) / count
            found = np.sqrt((np.where(known, rows - mean[code], 0) ** 2).sum(axis=0) / count)
            varies = found > CONSTANT * (np.abs(mean[code]) + CONSTANT)
            spread[code] = np.where(varies, found, np.inf)
        return cls(conditions, mean, spread)

    @classmethod
    def of_lives(cls, lives: Sequence[Life]) -> Usual:
        """The same from training lives, at least one."""
        return cls.learn(
            *(np.concatenate([getattr(life, n) for life in lives]) for n in ("settings", "sensors"))
        )

    def standardise(self, life: Life) -> Floats:
        """Distances from the usual, float64 (n_rows, n_sensors): 0 where constant, NaN where not measured."""
        codes = self.conditions.of(life.settings)
        return np.asarray((life.sensors - self.mean[codes]) / self.spread[codes])


def _find_centres(scaled: Floats, seed: int) -> Floats:
    """The number of clusters with the best silhouette, one where none is clear."""
    random = np.random.default_rng(seed)
    if len(scaled) > SAMPLE:
        scaled = scaled[np.sort(random.choice(len(scaled), SAMPLE, replace=False))]
    between = np.sqrt(_squares(scaled, scaled))
    best = CLEAR_SILHOUETTE
    centres: Floats = scaled.mean(axis=0, keepdims=True)
    n_different = len(np.unique(scaled, axis=0))
    for n_clusters in range(2, min(MOST_CONDITIONS, n_different - 1) + 1):
        found, codes = _cluster(scaled, n_clusters)
        score = _silhouette(between, codes)
        if score > best:
            best, centres = score, found
    return centres


def _cluster(points: Floats, n_clusters: int) -> tuple[Floats, Codes]:
    """Lloyd's k-means, begun at points that are far from each other: clear clusters get one each."""
    chosen = [int(_squares(points, points.mean(axis=0, keepdims=True)).argmax())]
    while len(chosen) < n_clusters:
        chosen.append(int(_squares(points, points[chosen]).min(axis=1).argmax()))
    centres = points[chosen]
    for _ in range(LLOYD_ROUNDS):
        codes = _squares(points, centres).argmin(axis=1)
        means = [points[codes == code].mean(axis=0) for code in range(n_clusters) if (codes == code).any()]
        if len(means) < n_clusters:
            break
        centres = np.stack(means)
    return centres, np.asarray(_squares(points, centres).argmin(axis=1))


def _silhouette(between: Floats, codes: Codes) -> float:
    """Mean over points of (b - a) / max(a, b): a to the own cluster, b to the nearest other; 0 if alone."""
    members = codes[:, None] == np.unique(codes)
    if members.shape[1] == 1:
        return 0.0
    sums, sizes = between @ members, members.sum(axis=0)
    own = sums[members] / np.maximum(sizes[members.argmax(axis=1)] - 1, 1)
    other = np.where(members, np.inf, sums / sizes).min(axis=1)
    alone = sizes[members.argmax(axis=1)] == 1
    largest = np.maximum(np.maximum(own, other), 1e-12)
    return float(np.where(alone, 0.0, (other - own) / largest).mean())


def _squares(points: Floats, centres: Floats) -> Floats:
    """Squared distances, float64 (n_points, n_centres)."""
    return np.asarray(((points[:, None] - centres) ** 2).sum(axis=2))
