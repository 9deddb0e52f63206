"""Bearings run to failure, and by which of its own first windows each is measured.

Rule: a bearing is compared with itself. Its level comes from a stretch of its own windows, its location (the
median score of a healthy bearing) from the next ones, and it is judged only after both. Lives are counted in
windows, because a clock of the recordings jumps.

Bearings run in: for minutes to more than an hour they change as much as at their end, and mostly for the
better. `OwnWarmup` takes the first windows, as a device must; `ShareOfLife` leaves the first part of the life
out, which no device can, because it does not know how long a life will be.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

EARLY_SHARE = 1 / 4
"""Of a life: what of other bearings may be learned from, and where an alarm is a false one."""


@dataclass(frozen=True, slots=True)
class Bearing:
    """One bearing from its first burst on."""

    name: str
    times_s: Floats = field(repr=False)
    """float64 (n,), rising, from the first burst on."""
    rows: Floats = field(repr=False)
    """float64 (n, F), features as a model sees them: logarithms to base 10."""
    life: int
    """Windows from its first burst to its end; more than n where only its youth is held."""

    @classmethod
    def whole(cls, name: str, times_s: Floats, rows: Floats) -> Bearing:
        """A bearing that was recorded to its end."""
        return cls(name, times_s, rows, len(rows))

    @property
    def early(self) -> int:
        """Windows in the first quarter of its life."""
        return int(self.life * EARLY_SHARE)

    def head(self, windows: int) -> Bearing:
        """Its first windows; what came later is not in it."""
        return replace(self, times_s=self.times_s[:windows], rows=self.rows[:windows])


@dataclass(frozen=True, slots=True)
class Course:
    """Where the first windows of one bearing go, by number: 0 <= level_from < level_to < judged_from."""

    level_from: int
    """First window that the level is learned from; those before it are run-in and left out."""
    level_to: int
    """First window of the location."""
    judged_from: int
    """First window that may raise an alarm."""

    def __post_init__(self) -> None:
        """Refuse stretches without a window."""
        if not 0 <= self.level_from < self.level_to < self.judged_from:
            raise ValueError(f"a course needs windows for level and location: {self}")


class Warmup(Protocol):
    """How a bearing's own first windows are divided."""

    @property
    def name(self) -> str:
        """As it stands in the name of the report."""

    @property
    def sentence(self) -> str:
        """For the protocol."""

    def course(self, bearing: Bearing) -> Course:
        """The windows of one bearing."""


@dataclass(frozen=True, slots=True)
class OwnWarmup:
    """From the first window on and of the same length for all: what a device can do."""

    level_windows: int
    location_windows: int
    name: str = "own-warm-up"

    @property
    def sentence(self) -> str:
        """For the protocol."""
        return (
            f"Yardstick, as on a device: level from a bearing's first {self.level_windows} windows, location "
            f"from the next {self.location_windows}, judged from then on; run-in is part of it."
        )

    def course(self, bearing: Bearing) -> Course:
        """The same for every bearing."""
        return Course(0, self.level_windows, self.level_windows + self.location_windows)


@dataclass(frozen=True, slots=True)
class ShareOfLife:
    """In shares of the life, its first part left out: run-in is over, but only hindsight knows when.

    Args:
        skipped: Share of the life before the level's windows.
        level_to: Share of the life at which the location's windows begin.
        judged_from: Share of the life from which a bearing is judged.
    """

    skipped: float
    level_to: float
    judged_from: float
    name: str = "share-of-life"

    @property
    def sentence(self) -> str:
        """For the protocol."""
        return (
            f"Yardstick, with hindsight of the length of life: the first {self.skipped:.1%} is left out as "
            f"run-in, level up to {self.level_to:.1%}, location up to {self.judged_from:.1%}, judged after."
        )

    def course(self, bearing: Bearing) -> Course:
        """At least one window for level and location each, however short the life."""
        start = int(self.skipped * bearing.life)
        level_to = max(int(self.level_to * bearing.life), start + 1)
        return Course(start, level_to, max(int(self.judged_from * bearing.life), level_to + 1))
