"""Rows of figures: what was said of every bearing, and what a contender could say at best.

Rule: a bearing without an alarm counts as found at its very end. The figures "if quiet young" are no
decisions: they put one limit on all bearings, the lowest at which none alarms in its first quarter, with all
of them looked at. They compare contenders at the same measured rate of false alarms, none, whatever the
limits that each had to choose without looking.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from contract.profiles import AlarmSpec
from industrialguard.bench.femto_course import Bearing, Warmup
from industrialguard.bench.femto_rule import Contender, Finding, Rule, Scored, judge_bearings
from industrialguard.bench.report import Metric, Role, Row

Figures = Mapping[str, float | None]


def contender_row(
    contender: Contender, bearings: Sequence[Bearing], rule: Rule, seeds: Sequence[int], is_main: bool = False
) -> Row:
    """Judge all bearings with each seed; with the first alone where seeds make no difference."""
    runs = []
    for seed in seeds if contender.is_seeded else seeds[:1]:
        quiet = quiet_young(contender, bearings, rule, seed)
        runs.append({**figures(judge_bearings(contender, bearings, rule, seed)), **quiet_figures(quiet)})
    return make_row(contender.name, contender.role, runs, is_main)


def always_row(bearings: Sequence[Bearing], warmup: Warmup) -> Row:
    """Says alarm wherever it is asked."""
    first = [warmup.course(bearing).judged_from for bearing in bearings]
    findings = [
        Finding(bearing, window if window < len(bearing.rows) else None, window)
        for bearing, window in zip(bearings, first, strict=True)
    ]
    return make_row("always alarm", Role.BASELINE, [figures(findings)])


def make_row(name: str, role: Role, runs: Sequence[Figures], is_main: bool = False) -> Row:
    """One contender's figures over repeated runs."""
    return Row(name, role, {key: Metric(tuple(run[key] for run in runs)) for key in runs[0]}, is_main)


def figures(findings: Sequence[Finding]) -> Figures:
    """The figures of one run's decisions."""
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


def quiet_figures(findings: Sequence[Finding]) -> Figures:
    """The figures of one limit for all, at which none alarms young."""
    return {
        "if_quiet_young_before_end_pct": 100.0 * statistics.fmean(f.is_in_time for f in findings),
        "if_quiet_young_median_pct_of_life": statistics.median(100.0 * f.share for f in findings),
    }


def quiet_young(
    contender: Contender, bearings: Sequence[Bearing], rule: Rule, seed: int
) -> tuple[Finding, ...]:
    """First alarms at the lowest limit at which no bearing alarms in the judged part of its first quarter."""
    run: AlarmSpec = rule.runs[0]
    known = []
    for judged in bearings:
        heads = [other.head(other.early) for other in bearings if other.name != judged.name]
        known.append(Scored.by(contender, (judged, judged), heads, seed, rule))
    limit = max(scored.most_young(run) for scored in known)
    return tuple(scored.finding(run, limit) for scored in known)
