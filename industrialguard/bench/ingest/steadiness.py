"""Whether memory or lag grow under a load that lasts.

Rule: a line of least squares through the second half of the samples, when everything is warm. It grows where
its slope is beyond twice its standard error and what it comes to in that time matters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from industrialguard.bench.ingest.loads import Sample
from industrialguard.bench.ingest.places import KAFKA_STAGE, POSTGRESQL_STAGE

MIB = 1024 * 1024
HOUR_S = 3600.0
BEYOND = 2.0
"""Standard errors."""
MEMORY_SHARE, MEMORY_MIB = 0.01, 1.0
"""Of a process' memory, and at least: less than this in half a run is no growth."""
LAG_S = 1.0
"""Likewise of the lag: what is sent in this time."""
FEWEST = 6
BOUNDED = (KAFKA_STAGE, POSTGRESQL_STAGE)
"""They fill a heap and shared buffers whose size is set, over minutes to hours."""


@dataclass(frozen=True, slots=True)
class Trend:
    """A line through samples; amounts are whatever was sampled."""

    slope_per_h: float
    error_per_h: float
    """Its standard error."""
    mean: float
    seconds: float
    """From the first sample to the last."""

    @property
    def rise(self) -> float:
        """From the first sample to the last."""
        return self.slope_per_h * self.seconds / HOUR_S

    def grows(self, least: float) -> bool:
        """Whether it certainly rises, and by more than this."""
        return self.slope_per_h > BEYOND * self.error_per_h and self.rise > least


def fit(points: Sequence[tuple[float, float]]) -> Trend | None:
    """The trend of the second half of (time in s, amount); None: too few.

    >>> trend = fit([(0, 9), (1, 9), (2, 9), (3, 1), (4, 2), (5, 3)])
    >>> round(trend.slope_per_h), round(trend.error_per_h), trend.mean
    (3600, 0, 2.0)
    """
    if len(points) < FEWEST:
        return None
    x, y = np.array(points[len(points) // 2 :], np.float64).T
    spread = x - x.mean()
    squares = float(spread @ spread)
    slope = float(spread @ y) / squares
    left = y - y.mean() - slope * spread
    error = math.sqrt(float(left @ left) / (len(x) - 2) / squares)
    return Trend(slope * HOUR_S, error * HOUR_S, float(y.mean()), float(x[-1] - x[0]))


@dataclass(frozen=True, slots=True)
class Steadiness:
    """Trends of a run."""

    memory: Mapping[str, Trend]
    """In MiB, by stage."""
    lag: Trend | None
    """In records."""
    rate: float
    """Messages/s that were sent."""

    @property
    def growing(self) -> list[str]:
        """What grows, of what nothing but our code and the broker bounds."""
        found = [
            stage
            for stage, trend in self.memory.items()
            if stage not in BOUNDED and trend.grows(max(MEMORY_MIB, MEMORY_SHARE * trend.mean))
        ]
        return found + ["lag"] * (self.lag is not None and self.lag.grows(LAG_S * self.rate))

    def memory_figures(self) -> dict[str, dict[str, float]]:
        """The trends of memory, for the row of each stage."""
        return {
            stage: {
                "rss_slope_mib_per_h": trend.slope_per_h,
                "rss_slope_error_mib_per_h": trend.error_per_h,
            }
            for stage, trend in self.memory.items()
        }

    def lag_figures(self) -> dict[str, float | None]:
        """The trend of the lag, for the row of the road."""
        if self.lag is None:
            return {}
        return {"lag_slope_per_h": self.lag.slope_per_h, "lag_slope_error_per_h": self.lag.error_per_h}

    def sentence(self) -> str:
        """The verdict."""
        if self.lag is None:
            return "Too short to say whether memory or lag grow."
        told = {stage: f"{stage} {_format(trend)} MiB/h" for stage, trend in self.memory.items()}
        ours = [text for stage, text in told.items() if stage not in BOUNDED]
        theirs = [text for stage, text in told.items() if stage in BOUNDED]
        found = " and ".join(self.growing)
        said = f"GROWING: {found}" if found else "Neither memory nor lag grows"
        said += f". Slope ± standard error of the second half: {', '.join(ours)}, lag {_format(self.lag)}/h."
        if theirs:
            said += f" Not judged, because they fill the memory that is set for them: {', '.join(theirs)}."
        return said


def judge(samples: Sequence[Sample], rate: float) -> Steadiness:
    """Whether a run was steady.

    Args:
        samples: While it was sent at this rate.
        rate: In messages/s.
    """
    stages = dict.fromkeys(stage for sample in samples for stage in sample.usage)
    memory = {
        stage: fit([(s.time_s, s.usage[stage].rss_bytes / MIB) for s in samples if stage in s.usage])
        for stage in stages
    }
    known = {stage: trend for stage, trend in memory.items() if trend is not None}
    return Steadiness(known, fit([(sample.time_s, float(sample.lag)) for sample in samples]), rate)


def _format(trend: Trend) -> str:
    return f"{trend.slope_per_h:+.1f} ± {trend.error_per_h:.1f}"
