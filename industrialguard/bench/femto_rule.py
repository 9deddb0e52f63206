"""When is a bearing's score an alarm? One rule for every contender, at one stated rate of false alarms.

Rule: what a bearing is judged by comes from the other bearings and from its own first windows, never from
what is judged. The limit is a prediction bound for one more bearing: if the most that healthy bearings show
in the judged part of their first quarter is normally distributed over bearings, a stated share of new ones
shows more (Hahn, J. Am. Stat. Assoc. 64 (1969), 878-888). It moves and stretches with the scores, so that no
contender gains by the unit of its score. How long an alarm must last is chosen among a few lengths, on the
other bearings alone: each of them is judged by the rest of them.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from contract.profiles import AlarmSpec
from industrialguard.bench.femto_course import Bearing, Course, Floats, Warmup
from industrialguard.bench.report import Role

LEAST_KNOWN = 2
"""Bearings that were judged young, below which there is no spread and so no limit."""
WIDEST_T = 1e4
"""Student's t is looked for below this; the largest that is asked for is about 6."""


class Contender(Protocol):
    """Whatever scores bearings."""

    @property
    def name(self) -> str:
        """As it stands in the report."""

    @property
    def role(self) -> Role:
        """Ours or baseline."""

    @property
    def is_seeded(self) -> bool:
        """Whether seeds make a difference; if not it runs once."""

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """A score that grows with damage, after each window; NaN: not known yet. Strictly causal.

        Args:
            judged: The bearing that is to be judged; nothing may be learned from it, unless it is `scored`.
            scored: The bearing whose windows are scored; of it, the windows of its own course may be used.
            others: The first quarters of all but the judged one.
            seed: Of whatever is drawn.

        Returns:
            float64 (n,), logarithmic or alike: differences are what counts.
        """


@dataclass(frozen=True, slots=True)
class Rule:
    """What is the same for all contenders."""

    warmup: Warmup
    runs: tuple[AlarmSpec, ...]
    """Lengths of an alarm to choose from, the first of them when nothing speaks for another."""
    false_alarm_share: float
    """Share of bearings expected to alarm in the judged part of their first quarter; in (0, 1/2)."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What was said of one bearing."""

    bearing: Bearing
    alarm_at: int | None
    """Window that raised the first alarm; None: none did."""
    judged_from: int

    @property
    def share(self) -> float:
        """Of its life, when the alarm was raised; 1 when none was."""
        return 1.0 if self.alarm_at is None else (self.alarm_at + 1) / len(self.bearing.rows)

    @property
    def is_early(self) -> bool:
        """Whether it was raised in the first quarter of life."""
        return self.alarm_at is not None and self.alarm_at < self.bearing.early

    @property
    def is_in_time(self) -> bool:
        """Whether it was raised before the last window."""
        return self.alarm_at is not None and self.alarm_at < len(self.bearing.rows) - 1

    @property
    def lead_min(self) -> float | None:
        """From the alarm to the end."""
        times_s = self.bearing.times_s
        return None if self.alarm_at is None else float(times_s[-1] - times_s[self.alarm_at]) / 60.0

    @property
    def early_judged(self) -> float:
        """Share of its first quarter in which it could have been accused."""
        return max(0.0, 1.0 - self.judged_from / max(self.bearing.early, 1))


@dataclass(frozen=True, slots=True)
class Scored:
    """A bearing with its scores, as seen when one bearing is judged."""

    bearing: Bearing
    course: Course
    scores: Floats = field(repr=False)
    _growth: dict[AlarmSpec, Floats] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def by(
        cls,
        contender: Contender,
        pair: tuple[Bearing, Bearing],
        others: Sequence[Bearing],
        seed: int,
        rule: Rule,
    ) -> Scored:
        """Ask a contender; the pair is the judged and the scored bearing."""
        judged, scored = pair
        return cls(scored, rule.warmup.course(scored), contender.score(judged, scored, others, seed))

    def growth(self, run: AlarmSpec) -> Floats:
        """The highest limit that k of the last n windows are above, after each window; -inf: not judged.

        Growth is over the bearing's own location, or over nothing where that is not known.
        """
        if run not in self._growth:
            location = own_location(self.scores, self.course)
            above: Floats = np.where(np.isfinite(self.scores), self.scores - location, -np.inf)
            above[: self.course.judged_from] = -np.inf
            self._growth[run] = stays_above(above, run)
        return self._growth[run]

    def most_young(self, run: AlarmSpec) -> float:
        """The most growth in the judged part of the first quarter of life; -inf where there is none."""
        return float(self.growth(run)[: self.bearing.early].max(initial=-math.inf))

    def finding(self, run: AlarmSpec, limit: float) -> Finding:
        """Its first alarm."""
        raised = np.flatnonzero(self.growth(run) > limit)
        return Finding(self.bearing, int(raised[0]) if len(raised) else None, self.course.judged_from)


def judge_bearings(
    contender: Contender, bearings: Sequence[Bearing], rule: Rule, seed: int
) -> tuple[Finding, ...]:
    """Judge each bearing by the others."""
    return tuple(judge_bearing(contender, bearing, bearings, rule, seed) for bearing in bearings)


def judge_bearing(
    contender: Contender, judged: Bearing, bearings: Sequence[Bearing], rule: Rule, seed: int
) -> Finding:
    """Judge one bearing by the others: how long an alarm must last and how high its limit is."""
    others = [bearing for bearing in bearings if bearing.name != judged.name]
    # Only their first quarters are handed out: what comes later cannot be learned from by mistake.
    heads = [other.head(other.early) for other in others]
    known = [Scored.by(contender, (judged, other), heads, seed, rule) for other in others]
    run = choose_run(known, rule)
    own = Scored.by(contender, (judged, judged), heads, seed, rule)
    return own.finding(run, young_limit(known, run, rule.false_alarm_share))


def choose_run(known: Sequence[Scored], rule: Rule) -> AlarmSpec:
    """The length of an alarm that serves these bearings best when each is judged by the rest of them.

    Fewest alarms in first quarters, then fewest bearings without an alarm, then the earliest median.
    """
    if len(rule.runs) == 1:
        return rule.runs[0]

    def regret(run: AlarmSpec) -> tuple[int, int, float]:
        findings = []
        for number, one in enumerate(known):
            rest = [other for place, other in enumerate(known) if place != number]
            findings.append(one.finding(run, young_limit(rest, run, rule.false_alarm_share)))
        return (
            sum(finding.is_early for finding in findings),
            sum(not finding.is_in_time for finding in findings),
            statistics.median(finding.share for finding in findings),
        )

    return min(rule.runs, key=regret)  # the first of equals


def young_limit(known: Sequence[Scored], run: AlarmSpec, share: float) -> float:
    """What a share of new bearings is expected to exceed in their first quarter; inf: nothing is known."""
    most = [peak for scored in known if math.isfinite(peak := scored.most_young(run))]
    return prediction_bound(most, share) if len(most) >= LEAST_KNOWN else math.inf


def prediction_bound(values: Sequence[float], share: float) -> float:
    """What one more value of the same normal distribution exceeds with this probability; two or more values.

    >>> round(prediction_bound([0.0, 1.0, 2.0, 3.0, 4.0], 0.05), 3)  # 2 + 2.132 x sqrt(1 + 1/5) x 1.581
    5.692
    """
    t = student_t(len(values) - 1, share)
    return statistics.fmean(values) + t * math.sqrt(1.0 + 1.0 / len(values)) * statistics.stdev(values)


def student_t(freedom: int, share: float) -> float:
    """What Student's t of so many degrees of freedom exceeds with a probability of less than one half.

    >>> round(student_t(4, 0.05), 3), round(student_t(3, 0.025), 3)
    (2.132, 3.182)
    """
    low, high = 0.0, WIDEST_T
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if _beyond(middle, freedom) > share else (low, middle)
    return high


def _beyond(t: float, freedom: int) -> float:
    """Upper tail at t >= 0, by the finite series of Abramowitz and Stegun, 26.7.3 and 26.7.4."""
    angle = math.atan(t / math.sqrt(freedom))
    sine, squared = math.sin(angle), math.cos(angle) ** 2
    is_odd = freedom % 2 == 1
    term, total = (math.cos(angle), 0.0) if is_odd else (1.0, 0.0)
    for step in range(freedom // 2):
        total += term
        term *= squared * ((2 * step + 2) / (2 * step + 3) if is_odd else (2 * step + 1) / (2 * step + 2))
    within = 2 / math.pi * (angle + sine * total) if is_odd else sine * total
    return (1.0 - within) / 2


def own_location(scores: Floats, course: Course) -> float:
    """Median of a bearing's scores in the windows of its location; 0 when none of them has a score."""
    window = scores[course.level_to : course.judged_from]
    return float(np.nanmedian(window)) if np.isfinite(window).any() else 0.0


def stays_above(growth: Floats, run: AlarmSpec) -> Floats:
    """The highest limit that k of the last n windows reach, after each window.

    >>> stays_above(np.array([1.0, 5.0, 3.0, 4.0]), AlarmSpec(k=2, n=3)).tolist()
    [-inf, 1.0, 3.0, 4.0]
    """
    padded = np.concatenate([np.full(run.n - 1, -np.inf), growth])
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, run.n), axis=1)
    kth: Floats = windows[:, run.n - run.k]
    return kth
