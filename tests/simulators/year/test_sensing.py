"""Sensors feel what is true, say nothing while a machine stands, and lie until they are mended."""

from __future__ import annotations

import numpy as np

from contract.profiles import load_profile
from simulators.faults import FaultKind
from simulators.year.by_calendar import RunToFailure
from simulators.year.course import Course
from simulators.year.plant import PROFILE, MachineTruth, SensorTrouble
from simulators.year.sensing import SensedMachine
from tests.simulators.year.small_plant import small_plant

PROFILE_ = load_profile(PROFILE)


class Mended(Course):
    """A course whose sensor troubles end at an hour, and which may stand."""

    ends_h, stands = float("inf"), False

    def mended_h(self, machine: int, start_h: float) -> float:
        return self.ends_h

    def is_running(self, machine: int) -> bool:
        return not self.stands


def sensed(course: Mended, hours: int) -> list[float]:
    """Temperatures of a machine whose transmitter is stuck from the first hour on."""
    base = course.plant.machines[0]
    trouble = SensorTrouble(0.0, 1e6, FaultKind.STUCK, "temperature")
    machine = SensedMachine(
        MachineTruth(0, 0, base.duty, base.seed, (), (trouble,)), PROFILE_, hours_per_window=4.0
    )
    found: list[float] = []
    for _ in range(hours // 4):
        found += [r.values.mean() for r in machine.readings(course) if r.sensor == "temperature"]
        course.hour += 4.0
    return found


def test_a_stuck_sensor_is_stuck_until_it_is_mended() -> None:
    course = Mended(small_plant(), RunToFailure())
    assert len(set(sensed(course, 80))) == 1
    mended = Mended(small_plant(), RunToFailure())
    mended.ends_h = mended.hour + 40.0
    assert len(set(np.round(sensed(mended, 80), 6))) > 5


def test_a_machine_that_stands_for_work_says_nothing() -> None:
    course = Mended(small_plant(), RunToFailure())
    course.stands = True
    assert sensed(course, 40) == []
