"""Bearings run to failure: how far has each grown beyond its own first windows, and when is it an alarm?

Rule: what a bearing is judged by (network, yardstick, threshold) comes from other bearings' first quarters
and from its own first windows, never from what is judged. Every contender has the same first windows, the
same k of n, and as few alarms in the others' first quarters: none.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
import numpy.typing as npt

from contract.profiles import AlarmSpec, WarmupSpec
from industrialguard.bench.report import Metric, Role, Row
from models.baselines import Mahalanobis, Standardiser

Floats = npt.NDArray[np.float64]

EARLY_SHARE = 1 / 4
"""Of a life: what other bearings may be learned from, and in which an alarm is a false one."""
SMALLEST = 1e-9


@dataclass(frozen=True, slots=True)
class Bearing:
    """One bearing from its first burst to its end."""

    name: str
    times_s: Floats = field(repr=False)
    """float64 (n,), rising, from the first burst on."""
    rows: Floats = field(repr=False)
    """float64 (n, F), features as a model sees them: logarithms to base 10."""

    @property
    def early(self) -> int:
        """Windows in the first quarter of its life."""
        return int(len(self.rows) * EARLY_SHARE)

    def head(self, windows: int) -> Bearing:
        """Its first windows."""
        return Bearing(self.name, self.times_s[:windows], self.rows[:windows])


@dataclass(frozen=True, slots=True)
class Rule:
    """What is the same for all contenders."""

    warmup: WarmupSpec
    alarm: AlarmSpec
    margin: float = 1.0
    """How many times the most that the other bearings showed young is an alarm; at least 1."""

    @property
    def first_judged(self) -> int:
        """Windows before the first that may alarm."""
        return self.warmup.baseline_windows + self.warmup.calibration_windows


class Contender(Protocol):
    """Whatever scores bearings."""

    @property
    def name(self) -> str:
        """As it stands in the report."""

    @property
    def role(self) -> Role:
        """Ours or baseline."""

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """Natural log of an error that grows with damage, after each window; NaN: not known yet.

        Args:
            judged: The bearing that is to be judged; nothing may be learned from it, unless it is `scored`.
            scored: The bearing whose windows are scored; it may be learned from its own first windows.
            others: All but the judged one.
            seed: Of whatever is drawn.
        """


@dataclass(frozen=True, slots=True)
class Finding:
    """What was said of one bearing."""

    bearing: Bearing
    alarm_at: int | None
    """Window that raised the first alarm; None: none did."""
    first_judged: int

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
        return max(0.0, 1.0 - self.first_judged / max(self.bearing.early, 1))


@dataclass(frozen=True, slots=True)
class FeatureAlone:
    """The largest of some features over its own level in the first windows: RMS alone, kurtosis alone."""

    name: str
    columns: tuple[int, ...]
    rule: Rule
    role: Role = Role.BASELINE

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """As `Contender`; the feature's own logarithm."""
        rows = scored.rows[:, list(self.columns)]
        level = np.median(rows[: self.rule.warmup.baseline_windows], axis=0)
        growth: Floats = math.log(10.0) * (rows - level).max(axis=1)
        growth[: self.rule.warmup.baseline_windows] = np.nan
        return growth


@dataclass(frozen=True, slots=True)
class Distance:
    """Mahalanobis distance from the first windows, covariance shrunk after Ledoit and Wolf."""

    name: str
    rule: Rule
    role: Role = Role.BASELINE

    def score(self, judged: Bearing, scored: Bearing, others: Sequence[Bearing], seed: int) -> Floats:
        """As `Contender`."""
        known = self.rule.warmup.baseline_windows
        scaler, core = Standardiser(), Mahalanobis()
        scaler.fit(scored.rows[:known])
        core.fit(scaler.apply(scored.rows[:known]))
        found: Floats = np.log(np.maximum(core.score(scaler.apply(scored.rows)), SMALLEST))
        found[:known] = np.nan
        return found


def judge_bearings(
    contender: Contender, bearings: Sequence[Bearing], rule: Rule, seed: int
) -> tuple[Finding, ...]:
    """Judge each bearing by what the others' first quarters showed."""
    return tuple(judge_bearing(contender, bearing, bearings, rule, seed) for bearing in bearings)


def judge_bearing(
    contender: Contender, judged: Bearing, bearings: Sequence[Bearing], rule: Rule, seed: int
) -> Finding:
    """Judge one bearing."""
    others = [bearing for bearing in bearings if bearing.name != judged.name]
    # Only their first quarters are handed out: what comes later cannot be learned from by mistake.
    heads = [other.head(other.early) for other in others]
    scores = [contender.score(judged, head, heads, seed) for head in heads]
    locations = [own_location(found, rule) for found in scores]
    known = [location for location in locations if not math.isnan(location)]
    fleet = statistics.median(known) if known else 0.0
    early = [
        stays_above(_above(found, location, fleet, rule), rule.alarm)
        for found, location in zip(scores, locations, strict=True)
    ]
    threshold = max((float(part.max(initial=-math.inf)) for part in early), default=-math.inf)
    threshold = max(threshold, 0.0) + math.log(rule.margin)
    own = contender.score(judged, judged, heads, seed)
    growth = stays_above(_above(own, own_location(own, rule), fleet, rule), rule.alarm)
    raised = np.flatnonzero(growth > threshold)
    return Finding(judged, int(raised[0]) if len(raised) else None, rule.first_judged)


def own_location(scores: Floats, rule: Rule) -> float:
    """Median of a bearing's scores in its calibration windows; NaN when there are none."""
    window = scores[rule.warmup.baseline_windows : rule.first_judged]
    return float(np.nanmedian(window)) if np.isfinite(window).any() else math.nan


def _above(scores: Floats, location: float, fleet: float, rule: Rule) -> Floats:
    """Growth over its own location, or over the fleet's where that is higher; -inf where it is not judged."""
    base = fleet if math.isnan(location) else max(location, fleet)
    growth: Floats = np.where(np.isfinite(scores), scores - base, -np.inf)
    growth[: rule.first_judged] = -np.inf
    return growth


def stays_above(growth: Floats, alarm: AlarmSpec) -> Floats:
    """The highest threshold that k of the last n windows reach, after each window.

    >>> stays_above(np.array([1.0, 5.0, 3.0, 4.0]), AlarmSpec(k=2, n=3)).tolist()
    [-inf, 1.0, 3.0, 4.0]
    """
    padded = np.concatenate([np.full(alarm.n - 1, -np.inf), growth])
    windows = np.sort(np.lib.stride_tricks.sliding_window_view(padded, alarm.n), axis=1)
    kth: Floats = windows[:, alarm.n - alarm.k]
    return kth


def make_row(name: str, role: Role, findings: Sequence[Sequence[Finding]], is_main: bool = False) -> Row:
    """The figures of one contender.

    Args:
        name: As it stands in the report.
        role: Ours or baseline.
        findings: Of each seed, of each bearing.
        is_main: Whether it is the thing that ships.
    """
    figures = [_figures(run) for run in findings]
    metrics = {key: Metric(tuple(run[key] for run in figures)) for key in figures[0]}
    return Row(name, role, metrics, is_main)


def _figures(findings: Sequence[Finding]) -> Mapping[str, float | None]:
    leads = [lead for finding in findings if (lead := finding.lead_min) is not None]
    shares = [100.0 * finding.share for finding in findings]
    return {
        "alarm_before_end_pct": 100.0 * statistics.fmean(f.is_in_time for f in findings),
        "alarm_in_first_quarter_pct": 100.0 * statistics.fmean(f.is_early for f in findings),
        "median_first_alarm_pct_of_life": statistics.median(shares),
        "min_first_alarm_pct_of_life": min(shares),
        "median_lead_min": statistics.median(leads) if leads else None,
        "first_quarter_judged_pct": 100.0 * statistics.fmean(f.early_judged for f in findings),
        **{
            f"first_alarm_pct_{finding.bearing.name}": None if finding.alarm_at is None else share
            for finding, share in zip(findings, shares, strict=True)
        },
    }
