"""Do updated machines alarm more than those that were not updated yet?

Rule: pure. A machine counts once, with its first alarm after the watch began, because one machine that alarms
again and again is one finding. Each first alarm is a draw from the machines that could have had it at that
moment, updated or not; both kinds live through the same shifts and seasons, so a bad night for all speaks
against nobody.

The evidence is an e-value, the safe log-rank test of ter Schure, Pérez-Ortiz, Ly and Grünwald (2021): how
many times likelier the order of alarms is if updating multiplies the rate by 2, 4 or 8 than if it changes
nothing. Where it changes nothing, the chance that it ever reaches 1/a is at most a, however often one looks
and whenever one stops (Ville's inequality). That a test which is made each minute keeps its promise is why it
is this one and not a p-value. It takes machines to alarm independently of each other.

>>> calm = [Watched(0.0, 100.0, None, is_updated=False) for _ in range(30)]
>>> worse = [Watched(0.0, 100.0, 10.0 + n, is_updated=True) for n in range(4)]
>>> evidence(calm + worse) > 100
True
>>> evidence(calm + worse[:1]) < 10
True
"""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

RATIOS = (2.0, 4.0, 8.0)
"""By how much an update may multiply the rate of alarms, in the alternatives that are averaged."""
MOST_LOG = 700.0


@dataclass(frozen=True, slots=True)
class Watched:
    """A machine under watch; times in s from any one moment."""

    start: float
    end: float
    """As far as was heard of it."""
    event: float | None
    """Its first alarm from `start` on, up to `end`."""
    is_updated: bool


class _AtRisk:
    """How many of some machines could have had their first alarm at a time."""

    def __init__(self, watched: Sequence[Watched]) -> None:
        self._starts = sorted(each.start for each in watched)
        self._ends = sorted(each.end if each.event is None else each.event for each in watched)

    def at(self, time: float) -> int:
        return bisect_right(self._starts, time) - bisect_left(self._ends, time)


def evidence(watched: Sequence[Watched]) -> float:
    """The e-value against "updating changes nothing", in favour of "it makes alarms more frequent".

    Returns:
        1 where nothing has happened yet; large where the updated alarm first, out of proportion.
    """
    updated = _AtRisk([each for each in watched if each.is_updated])
    others = _AtRisk([each for each in watched if not each.is_updated])
    logs = [0.0] * len(RATIOS)
    for time, is_updated in sorted((e.event, e.is_updated) for e in watched if e.event is not None):
        n_updated, n_others = updated.at(time), others.at(time)
        for place, ratio in enumerate(RATIOS):
            likelier = math.log(n_updated + n_others) - math.log(ratio * n_updated + n_others)
            logs[place] += likelier + (math.log(ratio) if is_updated else 0.0)
    return sum(math.exp(min(log, MOST_LOG)) for log in logs) / len(RATIOS)
