"""A load as rows of a report.

Rule: a figure that could not be measured is left out; nothing is estimated.
"""

from __future__ import annotations

from collections.abc import Mapping

from industrialguard.bench.ingest.ceilings import TOGETHER, Ceiling, Ceilings, Together
from industrialguard.bench.ingest.loads import LoadResult
from industrialguard.bench.ingest.places import GENERATOR_STAGE
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
    return Row(name, Role.OURS, build_metrics(figures), is_main=name == MAIN)


def stage_rows(
    result: LoadResult,
    ceilings: Ceilings | None = None,
    more: Mapping[str, Mapping[str, float]] | None = None,
) -> list[Row]:
    """What each stage spent, beside what the bare stages need for its work, and more of some stages."""
    rows = []
    for stage, cpu_s in result.cpu_s.items():
        figures: dict[str, float | None] = {"cpu_s_per_1000": _per_1000(cpu_s, result)}
        if ceilings is not None:
            figures["bare_cpu_s_per_1000"] = ceilings.bare_cost(stage)
        sizes = [sample.usage[stage].rss_bytes for sample in result.samples if stage in sample.usage]
        if sizes:
            figures["rss_mib"] = max(sizes) / MIB
        figures |= (more or {}).get(stage, {})
        rows.append(Row(f"of it: {stage}", Role.OURS, build_metrics(figures)))
    return rows


def ceiling_rows(ceilings: Ceilings, together: Together | None = None) -> list[Row]:
    """The ceilings; of each the processor time of all processes, and of them the servers'."""
    rows = []
    for each in ceilings.shown:
        servers_s = sum(cpu_s for stage, cpu_s in each.cpu_s_per_1000.items() if stage in ceilings.servers)
        figures = {
            "messages_per_s": each.messages_per_s,
            "cpu_s_per_1000": sum(each.cpu_s_per_1000.values()),
            "servers_cpu_s_per_1000": servers_s or None,
        }
        rows.append(Row(each.name, Role.CEILING, build_metrics(figures)))
    if together is not None:
        figures = {"messages_per_s": together.messages_per_s, "cpu_s_per_1000": together.cpu_s_per_1000}
        rows.append(Row(TOGETHER, Role.CEILING, build_metrics(figures)))
    return rows


def vs_pct(messages_per_s: float, ceiling: Ceiling | Together | None) -> float | None:
    """A rate as a percentage of a ceiling's; None: there is none."""
    return None if ceiling is None else 100 * messages_per_s / ceiling.messages_per_s


def explain_ceilings(messages_per_s: float, ceilings: Ceilings, together: Together | None) -> str:
    """What a rate is worth, in a sentence or two."""
    slowest = ceilings.slowest
    if slowest is None:
        return "No ceiling could be measured."
    share = 100 * messages_per_s / slowest.messages_per_s
    said = f"{share:.0f} % of the slowest bare stage ({slowest.name}, {slowest.messages_per_s:.0f}/s)."
    if together is None:
        return f"{said} What the servers spent cannot be seen, so there is no sum of all bare stages."
    cost_us, part = 1000 * together.cpu_s_per_1000, 100 * messages_per_s / together.messages_per_s
    return (
        f"{said} All bare stages at once, on this machine's {ceilings.cores} cores, would allow "
        f"{together.messages_per_s:.0f}/s ({cost_us:.0f} us of processor time a message); this is "
        f"{part:.0f} % of that."
    )


def verdict(is_met: bool) -> str:
    """Of a bar.

    >>> verdict(True)
    'met'
    """
    return "met" if is_met else "not met"


def _per_1000(cpu_s: float, result: LoadResult) -> float | None:
    return 1000 * cpu_s / result.stored.stored if result.stored.stored else None


def build_metrics(figures: Mapping[str, float | None]) -> dict[str, Metric]:
    """Of one run; what is None is left out."""
    return {name: Metric((value,)) for name, value in figures.items() if value is not None}
