"""What the benchmark of maintenance policies found, read from the file that it wrote.

Rule: pure but for reading one file. Only what is shown is read; another shape is refused in one line.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contract.errors import DataError

BENCH = "fleet"
MEASURES: Mapping[str, str] = {
    "downtime_h": "Unplanned downtime, h",
    "cost": "Cost, €",
    "life_used_pct": "Component life used, %",
    "false_orders": "Orders for nothing",
}
"""What is shown of each policy, of a plant and year."""
LARGEST = 10_000_000
"""Bytes of a report that is read; they are some tens of thousands."""


@dataclass(frozen=True, slots=True)
class Change:
    """Against time-based maintenance, in %, with a 95 % interval."""

    percent: float
    low: float
    high: float

    @property
    def is_sure(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Figure:
    """One measure of one policy."""

    measure: str
    mean: float | None
    change: Change | None


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """One policy."""

    name: str
    is_ours: bool
    figures: tuple[Figure, ...]
    """In the order of `MEASURES`."""


@dataclass(frozen=True, slots=True)
class ValueReport:
    """The whole comparison."""

    dataset: str
    started: str
    commit: str
    plants: int
    protocol: tuple[str, ...]
    rows: tuple[PolicyRow, ...]


def read_value(path: Path) -> ValueReport:
    """What `industrialguard bench fleet --json` wrote.

    Raises:
        DataError: it cannot be read, or is no such report.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise DataError(f"{path.name} is too large for a report of a benchmark")
        return parse_value(path.read_text("utf-8"))
    except OSError as error:
        raise DataError(f"{path.name} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name} is no text") from error


def parse_value(text: str) -> ValueReport:
    """A report from its JSON.

    Raises:
        DataError: it is no report of this benchmark.
    """
    try:
        found = json.loads(text)
        if found["bench"] != BENCH:
            raise DataError(
                f"this is a report of the benchmark {str(found['bench'])[:40]!r}, not of {BENCH!r}"
            )
        return ValueReport(
            dataset=str(found["dataset"]),
            started=str(found["started"])[:10],
            commit=str(found["commit"])[:12],
            plants=len(found["seeds"]),
            protocol=tuple(str(each) for each in found["protocol"]),
            rows=_rows(found["rows"]),
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise DataError("this is no report that `industrialguard bench fleet --json` wrote") from error


def _rows(rows: Sequence[Mapping[str, Any]]) -> tuple[PolicyRow, ...]:
    return tuple(
        PolicyRow(
            str(row["name"]),
            bool(row.get("main", False)),
            tuple(_figure(name, row["metrics"][name]) for name in MEASURES),
        )
        for row in rows
    )


def _figure(name: str, metric: Mapping[str, Any]) -> Figure:
    mean = metric["mean"]
    change = None
    if "vs_time_based_pct" in metric:
        change = Change(*(_number(metric[key]) for key in ("vs_time_based_pct", "ci_low", "ci_high")))
    return Figure(name, None if mean is None else _number(mean), change)


def _number(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError("a figure is a finite number")
    return number
