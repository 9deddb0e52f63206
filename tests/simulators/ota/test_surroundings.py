"""A device's own clock."""

from __future__ import annotations

from datetime import timedelta

from contract.checks import EARLIEST
from simulators.ota.cast import YEAR_S, Clock, Part
from simulators.ota.link import Watch
from simulators.ota.surroundings import OwnClock
from tests.simulators.ota.around import Around


def test_a_believed_clock_is_right_and_goes_on_within_a_piece_of_work() -> None:
    around, watch = Around(), Watch()
    around.agenda.run(100.0)
    clock = OwnClock(Part("pump-1", 1), around, watch)
    watch.passed_s = 20.0
    assert clock.now() == around.start + timedelta(seconds=120)
    assert clock.epoch_s() == (around.start + timedelta(seconds=120)).timestamp()


def test_a_clock_that_is_off_is_not_believed() -> None:
    around = Around()
    clock = OwnClock(Part("pump-1", 1, clock=Clock.OFF, clock_error_s=YEAR_S), around, Watch())
    assert clock.now() is None
    assert clock.epoch_s() - around.start.timestamp() == YEAR_S


def test_a_clock_that_nobody_has_set_begins_anew_with_each_start() -> None:
    around = Around()
    around.agenda.run(1000.0)
    clock = OwnClock(Part("pump-1", 1, clock=Clock.NONE), around, Watch())
    clock.started_s = 900.0
    assert clock.now() is None
    assert clock.epoch_s() == EARLIEST.timestamp() + 100.0
