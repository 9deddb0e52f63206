"""What a load came to.

Rule: counts and ages of several processes add up to those of all. An age is counted from when the schedule
said that a message was due, so that a generator or a road that stands still hides nothing (no "coordinated
omission").
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

_LEAST_S = 1e-4
_STEP = math.log(1.02)


@dataclass(slots=True)
class Ages:
    """Ages in s, in buckets of two per cent."""

    buckets: Counter[int] = field(default_factory=Counter)
    most_s: float = 0.0

    def add(self, age_s: float) -> None:
        """Count one."""
        self.buckets[math.ceil(math.log(max(age_s, _LEAST_S) / _LEAST_S) / _STEP)] += 1
        self.most_s = max(self.most_s, age_s)

    def quantile(self, share: float) -> float | None:
        """The age that this share of them does not exceed, at most two per cent too large; None: no ages.

        >>> ages = Ages()
        >>> for age_s in (0.1, 0.2, 0.3, 9.0): ages.add(age_s)
        >>> round(ages.quantile(0.5), 1), ages.quantile(1.0)
        (0.2, 9.0)
        """
        left = share * self.buckets.total()
        for bucket, count in sorted(self.buckets.items()):
            left -= count
            if left <= 1e-9:
                return min(_LEAST_S * math.exp(bucket * _STEP), self.most_s)
        return None

    def merge(self, other: Ages) -> None:
        """Take over another's."""
        self.buckets.update(other.buckets)
        self.most_s = max(self.most_s, other.most_s)


@dataclass(slots=True)
class LoadCounters:
    """Since start, of all devices of a process."""

    offered: int = 0
    """Messages that the schedule asked for."""
    dropped: int = 0
    """Of these, given up because the outbox was full."""
    sent: int = 0
    """Publications, repetitions included."""
    resent: int = 0
    acknowledged: int = 0
    """Messages that the cloud said it has stored."""
    rejected: int = 0
    """Messages that it refused for good."""
    waiting: int = 0
    """Neither, by now."""
    late: int = 0
    """Acknowledged too late, or not at all and too old by now."""
    overdue: int = 0
    """Messages that were offered over a second after they were due: the generator is too slow."""
    connects: int = 0
    losses: int = 0
    """Connections that broke or were refused."""
    malformed: int = 0
    """Acknowledgements that could not be read."""
    cpu_s: float = 0.0
    """Processor time, without connecting and goodbyes."""
    active_s: float = 0.0
    """From the first message's turn until nothing was waited for; of several processes the longest."""
    ages: Ages = field(default_factory=Ages)
    """Until the cloud's acknowledgement."""
    kinds: Counter[str] = field(default_factory=Counter)
    """Messages that the outboxes took, by kind."""

    def to_json(self) -> dict[str, Any]:
        """For a file; `read` reads it back."""
        table = {each.name: getattr(self, each.name) for each in fields(self) if each.name != "ages"}
        table["kinds"] = dict(self.kinds)
        table["ack_p50_s"], table["ack_p99_s"] = self.ages.quantile(0.5), self.ages.quantile(0.99)
        table["ack_max_s"] = self.ages.most_s
        table["age_buckets"] = {str(bucket): count for bucket, count in sorted(self.ages.buckets.items())}
        return table

    @staticmethod
    def read(table: Mapping[str, Any]) -> LoadCounters:
        """Read what `to_json` wrote."""
        counts = {each.name: table[each.name] for each in fields(LoadCounters) if each.name in table}
        buckets = Counter({int(bucket): count for bucket, count in table["age_buckets"].items()})
        return LoadCounters(
            **counts | {"kinds": Counter(table["kinds"]), "ages": Ages(buckets, table["ack_max_s"])}
        )

    @staticmethod
    def total(parts: Iterable[LoadCounters]) -> LoadCounters:
        """The sum of several processes."""
        sum_of = LoadCounters()
        for part in parts:
            sum_of.ages.merge(part.ages)
            sum_of.active_s = max(sum_of.active_s, part.active_s)
            for each in fields(LoadCounters):
                if each.name not in ("active_s", "ages", "kinds"):
                    setattr(sum_of, each.name, getattr(sum_of, each.name) + getattr(part, each.name))
            sum_of.kinds.update(part.kinds)
        return sum_of
