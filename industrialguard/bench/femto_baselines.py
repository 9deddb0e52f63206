"""What the network is held against on bearings: single features, a distance and a forest.

Rule: each learns from the windows that the bearing's own course gives to its level, and from nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from industrialguard.bench.femto_course import Bearing, Course, Floats, Warmup
from industrialguard.bench.report import Role
from models.baselines import IsolationForest, Mahalanobis, Standardiser

SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class FeatureAlone:
    """The largest of some features over its own level: RMS alone, kurtosis alone."""

    name: str
    columns: tuple[int, ...]
    warmup: Warmup
    role: Role = Role.BASELINE
    is_seeded: bool = False

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """As `femto_rule.Contender`; natural log of the feature."""
        course = self.warmup.course(scored)
        rows = scored.rows[:, list(self.columns)]
        level = np.median(rows[course.level_from : course.level_to], axis=0)
        return _once_known(math.log(10.0) * (rows - level).max(axis=1), course)


@dataclass(frozen=True, slots=True)
class Distance:
    """Mahalanobis distance from the level's windows, covariance shrunk after Ledoit and Wolf."""

    name: str
    warmup: Warmup
    role: Role = Role.BASELINE
    is_seeded: bool = False

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """As `femto_rule.Contender`; natural log of the distance."""
        course = self.warmup.course(scored)
        scaler, core = Standardiser(), Mahalanobis()
        known = scored.rows[course.level_from : course.level_to]
        scaler.fit(known)
        core.fit(scaler.apply(known))
        return _once_known(np.log(np.maximum(core.score(scaler.apply(scored.rows)), SMALLEST)), course)


@dataclass(slots=True)
class Forest:
    """An isolation forest of the level's windows.

    It looks at nobody else, so a bearing's scores are computed once, whoever is judged.
    """

    name: str
    warmup: Warmup
    role: Role = Role.BASELINE
    is_seeded: bool = True
    _scores: dict[tuple[int, str, int], Floats] = field(default_factory=dict, init=False, repr=False)

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """As `femto_rule.Contender`; the forest's own score, which lies between 0 and 1."""
        key = (seed, scored.name, len(scored.rows))
        if key not in self._scores:
            course = self.warmup.course(scored)
            scaler, core = Standardiser(), IsolationForest(seed)
            known = scored.rows[course.level_from : course.level_to]
            scaler.fit(known)
            core.fit(scaler.apply(known))
            self._scores[key] = _once_known(core.score(scaler.apply(scored.rows)), course)
        return self._scores[key]


def _once_known(scores: Floats, course: Course) -> Floats:
    """Scores from the end of the level's windows on; NaN before."""
    found = scores.copy()
    found[: course.level_to] = np.nan
    return found
