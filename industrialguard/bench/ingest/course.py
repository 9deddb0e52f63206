"""How far a process came, look by look.

Rule: what is before the first look that finds something done is its start, and left out; unless most of it
was done by then, and there would be little left to measure.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from industrialguard.bench.ingest.parts import Parts
from industrialguard.bench.ingest.usage import Usage, spent


class Point(NamedTuple):
    """One look."""

    time_s: float
    done: int
    usage: Mapping[str, Usage]


@dataclass(frozen=True, slots=True)
class Stretch:
    """From the first look that found something done to the last."""

    messages: int
    seconds: float
    cpu_s: Mapping[str, float]
    """Of each stage."""

    @property
    def messages_per_s(self) -> float:
        """On average."""
        return self.messages / self.seconds


class Course:
    """Takes looks at what is done, and at what the parts have spent.

    Args:
        parts: They run, all of them, or the look fails.
        base: How much was done before.
    """

    def __init__(self, parts: Parts, base: int) -> None:
        self._parts = parts
        self._stages = parts.stages()
        self._base = base
        self.points: list[Point] = []

    def note(self, done: int) -> None:
        """Take a look.

        Raises:
            ProcessLostError: a part has ended.
        """
        self._parts.require_alive()
        self.points.append(Point(time.perf_counter(), done, self._stages.read()))

    def stretch(self) -> Stretch:
        """What it came to; where the first look found most of it, from the look before."""
        return measure_stretch(self.points, self._base)


def measure_stretch(points: list[Point], base: int) -> Stretch:
    """The stretch between the first point beyond the base and the last one.

    >>> measure_stretch([Point(0.0, 5, {}), Point(1.0, 7, {}), Point(3.0, 17, {})], 5).messages_per_s
    5.0
    >>> measure_stretch([Point(0.0, 5, {}), Point(1.0, 16, {}), Point(3.0, 17, {})], 5).messages_per_s
    4.0
    """
    place, last = next(place for place, point in enumerate(points) if point.done > base), points[-1]
    has_little_left = 2 * (last.done - points[place].done) < last.done - base
    first = points[max(0, place - has_little_left)]
    return Stretch(last.done - first.done, last.time_s - first.time_s, spent(first.usage, last.usage))
