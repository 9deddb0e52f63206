"""What a device says comes at least once, whatever befalls it."""

from __future__ import annotations

from random import Random

import pytest

from contract.messages import Alarm, AlarmTransition, DeviceStatus, Kind
from simulators.ota.cast import DAY_S, HOUR_S, Part
from simulators.ota.link import Watch
from simulators.ota.radio import CONTACT_S, Radio
from simulators.ota.surroundings import OwnClock
from tests.simulators.ota.around import Around


def make(around: Around, part: Part) -> Radio:
    radio = Radio(part, around, OwnClock(part, around, Watch()), Random(1))
    radio.start()
    around.at(0.0, radio.keep_contact)
    return radio


def status() -> DeviceStatus:
    return DeviceStatus("1", 0.0, 0, 0, 0, 0)


def test_a_birth_comes_before_everything_and_contact_is_kept() -> None:
    around = Around()
    make(around, Part("pump-1", 7))
    around.agenda.run(2 * CONTACT_S + 100.0)
    assert [message.kind for message in around.heard()] == [Kind.BIRTH, *[Kind.STATUS] * 3]
    assert [message.sequence for message in around.heard()] == [0, 1, 2, 3]


@pytest.mark.parametrize("loss", [0.3, 0.8])
def test_what_is_lost_comes_again_and_is_counted_once(loss: float) -> None:
    around = Around()
    make(around, Part("pump-1", 7, loss))
    around.agenda.run(2 * DAY_S)
    around.agenda.run(2 * DAY_S + HOUR_S)
    sent = {(message.boot_id, message.sequence) for message in around.heard() if message.sequence}
    assert len(sent) == around.ledger.sent == 25
    assert len(around.came) > 25 + 1


def test_an_earlier_starts_messages_come_after_the_present_ones() -> None:
    around = Around()
    part = Part("pump-1", 7, away=((0.0, 5000.0),))
    radio = make(around, part)
    around.agenda.run(4000.0)
    radio.start()
    radio.put(status())
    around.agenda.run(6500.0)
    boots = [message.boot_id for message in around.heard() if message.sequence]
    assert len(boots) == 2 and boots[0] > boots[1]


def test_an_alarm_ends_even_if_the_power_went() -> None:
    around = Around()
    radio = make(around, Part("pump-1", 7))
    radio.alarms_per_day = lambda: 1e6
    around.agenda.run(300.0)
    radio.is_on = False
    around.agenda.run(2000.0)
    radio.alarms_per_day = lambda: 0.0
    radio.start()
    around.agenda.run(4000.0)
    edges = [message.body for message in around.heard() if isinstance(message.body, Alarm)]
    assert [edge.transition for edge in edges] == [AlarmTransition.RAISED, AlarmTransition.CLEARED]
    assert len({edge.alarm_id for edge in edges}) == 1


def test_who_is_gone_says_nothing_more() -> None:
    around = Around()
    make(around, Part("pump-1", 7, gone_at_s=DAY_S))
    around.agenda.run(3 * DAY_S)
    assert around.ledger.sent == 12
