"""A load as rows of a report.

Rule: a figure that could not be measured is left out; nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from industrialguard.bench.ingest.ceilings import Ceiling
from industrialguard.bench.ingest.loads import GENERATOR_STAGE, LoadResult, Sample
from industrialguard.bench.report import Metric, Role, Row

MAIN = "device to row"
MIB = 1024 * 1024


def main_row(result: LoadResult, extra: Mapping[str, float | None] | None = None, name: str = MAIN) -> Row:
    """The whole road."""
    counters, visible = result.counters, result.probe.ages
    road_cpu_s = sum(cpu_s for stage, cpu_s in result.cpu_s.items() if stage != GENERATOR_STAGE)
    figures: dict[str, float | None] = {
        "messages_per_s": result.messages_per_s,
        "p50_s": visible.quantile(0.5),
        "p99_s": visible.quantile(0.99),
        "cpu_s_per_1000": _per_1000(road_cpu_s, result),
        "ack_p50_s": counters.ages.quantile(0.5),
        "ack_p99_s": counters.ages.quantile(0.99),
        "resolution_s": result.probe.resolution_s,
        "sent": float(result.sent),
        "stored": float(result.stored.stored),
        "duplicated": float(result.stored.duplicated),
        "redelivered": float(result.stored.redelivered),
    } | dict(extra or {})
    return Row(name, Role.OURS, _metrics(figures), is_main=name == MAIN)


def stage_rows(result: LoadResult) -> list[Row]:
    """What each stage spent; slopes only where there are samples enough."""
    rows = []
    for stage, cpu_s in result.cpu_s.items():
        figures: dict[str, float | None] = {"cpu_s_per_1000": _per_1000(cpu_s, result)}
        sizes = [sample.usage[stage].rss_bytes for sample in result.samples if stage in sample.usage]
        if sizes:
            figures["rss_mib"] = max(sizes) / MIB
        if len(sizes) == len(result.samples) > 2:
            figures["rss_slope_mib_per_h"] = (
                slope([(s.time_s, b) for s, b in zip(result.samples, sizes, strict=True)]) * 3600 / MIB
            )
        rows.append(Row(f"of it: {stage}", Role.OURS, _metrics(figures)))
    return rows


def ceiling_rows(ceilings: Sequence[Ceiling]) -> list[Row]:
    """The ceilings."""
    return [
        Row(
            each.name,
            Role.CEILING,
            _metrics({"messages_per_s": each.messages_per_s, "cpu_s_per_1000": each.client_cpu_s_per_1000}),
        )
        for each in ceilings
    ]


def vs_slowest_pct(result: LoadResult, ceilings: Sequence[Ceiling]) -> float | None:
    """Our rate as a percentage of the slowest ceiling's."""
    if not ceilings:
        return None
    return 100 * result.messages_per_s / min(each.messages_per_s for each in ceilings)


def lag_slope_per_min(samples: Sequence[Sample]) -> float | None:
    """How fast the stream's lag grows, in records a minute."""
    return slope([(sample.time_s, sample.lag) for sample in samples]) * 60 if len(samples) > 2 else None


def slope(points: Sequence[tuple[float, float]]) -> float:
    """Of the line of least squares.

    >>> round(slope([(0, 1), (1, 3), (2, 5)]), 6)
    2.0
    """
    x, y = np.array(points, np.float64).T
    return float(np.polyfit(x, y, 1)[0])


def _per_1000(cpu_s: float, result: LoadResult) -> float | None:
    return 1000 * cpu_s / result.stored.stored if result.stored.stored else None


def _metrics(figures: Mapping[str, float | None]) -> dict[str, Metric]:
    return {name: Metric((value,)) for name, value in figures.items() if value is not None}
