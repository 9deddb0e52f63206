"""A year's course: what fails is repaired, what is booked is done, and the ledger says so."""

from __future__ import annotations

import math

import pytest

from simulators.degradation import FailureMode
from simulators.technician import Sight
from simulators.year.by_calendar import RunToFailure
from simulators.year.course import Course, Job, Why
from simulators.year.ledger import Cost
from tests.simulators.year.small_plant import small_plant


class Script(RunToFailure):
    """Asks for one thing in the beginning, and notes what comes of it."""

    def __init__(self, ask: str) -> None:
        self.ask = ask
        self.seen: list[object] = []

    def look(self, course: Course, step: int) -> None:
        if step != 0:
            return
        if self.ask == "stop":
            self.seen.append(course.replace_in_stop(0, 0, Why.AGE, math.inf))
        elif self.ask == "soon":
            course.replace_soon(0, 0, is_urgent=False, order=7)
        elif self.ask == "inspect":
            course.inspect(0, is_urgent=True, order=7)
        elif self.ask == "sensor":
            course.check_sensor(0, "", order=7)

    def inspected(self, course: Course, job: Job, sight: Sight) -> None:
        self.seen.append((job.order, sight.place))

    def mended(self, course: Course, job: Job, mode: FailureMode) -> None:
        self.seen.append((job.why, job.place, course.age_h(job.machine, job.place)))

    def instrument_checked(self, course: Course, job: Job, was_faulty: bool) -> None:
        self.seen.append((job.order, was_faulty))


def test_every_failure_is_repaired_and_paid() -> None:
    plant = small_plant(machines=4, days=365)
    ledger = Course(plant, RunToFailure()).run(RunToFailure())
    assert ledger.failures > 10 and ledger.replaced == 0
    assert ledger.life_used_pct == pytest.approx(100.0)
    per_h = plant.circumstances.downtime_per_h
    assert ledger.costs[Cost.UNPLANNED] == pytest.approx(ledger.unplanned_h * per_h)
    assert ledger.unplanned_h >= 0.9 * ledger.failures * (2.0 + 3.0), "call-out and the shortest repair"
    assert ledger.costs[Cost.PLANNED] == 0 == ledger.orders


def test_the_same_again_is_the_same() -> None:
    first, second = (Course(small_plant(days=120), RunToFailure()).run(RunToFailure()) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(("ask", "is_planned"), [("stop", False), ("soon", True)])
def test_work_in_a_stop_of_the_line_costs_no_downtime(ask: str, is_planned: bool) -> None:
    script = Script(ask)
    ledger = Course(small_plant(machines=1, days=60, haste=1.0), RunToFailure()).run(script)
    done = [seen for seen in script.seen if isinstance(seen, tuple) and seen[0] in (Why.AGE, Why.FOUND)]
    assert done == [(Why.AGE if ask == "stop" else Why.FOUND, 0, 0.0)]
    assert (ledger.planned_h > 0) is is_planned


def test_who_looks_finds_what_is_there_and_the_machine_runs_on() -> None:
    script = Script("inspect")
    ledger = Course(small_plant(seed=2), RunToFailure()).run(script)
    assert ledger.orders == 1
    assert ledger.false_orders + ledger.missed == script.seen.count((7, None))
    assert ledger.planned_h == 0


def test_a_sensor_that_is_well_is_a_false_order() -> None:
    script = Script("sensor")
    ledger = Course(small_plant(seed=2), RunToFailure()).run(script)
    assert (7, False) in script.seen and ledger.false_orders == 1


def test_years_before_are_not_counted() -> None:
    counted = Course(small_plant(days=30, burn_in_days=400), RunToFailure()).run(RunToFailure())
    assert counted.failures < 15
