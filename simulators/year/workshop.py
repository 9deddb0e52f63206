"""Who works where and when: technicians, their shifts, and the planned stops of the lines.

Rule: pure. A technician is on one machine at a time. Hour 0 is the first of the year, a Monday at midnight;
hours before it are negative.
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simulators.year.settings import DAY_H, CrewSpec, StopSpec

WORKING_DAYS = 5
FIRST_STOP_DAY, STOP_START_H = 5, 6.0
"""A Saturday, in the morning."""
_SHIFTS_LOOKED_AT = 400
"""Working days after which a crew is hopelessly overbooked."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which something may be done, in hours."""

    start_h: float
    end_h: float


@dataclass(frozen=True, slots=True)
class Booking:
    """A technician's time."""

    technician: int
    machine: int
    start_h: float
    end_h: float

    @property
    def hours(self) -> float:
        """How long."""
        return self.end_h - self.start_h


@dataclass(slots=True)
class _Diary:
    starts: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)

    def first_gap(self, window: Window, hours: float) -> float | None:
        """Earliest start of free hours that lie within a window."""
        start_h = window.start_h
        at = bisect.bisect_right(self.ends, start_h)
        while at < len(self.starts) and self.starts[at] < start_h + hours:
            start_h = max(start_h, self.ends[at])
            at += 1
        return start_h if start_h + hours <= window.end_h else None

    def add(self, start_h: float, end_h: float) -> None:
        at = bisect.bisect(self.starts, start_h)
        self.starts.insert(at, start_h)
        self.ends.insert(at, end_h)

    def remove(self, start_h: float) -> None:
        at = self.starts.index(start_h)
        del self.starts[at], self.ends[at]


class Crew:
    """The technicians' diaries.

    Args:
        spec: How many, and when they are there.

    >>> crew = Crew(CrewSpec(1, start_h=6, hours=8, call_out_h=2, overtime_factor=1.5, desk_h=7))
    >>> [crew.book(machine, crew.shifts(0.0), 5.0).start_h for machine in (1, 2)]
    [6.0, 30.0]
    """

    def __init__(self, spec: CrewSpec) -> None:
        self._spec = spec
        self._diaries = [_Diary() for _ in range(spec.technicians)]

    def book(self, machine: int, windows: Iterable[Window], hours: float) -> Booking | None:
        """The earliest free hours within the first window that has room; None: none has."""
        for window in windows:
            free = [
                (start_h, number)
                for number, diary in enumerate(self._diaries)
                if (start_h := diary.first_gap(window, hours)) is not None
            ]
            if free:
                start_h, number = min(free)
                self._diaries[number].add(start_h, start_h + hours)
                return Booking(number, machine, start_h, start_h + hours)
        return None

    def cancel(self, booking: Booking) -> None:
        """Give the hours back."""
        self._diaries[booking.technician].remove(booking.start_h)

    def shifts(self, earliest_h: float) -> Iterator[Window]:
        """Working hours from then on."""
        day = math.floor(earliest_h / DAY_H)
        for number in range(day, day + _SHIFTS_LOOKED_AT):
            start_h = number * DAY_H + self._spec.start_h
            end_h = start_h + self._spec.hours
            if number % 7 < WORKING_DAYS and end_h > earliest_h:
                yield Window(max(start_h, earliest_h), end_h)

    def any_time(self, earliest_h: float) -> Iterator[Window]:
        """Day and night."""
        yield Window(earliest_h, math.inf)

    def is_working(self, hour: float) -> bool:
        """Whether it is within working hours."""
        in_day = hour % DAY_H - self._spec.start_h
        return math.floor(hour / DAY_H) % 7 < WORKING_DAYS and 0 <= in_day < self._spec.hours


class Stops:
    """When the lines stand anyway.

    Args:
        spec: How often and how long.
        lines: So many; they take turns.
    """

    def __init__(self, spec: StopSpec, lines: int) -> None:
        self._spec = spec
        self._shift_days = spec.every_days // lines

    def of(self, line: int, earliest_h: float) -> Iterator[Window]:
        """Stops of a line that begin from then on, without end."""
        every_h = self._spec.every_days * DAY_H
        first_h = (FIRST_STOP_DAY + line * self._shift_days) * DAY_H + STOP_START_H
        number = math.ceil((earliest_h - first_h) / every_h)
        while True:
            start_h = first_h + number * every_h
            yield Window(start_h, start_h + self._spec.hours)
            number += 1
