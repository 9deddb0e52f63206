"""How a fleet stands: who is worst, and what each place adds up to.

Rule: pure. What has an open case comes first, by urgency and then severity; a case that rests comes last of
these. A place is as bad as the worst machine in it, and silence is never health.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from cloud.health import Health
from cloud.triage import Assessment, Criticality, Outlook, Urgency, assess

DUE_WITHIN = timedelta(days=30)
SILENT = frozenset({Health.OFFLINE, Health.UNKNOWN, Health.BLIND})
"""Nothing believable is known of these machines."""
RANKS: Mapping[Health, int] = {health: rank for rank, health in enumerate(Health)}
"""0 is the most urgent."""


class Show(StrEnum):
    """Which machines a card leads to."""

    NOW = "now"
    SOON = "soon"
    PLAN = "plan"
    WATCHED = "watched"
    """With an open case that can wait."""
    DUE = "due"
    """One in ten such machines fails within `DUE_WITHIN`."""
    SILENT = "silent"
    """Stale or unknown."""
    UNMAPPED = "unmapped"


BY_URGENCY: Mapping[Urgency, Show] = {
    Urgency.NOW: Show.NOW,
    Urgency.SOON: Show.SOON,
    Urgency.PLAN: Show.PLAN,
    Urgency.WATCH: Show.WATCHED,
}


@dataclass(frozen=True, slots=True)
class FleetChoice:
    """Which machines somebody wants to see; empty codes: all."""

    site: str = ""
    area: str = ""
    line: str = ""
    health: Health | None = None
    show: Show | None = None
    search: str = ""
    page: int = 1
    sites: frozenset[str] | None = None
    """Those that whoever looks belongs to; None: all of them."""

    @property
    def is_narrow(self) -> bool:
        """Whether any machine is left out by choice."""
        return bool(self.site or self.health or self.show or self.search)


@dataclass(frozen=True, slots=True)
class OpenCase:
    """An open case, and what decides how much it presses."""

    id: int
    device_id: str
    symptom: str
    opened_at: datetime
    is_new: bool
    """Nobody has said that they have seen it."""
    assignee: str
    rests_until: datetime | None
    score: float
    is_active: bool
    """Whether an alarm of it still stands."""
    p10_at: datetime | None
    criticality: Criticality = Criticality.MEDIUM


@dataclass(frozen=True, slots=True)
class JudgedCase:
    """An open case, and how much it presses."""

    case: OpenCase
    assessment: Assessment
    is_asleep: bool

    @property
    def rank(self) -> tuple[bool, int, int, datetime, int]:
        """The smallest comes first."""
        how = self.assessment
        return self.is_asleep, -how.urgency, -how.severity, self.case.opened_at, self.case.id


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """Machines of one line in one state; empty codes: mapped to nothing."""

    path: tuple[str, str, str]
    health: Health
    machines: int
    due: int = 0
    """Of these, due within `DUE_WITHIN`."""


@dataclass(slots=True)
class Branch:
    """A place with what its machines add up to."""

    path: tuple[str, ...]
    """Codes from the site down; empty: the whole plant."""
    counts: dict[Health, int] = field(default_factory=dict)
    due: int = 0
    branches: dict[str, Branch] = field(default_factory=dict)

    @property
    def machines(self) -> int:
        """How many there are."""
        return sum(self.counts.values())

    @property
    def worst(self) -> Health:
        """The most urgent state in it; a place without machines says nothing."""
        return min(self.counts, key=RANKS.__getitem__, default=Health.UNKNOWN)

    @property
    def lines(self) -> list[Branch]:
        """The places in it that hold machines themselves, in order of their names."""
        if not self.branches:
            return [self]
        return [line for name in sorted(self.branches) for line in self.branches[name].lines]


def judge_cases(cases: Iterable[OpenCase], now: datetime) -> list[JudgedCase]:
    """Open cases, the most pressing first."""
    return sorted((_judge(case, now) for case in cases), key=lambda judged: judged.rank)


def worst_of_each(judged: Sequence[JudgedCase]) -> dict[str, JudgedCase]:
    """By machine, its most pressing case; machines stand in the order of these."""
    worst: dict[str, JudgedCase] = {}
    for each in judged:
        worst.setdefault(each.case.device_id, each)
    return worst


def add_up(counts: Iterable[PlaceCount]) -> Branch:
    """The plant as a tree of site, area and line."""
    plant = Branch(())
    for each in counts:
        branch = plant
        _add(branch, each)
        for depth in range(3):
            code = each.path[depth]
            branch = branch.branches.setdefault(code, Branch(each.path[: depth + 1]))
            _add(branch, each)
    return plant


def _add(branch: Branch, count: PlaceCount) -> None:
    branch.counts[count.health] = branch.counts.get(count.health, 0) + count.machines
    branch.due += count.due


def _judge(case: OpenCase, now: datetime) -> JudgedCase:
    left = None if case.p10_at is None else case.p10_at - now
    how = assess(case.symptom, case.criticality, Outlook(left, case.score, case.is_active))
    return JudgedCase(case, how, case.rests_until is not None and now < case.rests_until)
