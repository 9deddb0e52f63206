"""What a device says, and how it gets to the cloud.

Rule: what was put into the outbox outlives everything, and is sent until the cloud's acknowledgement comes
back; what came without its acknowledgement comes again.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

from contract.codec import encode
from contract.messages import Alarm, AlarmTransition, Birth, Body, DeviceStatus, Message
from edge_agent.reports import agent_version, alarm_id, to_datetime
from simulators.ota.cast import DAY_S, HOUR_S, Part
from simulators.ota.surroundings import OwnClock, Surroundings

CONTACT_S = 2 * HOUR_S
"""Between two messages of a device that has nothing to tell."""
_SEND_S, _AGAIN_S = 60.0, 600.0
"""Until a message is sent, and until it is sent again."""
_BACKLOG_S = 1800.0
"""What is older comes after what is about now, as does what an earlier start left (`edge_agent.schedule`)."""
_ALARM_S = 1200.0
_MOST_BOOTS = 1000


@dataclass(frozen=True, slots=True)
class _Said:
    """A message on its way."""

    data: bytes
    boot: int
    time_s: float
    """When it was said."""
    is_known: bool = False
    """Whether the cloud has it already without our knowing."""


class Radio:
    """One device's way to say something.

    Args:
        part: Its fate.
        world: Around it.
        clock: Of the device.
        draw: What is lost.
    """

    def __init__(self, part: Part, world: Surroundings, clock: OwnClock, draw: Random) -> None:
        self._part = part
        self._world = world
        self._clock = clock
        self._draw = draw
        self.is_on = False
        self.boot = self._sequence = 0
        self.version: Callable[[], str] = lambda: ""
        """Of the model in charge."""
        self.alarms_per_day: Callable[[], float] = lambda: 0.0
        """Of the machine, by the model in charge."""
        self._outbox: list[_Said] = []
        self._is_sending = self._is_announced = False

    def start(self) -> None:
        """The device was switched on."""
        self.boot += 1
        self._sequence = 0
        self.is_on, self._is_announced = True, False

    def put(self, body: Body, after_s: float = 0.0) -> None:
        """Say something, once a piece of work is done that takes so long."""
        self._sequence += 1
        self._outbox.append(_Said(encode(self._message(body, self._sequence)), self.boot, self._world.now_s))
        if not self._is_sending:
            self._is_sending = True
            self._world.at(self._world.now_s + after_s + _SEND_S, self._send)

    def keep_contact(self) -> None:
        """Tell how it does, now and then; and that the machine alarms, where its model says so."""
        if self._part.is_gone(self._world.now_s):
            return
        if self.is_on:
            self.put(DeviceStatus(agent_version(), self._world.now_s, 0, 0, len(self._outbox), 0))
            if self._draw.random() < 1.0 - math.exp(-self.alarms_per_day() * CONTACT_S / DAY_S):
                self._alarm()
        self._world.at(self._world.now_s + CONTACT_S, self.keep_contact)

    def _alarm(self) -> None:
        since = to_datetime(self._clock.epoch_s())
        number = alarm_id(self._part.device, since)
        self.put(Alarm(number, AlarmTransition.RAISED, 0.9, 0.5, since))

        def clear() -> None:
            """Also when the power went meanwhile: an agent remembers that it alarms."""
            if self.is_on:
                self.put(Alarm(number, AlarmTransition.CLEARED, 0.1, 0.5, since))
            elif not self._part.is_gone(self._world.now_s):
                self._world.at(self._world.now_s + _AGAIN_S, clear)

        self._world.at(self._world.now_s + _ALARM_S, clear)

    def _message(self, body: Body, sequence: int) -> Message:
        boot = self._part.seed * _MOST_BOOTS + self.boot
        time = to_datetime(self._clock.epoch_s())
        return Message(self._part.device, boot, sequence, time, body, self.version())

    def _is_backlog(self, said: _Said) -> bool:
        return said.boot != self.boot or said.time_s < self._world.now_s - _BACKLOG_S

    def _send(self) -> None:
        """Send all there is, after who says it; what is about now goes before an old backlog."""
        is_lost = self._draw.random() < self._part.loss
        is_heard = self.is_on and not self._part.is_away(self._world.now_s)
        if is_heard and (not is_lost or self._draw.random() < 0.5):
            if not self._is_announced:
                self._is_announced = not is_lost
                self._world.take_in(encode(self._message(Birth(agent_version(), self._world.profile), 0)))
            for said in sorted(self._outbox, key=self._is_backlog):
                self._world.ledger.sent += not said.is_known
                self._world.take_in(said.data)
            self._outbox = [replace(said, is_known=True) for said in self._outbox] if is_lost else []
        self._is_sending = bool(self._outbox) and not self._part.is_gone(self._world.now_s)
        if self._is_sending:
            self._world.at(self._world.now_s + _AGAIN_S, self._send)
