"""What a year came to: hours, euros, parts and orders.

Rule: pure. Nothing is counted before the year begins; a standstill counts until the year ends, a repair is
paid whole when it begins. What was paid adds up from its entries.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum


class Cost(StrEnum):
    """What money goes for."""

    UNPLANNED = "unplanned_downtime"
    PLANNED = "planned_downtime"
    LABOUR = "labour"
    PARTS = "parts"


@dataclass(slots=True)
class Ledger:
    """One plant's year under one policy."""

    costs: Counter[Cost] = field(default_factory=Counter)
    """Euros."""
    unplanned_h: float = 0.0
    planned_h: float = 0.0
    """Of dedicated stops; a line's own stops are no downtime of maintenance."""
    failures: int = 0
    replaced: int = 0
    """Parts, before they failed."""
    used_h: float = 0.0
    """Of the lives of all parts that were taken out, hours of full load."""
    possible_h: float = 0.0
    """What these would have lived."""
    orders: int = 0
    """That alarms led to."""
    false_orders: int = 0
    """Of these: nothing was worn, no sensor was faulty."""
    missed: int = 0
    """Of these: something was, and the technician did not see it."""
    announced: int = 0
    """Failures whose machine had an order on its way."""
    sudden: int = 0
    """Failures that nothing could have announced."""
    notes: list[str] = field(default_factory=list)
    """What happened, line by line, for whoever looks why."""

    @property
    def cost(self) -> float:
        """Euros, all in all."""
        return float(sum(self.costs.values()))

    @property
    def life_used_pct(self) -> float | None:
        """Of what the parts that were taken out could have lived; None: none was."""
        return 100.0 * self.used_h / self.possible_h if self.possible_h else None

    def pay(self, cost: Cost, euros: float) -> None:
        """Note an expense."""
        self.costs[cost] += euros  # type: ignore[assignment]  # a Counter of money

    def retire(self, age_h: float, life_h: float) -> None:
        """Note a part that was taken out."""
        self.used_h += min(age_h, life_h)
        self.possible_h += life_h
        if age_h < life_h:
            self.replaced += 1
