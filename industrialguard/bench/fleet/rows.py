"""From ledgers to rows: what each policy came to, and how it compares with replacement by age.

Rule: policies are compared plant by plant, each on the same seed. An interval that says 95 % is a bootstrap
over plants, with a fixed seed; it knows nothing of what the simulation leaves out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from industrialguard.bench.fleet.years import Maintenance, Years
from industrialguard.bench.report import Metric, Role, Row
from simulators.year.ledger import Cost, Ledger

RESAMPLES = 10_000
COVERAGE = 0.95
_SEED = 7

MEASURES: Mapping[str, Callable[[Ledger], float | None]] = {
    "downtime_h": lambda year: year.unplanned_h,
    "cost": lambda year: year.cost,
    "life_used_pct": lambda year: year.life_used_pct,
    "false_orders": lambda year: float(year.false_orders),
    "orders": lambda year: float(year.orders),
    "planned_downtime_h": lambda year: year.planned_h,
    "failures": lambda year: float(year.failures),
    "sudden_failures": lambda year: float(year.sudden),
    "missed_by_inspection": lambda year: float(year.missed),
    "replaced_before_failure": lambda year: float(year.replaced),
    "downtime_cost": lambda year: year.costs[Cost.UNPLANNED] + year.costs[Cost.PLANNED],
    "labour_cost": lambda year: float(year.costs[Cost.LABOUR]),
    "parts_cost": lambda year: float(year.costs[Cost.PARTS]),
}
"""Of a plant and year; unplanned downtime is `downtime_h`, money is in euros."""
COMPARED = ("downtime_h", "cost", "life_used_pct")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A change against time-based maintenance, in %."""

    vs_time_based_pct: float
    ci_low: float
    ci_high: float

    def __str__(self) -> str:
        """As people read it.

        >>> str(Comparison(-40.0, -52.2, -21.0))
        '-40.0 % (-52.2 to -21.0)'
        """
        return f"{self.vs_time_based_pct:+.1f} % ({self.ci_low:+.1f} to {self.ci_high:+.1f})"


@dataclass(frozen=True, slots=True)
class Compared(Metric):
    """A figure and how it compares."""

    comparison: Comparison

    def to_json(self) -> dict[str, Any]:
        """With the comparison and its interval."""
        found = self.comparison
        return {
            "mean": self.mean,
            "std": self.std,
            "values": list(self.values),
            "vs_time_based_pct": found.vs_time_based_pct,
            "ci_low": found.ci_low,
            "ci_high": found.ci_high,
        }


def build_rows(years: Years) -> tuple[Row, ...]:
    """A row for each policy, ours first."""
    baseline = years[Maintenance.TIME_BASED]
    return tuple(
        Row(
            str(policy),
            Role.OURS if policy is Maintenance.OURS else Role.BASELINE,
            {name: _metric(name, years[policy], baseline) for name in MEASURES},
            is_main=policy is Maintenance.OURS,
        )
        for policy in reversed(Maintenance)
        if policy in years
    )


def _metric(name: str, own: Sequence[Ledger], baseline: Sequence[Ledger]) -> Metric:
    values = tuple(MEASURES[name](year) for year in own)
    if own is baseline or name not in COMPARED:
        return Metric(values)
    comparison = compare(values, [MEASURES[name](year) for year in baseline])
    return Metric(values) if comparison is None else Compared(values, comparison)


def compare(own: Sequence[float | None], baseline: Sequence[float | None]) -> Comparison | None:
    """How the mean over plants changes, in %; plants that lack a figure are left out of both.

    >>> compare([50.0, 60.0, 40.0], [100.0, 120.0, 80.0])
    Comparison(vs_time_based_pct=-50.0, ci_low=-50.0, ci_high=-50.0)
    """
    pairs = [(a, b) for a, b in zip(own, baseline, strict=True) if a is not None and b is not None]
    if not pairs:
        return None
    table = np.array(pairs)
    rng = np.random.default_rng(_SEED)
    drawn = table[rng.integers(len(pairs), size=(RESAMPLES, len(pairs)))].sum(axis=1)
    total = table.sum(axis=0)
    if total[1] <= 0 or (drawn[:, 1] <= 0).any():
        return None
    changes = 100.0 * (drawn[:, 0] / drawn[:, 1] - 1.0)
    low, high = np.quantile(changes, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Comparison(*(round(float(x), 3) for x in (100.0 * (total[0] / total[1] - 1.0), low, high)))
