"""The upper tail of a machine's healthy error: how rare is what was just seen?

Rule: extreme-value theory decides, and the fleet is the prior. Peaks over a high threshold follow a
generalised Pareto distribution (Pickands, Ann. Stat. 3 (1975)); watching a stream that way is SPOT (Siffer
et al., KDD 2017). A machine's own tail may prove heavier than its fleet's, never lighter: until it has
shown peaks of its own, the fleet's tail holds, and a quiet month must not make a machine nervous. Contexts
overlap, so exceedances come in clusters; how far they reach is learned from the highest of each, how many
windows they last from all of them (runs declustering, Leadbetter et al. 1983, chapter 3). Memory is constant;
learning ends with `MOST_PEAKS`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

TAIL_FROM = 0.02
"""Probability at which the tail begins: about one window in fifty lies in it."""
MOST_PEAKS = 64
"""Peaks that are learned from; afterwards the tail is as fixed as the baseline."""
PRIOR_PEAKS = 10
"""The fleet's tail weighs as much as this many peaks of a machine's own: SPOT's own least for a fit."""
LARGEST_RATE = 0.5
"""Largest believed probability of lying in the tail: its threshold never falls below the median."""
HEAVIEST_SHAPE = 0.5
"""Largest believed shape; from here up a Pareto tail has no variance, and no fit of 64 peaks can show it."""


@dataclass(frozen=True, slots=True)
class GeneralisedPareto:
    """P(excess > y) = (1 + shape y / scale)^(-1 / shape); shape 0 is the exponential distribution."""

    shape: float
    """0..HEAVIEST_SHAPE."""
    scale: float
    """Positive, in the unit of the excess."""

    def minus_log_survival(self, excess: float) -> float:
        """-ln P(excess > y) for y >= 0.

        >>> GeneralisedPareto(shape=0.0, scale=2.0).minus_log_survival(4.0)
        2.0
        """
        if self.shape < 1e-6:
            return excess / self.scale
        return math.log1p(self.shape * excess / self.scale) / self.shape


def fit_pareto(peaks: list[float], prior_mean: float) -> GeneralisedPareto:
    """Fit by probability-weighted moments (Hosking & Wallis, Technometrics 29 (1987)), drawn to the prior.

    The prior is an exponential tail of mean `prior_mean` that weighs `PRIOR_PEAKS` peaks; the mean excess is
    never believed to be smaller than the prior's.
    """
    count = len(peaks)
    if count == 0:
        return GeneralisedPareto(0.0, prior_mean)
    excesses = np.sort(np.array(peaks))
    first = float(excesses.mean())
    second = float(((count - np.arange(1, count + 1) + 0.35) / count * excesses).mean())
    own_shape = 2.0 - first / max(first - 2.0 * second, 1e-9)
    weight = count / (count + PRIOR_PEAKS)
    shape = weight * min(max(own_shape, 0.0), HEAVIEST_SHAPE)
    mean = max(prior_mean, weight * first + (1.0 - weight) * prior_mean)
    return GeneralisedPareto(shape, mean * (1.0 - shape))


@dataclass(slots=True)
class Tail:
    """Learns the peaks of one stream of healthy excesses.

    Args:
        prior_mean: the fleet's mean excess over the tail's threshold; positive.
        run_length: values in a row without an exceedance that end a cluster.
    """

    prior_mean: float
    run_length: int
    _peaks: list[float] = field(default_factory=list)
    _seen: int = 0
    _exceeded: int = 0
    """Of those seen, how many lay in the tail."""
    _cluster: float = 0.0
    """Highest excess of the cluster under way; 0: there is none."""
    _calm: int = 0
    _fitted: GeneralisedPareto = field(init=False)

    def __post_init__(self) -> None:
        self._fitted = fit_pareto(self._peaks, self.prior_mean)

    @property
    def rate(self) -> float:
        """Probability that a value lies in the tail; at least `TAIL_FROM`.

        The own share weighs as many peaks as it rests on, like the shape and the mean do: a long excursion is
        many values but one event.
        """
        own = self._exceeded / max(self._seen, 1)
        blended = (len(self._peaks) * own + PRIOR_PEAKS * TAIL_FROM) / (len(self._peaks) + PRIOR_PEAKS)
        return min(max(blended, TAIL_FROM), LARGEST_RATE)

    def observe(self, excess: float) -> None:
        """Learn from one healthy value: its excess over the tail's threshold, negative when below."""
        if len(self._peaks) >= MOST_PEAKS:
            return
        self._seen += 1
        if excess > 0:
            self._exceeded += 1
            self._cluster, self._calm = max(self._cluster, excess), 0
            return
        self._calm += 1
        if self._cluster > 0 and self._calm >= self.run_length:
            self._peaks.append(self._cluster)
            self._cluster = 0.0
            self._fitted = fit_pareto(self._peaks, self.prior_mean)

    def minus_log_p(self, excess: float) -> float:
        """-ln of the probability that a healthy value exceeds this; `excess` >= 0."""
        return self._fitted.minus_log_survival(excess) - math.log(self.rate)

    def to_state(self) -> dict[str, Any]:
        """Everything learned, safe for JSON."""
        return {
            "peaks": list(self._peaks),
            "seen": self._seen,
            "exceeded": self._exceeded,
            "cluster": self._cluster,
            "calm": self._calm,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where `to_state` stopped.

        Raises:
            ValueError, KeyError, TypeError: the state is damaged; nothing has been changed.
        """
        peaks = [float(p) for p in state["peaks"]]
        seen, exceeded, calm = (int(state[name]) for name in ("seen", "exceeded", "calm"))
        cluster = float(state["cluster"])
        is_sound = len(peaks) <= MOST_PEAKS and all(0 < p < math.inf for p in peaks)
        if not (is_sound and len(peaks) <= exceeded <= seen and calm >= 0 and 0 <= cluster < math.inf):
            raise ValueError("a tail needs positive finite peaks and counts")
        self._peaks, self._cluster = peaks, cluster
        self._seen, self._exceeded, self._calm = seen, exceeded, calm
        self._fitted = fit_pareto(peaks, self.prior_mean)
