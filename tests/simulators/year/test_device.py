"""A device of a plant's year speaks as a real one does, on the plant's clock."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

import pytest

from contract.bundle import load_bundle
from contract.messages import Alarm, AlarmTransition, Birth, Message, ScoreSummary
from edge_agent.tflite import ModelRunner
from simulators.degradation import FailureMode
from simulators.machine import Strain
from simulators.year.by_calendar import RunToFailure
from simulators.year.course import Course
from simulators.year.device import YEAR_START, YearDevice, plant_time
from simulators.year.plant import PROFILE
from tests.simulators.year.small_plant import small_plant

HOURS = 4.0


class Worn(Course):
    """A course whose first machine is as worn as it is told."""

    wear = 0.0

    def strain(self, machine: int) -> Strain:
        return Strain(FailureMode.BEARING_OUTER if self.wear else None, self.wear)


@pytest.fixture
def course() -> Worn:
    return Worn(small_plant(), RunToFailure())


@pytest.fixture
def device(course: Worn) -> YearDevice:
    bundle = load_bundle(PROFILE)
    truth = replace(course.plant.machines[0], troubles=(), upsets=())
    return YearDevice(truth, bundle, ModelRunner(bundle.model, accelerator="cpu"), HOURS)


def live(device: YearDevice, course: Worn, windows: int) -> list[Message]:
    said = []
    for _ in range(windows):
        said += device.look(course)
        course.hour += HOURS
    return said


def test_its_messages_are_told_in_hours_of_the_plant(course: Worn, device: YearDevice) -> None:
    course.hour = 0.0
    said = live(device, course, 60)
    assert isinstance(device.birth().body, Birth)
    summaries = [each for each in said if isinstance(each.body, ScoreSummary)]
    steps = {b.event_time - a.event_time for a, b in pairwise(summaries)}
    assert steps == {timedelta(hours=16)}, "four windows"
    assert summaries[-1].event_time <= plant_time(60 * HOURS)
    assert plant_time(0.0) == YEAR_START
    assert [each.sequence for each in said] == list(range(1, len(said) + 1))


def test_wear_raises_an_alarm_and_a_repair_ends_it(course: Worn, device: YearDevice) -> None:
    assert not [m for m in live(device, course, 300) if isinstance(m.body, Alarm)]
    course.wear = 0.9
    raised = [m for m in live(device, course, 40) if isinstance(m.body, Alarm)]
    assert raised[0].body.transition is AlarmTransition.RAISED  # type: ignore[union-attr]
    course.wear = 0.0
    device.learn_anew()
    cleared = [m.body for m in live(device, course, 2) if isinstance(m.body, Alarm)]
    assert [body.transition for body in cleared] == [AlarmTransition.CLEARED]
    assert not [m for m in live(device, course, 200) if isinstance(m.body, Alarm)]
