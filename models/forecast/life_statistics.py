"""A life as one row of numbers for each of its rows: what simple models read.

Rule: causal. The numbers at a row come from that row and earlier ones, so all rows of a life at once are the
same as the life cut at each.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from contract.lives import Ages, Life, LifeSpec

Floats = npt.NDArray[np.float64]

WHOLE = 10**9
"""A window that holds every row so far."""


@dataclass(frozen=True, slots=True)
class StatisticsSpec:
    """Which statistics of every sensor; windows are counted in rows and shorter while a life is young."""

    means: tuple[int, ...] = (10, 30, WHOLE)
    """At least two, rising; the first is also compared with the last."""
    slopes: tuple[int, ...] = (WHOLE,)
    """Least squares, per unit of time."""
    spreads: tuple[int, ...] = ()
    """Standard deviations."""
    first: int = 20
    """The second `means` window is also compared with the mean of so many first rows; 0: not."""
    has_age: bool = True
    has_events: bool = True


@dataclass(frozen=True, slots=True)
class _Sums:
    """Running sums over the measured rows, float64 (n + 1, n_sensors) each: row i holds the first i rows."""

    n: Floats
    x: Floats
    xx: Floats
    t: Floats
    tt: Floats
    tx: Floats

    @classmethod
    def of(cls, values: Floats, age: Ages) -> _Sums:
        valid = np.isfinite(values)
        x, t = np.where(valid, values, 0.0), np.where(valid, age[:, None] - age[0], 0.0)
        sums = (valid.astype(np.float64), x, x * x, t, t * t, t * x)
        return cls(*(np.pad(np.cumsum(part, axis=0), ((1, 0), (0, 0))) for part in sums))

    def over(self, stop: npt.NDArray[np.intp], window: int) -> _Sums:
        """Sums over the last `window` of the first `stop` rows."""
        start = np.maximum(stop - window, 0)
        parts = (self.n, self.x, self.xx, self.t, self.tt, self.tx)
        return _Sums(*(part[stop] - part[start] for part in parts))

    def mean(self) -> Floats:
        return _ratio(self.x, self.n)

    def spread(self) -> Floats:
        return np.asarray(np.sqrt(np.maximum(_ratio(self.xx, self.n) - self.mean() ** 2, 0)))

    def slope(self) -> Floats:
        among = self.n * self.tt - self.t**2
        slopes = (self.n * self.tx - self.t * self.x) / np.maximum(among, 1e-9)
        return np.asarray(np.where(among > 1e-9, slopes, 0.0))


def compute_statistics(life: Life, standardised: Floats, spec: StatisticsSpec) -> npt.NDArray[np.float32]:
    """Statistics at every row of a life.

    Args:
        life: For its ages and events.
        standardised: float64 (n_rows, n_sensors), NaN where not measured.
        spec: Which statistics.

    Returns:
        float32 (n_rows, n_statistics), NaN where a window measured nothing.
    """
    sums = _Sums.of(standardised, life.age)
    stop = np.arange(1, len(life.age) + 1)
    means = [sums.over(stop, window).mean() for window in spec.means]
    parts = [*means, means[0] - means[-1]]
    parts += [sums.over(stop, window).slope() for window in spec.slopes]
    parts += [sums.over(stop, window).spread() for window in spec.spreads]
    if spec.first:
        parts.append(means[1] - sums.over(np.minimum(stop, spec.first), spec.first).mean())
    if spec.has_age:
        parts.append(life.age[:, None])
    return np.asarray(np.concatenate(parts, axis=1), np.float32)


def event_statistics(life: Life, spec: LifeSpec) -> npt.NDArray[np.float32]:
    """How often each event has come, and how long ago last: float32 (n_rows, 2 n_events), NaN: never yet."""
    counts = np.zeros((len(life.age), len(spec.events)))
    since = np.full_like(counts, np.nan)
    for number, code in enumerate(spec.events):
        ages = np.array([event.age for event in life.events if event.code == code])
        seen = np.searchsorted(ages, life.age, side="right")
        counts[:, number] = seen
        if len(ages):
            since[:, number] = np.where(seen > 0, life.age - ages[np.maximum(seen - 1, 0)], np.nan)
    return np.concatenate([counts, since], axis=1).astype(np.float32)


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.where(below > 0, above / np.maximum(below, 1.0), np.nan))
