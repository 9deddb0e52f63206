"""What one process did alone, as rows and sentences of a report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from cloud.store.rows import DeviceCounts
from industrialguard.bench.ingest.ceilings import Ceilings, Together, per_1000
from industrialguard.bench.ingest.course import Stretch
from industrialguard.bench.ingest.rows import build_metrics, ceiling_rows, explain_ceilings, verdict, vs_pct
from industrialguard.bench.report import Role, Row


@dataclass(frozen=True, slots=True)
class Alone:
    """One process at work."""

    name: str
    """From where to where."""
    stage: str
    stretch: Stretch
    counts: tuple[int, DeviceCounts]
    """What waited for it, and what is there now."""
    ceilings: tuple[Ceilings, Ceilings]
    """All that are shown, and those that it consists of."""
    bar_per_s: float | None = None

    @property
    def together(self) -> Together | None:
        """What the bare stages that it consists of allow in one process."""
        return self.ceilings[1].together({self.stage: 1}, {})

    def sentences(self) -> Iterator[str]:
        """What the figures are worth."""
        rate = self.stretch.messages_per_s
        if self.bar_per_s is not None:
            said = verdict(rate >= self.bar_per_s)
            yield f"The bar of {self.bar_per_s:.0f} messages/s through one process is {said}: {rate:.0f}/s."
        yield explain_ceilings(rate, self.ceilings[0], self.together)

    def rows(self) -> Iterator[Row]:
        """The process, every stage that worked for it, and the ceilings."""
        sent, stored = self.counts
        shown, own = self.ceilings
        rate, costs = self.stretch.messages_per_s, per_1000(self.stretch.cpu_s, self.stretch.messages)
        figures = {
            "messages_per_s": rate,
            "cpu_us_per_message": 1000 * costs[self.stage],
            "vs_slowest_ceiling_pct": vs_pct(rate, shown.slowest),
            "vs_bare_together_pct": vs_pct(rate, self.together),
            "sent": float(sent),
            "stored": float(stored.stored),
            "duplicated": float(stored.duplicated),
        }
        yield Row(self.name, Role.OURS, build_metrics(figures), is_main=True)
        for stage, cost in costs.items():
            spent = {"cpu_s_per_1000": cost, "bare_cpu_s_per_1000": own.bare_cost(stage)}
            yield Row(f"of it: {stage}", Role.OURS, build_metrics(spent))
        yield from ceiling_rows(shown, self.together)
