"""Which faults happen, and when.

Rule: pure and seeded. Every part of the road is hit equally often, in an order that nobody chose; outages lie
evenly among the kills.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise


class Target(StrEnum):
    """Who is killed."""

    BROKER = "broker"
    INGEST = "ingest"
    KAFKA = "kafka"
    SINK = "sink"
    POSTGRESQL = "postgresql"


class FaultKind(StrEnum):
    """What happens after the SIGKILL."""

    KILL = "kill"
    """It is started again at once."""
    OUTAGE = "outage"
    """It stays away for a while."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault."""

    target: Target
    kind: FaultKind
    hold_s: float
    """How long the target stays away."""
    pause_s: float
    """From when the road flows again to this fault."""
    is_early: bool
    """Whether it strikes while the road still recovers from the one before."""


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """How many, and how bad."""

    faults: int = 100
    outages: int = 10
    """Of these."""
    outage_s: float = 30.0
    early: float = 0.2
    """Share that strikes during a recovery."""
    longest_pause_s: float = 3.0
    seed: int = 1


def draw_faults(plan: FaultPlan) -> list[Fault]:
    """The faults, in order.

    >>> [str(fault.target) for fault in draw_faults(FaultPlan(faults=5, outages=0, seed=3))]
    ['ingest', 'postgresql', 'sink', 'kafka', 'broker']
    """
    drawn = random.Random(plan.seed)
    targets: list[Target] = []
    while len(targets) < plan.faults:
        targets += drawn.sample(list(Target), len(Target))
    bounds = [n * plan.faults // plan.outages for n in range(plan.outages + 1)] if plan.outages else []
    outages = {drawn.randrange(start, end) for start, end in pairwise(bounds)}
    return [
        Fault(
            target,
            FaultKind.OUTAGE if place in outages else FaultKind.KILL,
            plan.outage_s if place in outages else 0.0,
            drawn.uniform(0.0, plan.longest_pause_s),
            place > 0 and drawn.random() < plan.early,
        )
        for place, target in enumerate(targets[: plan.faults])
    ]
