"""Maintenance that looks first: an alarm sends a technician, and what is found is repaired in time.

Rule: what follows an alarm is the same for every policy that has alarms, so that they differ in their alarms
alone: inspection, a reading of the wear, the part, and a planned stop if there is one in time.
"""

from __future__ import annotations

import math

from simulators.degradation import FailureMode
from simulators.technician import Sight
from simulators.year.course import Course, Job, Why
from simulators.year.settings import DAY_H

DEADLINES_DAYS = ((0.15, 21.0), (0.35, 7.0), (0.6, 2.0))
"""Wear up to which a technician thinks that it lasts so many days; beyond, it is done at once."""


class OnCondition:
    """What a policy with alarms does about what is found."""

    def look(self, course: Course, step: int) -> None:
        """Alarms are the business of each policy."""

    def inspected(self, course: Course, job: Job, sight: Sight) -> None:
        """Order the part, and a stop."""
        if sight.place is None:
            self.found_nothing(course, job)
            return
        if any(each.place == sight.place for each in course.jobs_of(job.machine)):
            return
        self.repair(course, job, sight, self.deadline_h(course, job, sight))

    def repair(self, course: Course, job: Job, sight: Sight, latest_h: float) -> None:
        """Into a planned stop if there is one by then, else into one of its own."""
        place = sight.place
        if place is None:
            raise ValueError("nothing was found")
        if not course.replace_in_stop(job.machine, place, Why.FOUND, latest_h, job.order):
            is_urgent = latest_h <= course.hour
            course.replace_soon(job.machine, place, is_urgent, job.order)

    def deadline_h(self, course: Course, job: Job, sight: Sight) -> float:
        """Latest hour by which it must be done."""
        for limit, days in DEADLINES_DAYS:
            if sight.reading <= limit:
                return course.hour + days * DAY_H
        return course.hour

    def found_nothing(self, course: Course, job: Job) -> None:
        """The alarm was wrong, as far as anybody can see."""

    def mended(self, course: Course, job: Job, mode: FailureMode) -> None:
        """That is all."""

    def instrument_checked(self, course: Course, job: Job, was_faulty: bool) -> None:
        """That is all."""


def has_order(course: Course, machine: int) -> bool:
    """Whether somebody is about to look at it, or to repair it."""
    return any(math.isfinite(job.booking.start_h) for job in course.jobs_of(machine))
