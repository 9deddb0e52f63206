"""What is found is repaired the sooner the worse it looks."""

from __future__ import annotations

import math

import pytest

from simulators.technician import Sight
from simulators.year.by_calendar import RunToFailure
from simulators.year.course import Course, Job, Why
from simulators.year.on_condition import OnCondition, has_order
from simulators.year.workshop import Booking
from tests.simulators.year.small_plant import small_plant

VISIT = Job(Why.INSPECTION, 0, -1, Booking(0, 0, 0.0, 1.5), order=7)


def begin(reading: float) -> Course:
    course = Course(small_plant(machines=1, haste=1.0), RunToFailure())
    OnCondition().inspected(course, VISIT, Sight(2, reading))
    return course


def test_the_worse_it_looks_the_sooner() -> None:
    policy = OnCondition()
    course = Course(small_plant(), RunToFailure())
    deadlines = [policy.deadline_h(course, VISIT, Sight(0, reading)) for reading in (0.1, 0.3, 0.5, 0.9)]
    assert deadlines == sorted(deadlines, reverse=True) and deadlines[-1] == course.hour


@pytest.mark.parametrize("reading", [0.05, 0.3, 0.9])
def test_what_is_found_is_booked_once_with_its_case(reading: float) -> None:
    course = begin(reading)
    (job,) = course.jobs_of(0)
    assert (job.place, job.order, job.why) == (2, 7, Why.FOUND) and math.isfinite(job.booking.start_h)
    assert has_order(course, 0) and not has_order(course, 1)
    OnCondition().inspected(course, VISIT, Sight(2, reading))
    assert course.jobs_of(0) == [job]


def test_nothing_found_books_nothing() -> None:
    course = Course(small_plant(), RunToFailure())
    OnCondition().inspected(course, VISIT, Sight(None))
    assert course.jobs_of(0) == []
