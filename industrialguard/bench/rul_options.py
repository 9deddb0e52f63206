"""How a benchmark of remaining useful life is run, whatever the data set.

Rule: what changes figures is said in the report.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class RulOptions:
    """What the command line says."""

    seeds: Sequence[int]
    """For contenders that are seeded; at least one."""
    plot: Path | None = None
    """Where to draw what the main contender said over lives."""
    jobs: int = 1
    """Processes side by side."""

    @property
    def sentences(self) -> tuple[str, ...]:
        """What the protocol says of it."""
        if self.jobs == 1:
            return ()
        return (f"Fitted by {self.jobs} processes side by side; each had one core, which fit_s is told of.",)
