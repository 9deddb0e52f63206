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
from industrialguard.bench.report import Metric, Role, Row

MIB = 1024 * 1024
HOUR_S = 3600.0
BEYOND = 2.0
"""Standard errors."""
MEMORY_SHARE, MEMORY_MIB = 0.01, 1.0
"""Of a process' memory, and at least: less than this in half a run is no growth."""
LAG_S = 1.0
"""Likewise of the lag: what is sent in this time."""
FEWEST = 6


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
        """What grows."""
        found = [
            stage
            for stage, trend in self.memory.items()
            if trend.grows(max(MEMORY_MIB, MEMORY_SHARE * trend.mean))
        ]
        return found + ["lag"] * (self.lag is not None and self.lag.grows(LAG_S * self.rate))

    def rows(self) -> list[Row]:
        """The trends."""
        rows = [
            Row(
                f"memory of {stage}",
                Role.OURS,
                {
                    "rss_mib": Metric((trend.mean,)),
                    "rss_slope_mib_per_h": Metric((trend.slope_per_h,)),
                    "rss_slope_error_mib_per_h": Metric((trend.error_per_h,)),
                },
            )
            for stage, trend in self.memory.items()
        ]
        if self.lag is not None:
            figures = {
                "lag_mean": Metric((self.lag.mean,)),
                "lag_slope_per_h": Metric((self.lag.slope_per_h,)),
                "lag_slope_error_per_h": Metric((self.lag.error_per_h,)),
            }
            rows.append(Row("lag of the stream", Role.OURS, figures))
        return rows

    def sentence(self) -> str:
        """The verdict."""
        if self.lag is None:
            return "Too short to say whether memory or lag grow."
        trends = [f"{name} {_format(trend, 'MiB/h')}" for name, trend in self.memory.items()]
        trends.append(f"lag {_format(self.lag, 'records/h')}")
        found = " and ".join(self.growing)
        said = f"GROWING: {found}" if found else "Neither memory nor lag grows"
        return f"{said}. Slope ± standard error of the second half: {', '.join(trends)}."


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


def _format(trend: Trend, unit: str) -> str:
    return f"{trend.slope_per_h:+.1f} ± {trend.error_per_h:.1f} {unit}"
