"""Verdicts and features → one `ScoreSummary` an interval.

Rule: intervals lie on a grid of event time that starts with the first window, so the same readings give the
same summaries whenever and wherever they are scored. Memory is bounded by the windows of one interval. A
value that was not believed is left out of the means, and the quality counts say so.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from contract.aggregates import ChannelQuality, FeatureTable
from contract.features import FeatureSpec, FeatureVector
from contract.messages import MachineState, ScoreSummary
from contract.profiles import MachineProfile
from contract.signals import QualityFlag
from edge_agent.scorer import Verdict

_SAME_TIME = 1e-3
"""Share of an interval by which rounding may move a window across a boundary."""
_LARGEST = 3.0e38
"""Just inside what a float on the wire can hold."""


@dataclass(frozen=True, slots=True)
class TimedSummary:
    """A summary and the end of its interval, s since the Unix epoch."""

    event_time_s: float
    summary: ScoreSummary


@dataclass(slots=True)
class _Interval:
    """What is known so far of the interval that is being filled."""

    feature_count: int
    windows: int = 0
    scores: list[float] = field(default_factory=list)
    confidence_sum: float = 0.0
    state: MachineState = MachineState.WARMING_UP
    regimes: Counter[str] = field(default_factory=Counter)
    samples: dict[str, list[int]] = field(default_factory=dict)
    flags: dict[str, QualityFlag] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = np.zeros(self.feature_count, np.int64)
        self.sums = np.zeros(self.feature_count, np.float64)
        self.lows = np.full(self.feature_count, np.inf)
        self.highs = np.full(self.feature_count, -np.inf)

    counts: npt.NDArray[np.int64] = field(init=False)
    sums: npt.NDArray[np.float64] = field(init=False)
    lows: npt.NDArray[np.float64] = field(init=False)
    highs: npt.NDArray[np.float64] = field(init=False)

    def add(self, verdict: Verdict, state: MachineState, vector: FeatureVector) -> None:
        self.windows += 1
        self.state = state
        self.confidence_sum += verdict.confidence
        self.regimes[verdict.regime] += 1
        if verdict.score is not None:
            self.scores.append(verdict.score)
        valid = vector.valid
        values = vector.values.astype(np.float64)
        self.counts += valid
        np.add(self.sums, values, out=self.sums, where=valid)
        np.minimum(self.lows, values, out=self.lows, where=valid)
        np.maximum(self.highs, values, out=self.highs, where=valid)
        for sensor, numbers in vector.counts.items():
            total = self.samples.setdefault(sensor, [0, 0, 0])
            total[0] += numbers[0]
            total[1] += numbers[1]
            total[2] += numbers[2]
        for sensor, flags in vector.flags.items():
            if flags:
                self.flags[sensor] = self.flags.get(sensor, QualityFlag.NONE) | flags


class Aggregator:
    """Streaming summaries of one machine."""

    def __init__(self, profile: MachineProfile, specs: tuple[FeatureSpec, ...]) -> None:
        self._interval_s = profile.summary_interval_s
        self._hop_s = profile.window.hop_s
        self._names = tuple(spec.name for spec in specs)
        self._origin_s = math.nan
        self._index = 0
        self._last_s = math.nan
        self._current = _Interval(len(specs))

    def add(self, verdict: Verdict, state: MachineState, vector: FeatureVector) -> list[TimedSummary]:
        """Take one window.

        Args:
            verdict: What the scorer said of it.
            state: What the device says of its machine after it; an active alarm included.
            vector: Its features.

        Returns:
            The summaries it completes, oldest first: none, one, or two after a silence.
        """
        time_s = vector.event_time_s
        if math.isnan(self._origin_s):
            self._origin_s = time_s - self._hop_s
        done: list[TimedSummary] = []
        position = (time_s - self._origin_s) / self._interval_s
        index = max(self._index, math.ceil(position - _SAME_TIME) - 1)
        if index > self._index:
            done += self._finish(self._boundary_s(self._index), self._interval_s)
            self._index = index
        self._current.add(verdict, state, vector)
        self._last_s = time_s
        if position >= index + 1 - _SAME_TIME:
            done += self._finish(self._boundary_s(index), self._interval_s)
            self._index = index + 1
        return done

    def flush(self) -> list[TimedSummary]:
        """The summary of what has been seen since the last boundary, if anything; for a clean stop."""
        start_s = self._boundary_s(self._index - 1)
        return self._finish(self._last_s, max(self._last_s - start_s, 1e-3))

    def _boundary_s(self, index: int) -> float:
        return self._origin_s + (index + 1) * self._interval_s

    def _finish(self, end_s: float, interval_s: float) -> list[TimedSummary]:
        interval = self._current
        if interval.windows == 0:
            return []
        self._current = _Interval(len(self._names))
        return [TimedSummary(end_s, self._summarise(interval, interval_s))]

    def _summarise(self, interval: _Interval, interval_s: float) -> ScoreSummary:
        scores = sorted(interval.scores) or [0.0]
        return ScoreSummary(
            interval_s=interval_s,
            state=interval.state,
            window_count=interval.windows,
            scored_count=len(interval.scores),
            score_mean=min(float(np.mean(scores)), scores[-1]),
            score_max=scores[-1],
            score_p50=_quantile(scores, 0.5),
            score_p90=_quantile(scores, 0.9),
            confidence=min(1.0, interval.confidence_sum / interval.windows),
            regime=interval.regimes.most_common(1)[0][0],
            features=self._features(interval),
            quality=tuple(
                ChannelQuality(sensor, n[0], n[1], n[2], interval.flags.get(sensor, QualityFlag.NONE))
                for sensor, n in interval.samples.items()
            ),
        )

    def _features(self, interval: _Interval) -> FeatureTable:
        present = np.flatnonzero(interval.counts)
        lows = np.maximum(interval.lows[present], -_LARGEST)
        highs = np.minimum(interval.highs[present], _LARGEST)
        means = interval.sums[present] / interval.counts[present]
        means = np.minimum(np.maximum(means, lows), highs)
        names = [self._names[i] for i in present.tolist()]
        return FeatureTable.from_columns(names, means, lows, highs)


def _quantile(ordered: list[float], share: float) -> float:
    """Between the two nearest of some ordered numbers, in proportion."""
    rank = share * (len(ordered) - 1)
    below = math.floor(rank)
    low, high = ordered[below], ordered[min(below + 1, len(ordered) - 1)]
    return (high - low) * (rank - below) + low
