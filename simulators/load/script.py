"""What the devices of a load say, and in which order.

Rule: mostly summaries, now and then a status, rarely an alarm that is raised and cleared again; the order is
that of each device's own count, shifted so that they do not all say the same at once.
"""

from __future__ import annotations

from datetime import UTC, datetime

from contract.codec import encode
from contract.features import feature_specs
from contract.messages import (
    Alarm,
    AlarmTransition,
    Birth,
    Body,
    Contribution,
    Death,
    DeviceStatus,
    Kind,
    Message,
)
from contract.profiles import MachineProfile, format_profile
from simulators.load.summaries import AGENT_VERSION, MODEL_VERSION, Head, SummaryMaker, join

STATUS_EVERY = 60
ALARM_EVERY = 1000
ALARM_LASTS = 5
"""Messages between an alarm and its end."""
SHIFT = 7


class Script:
    """The messages of all devices of one profile.

    Args:
        profile: Of the machines.
        seed: Same seed, same numbers.
    """

    def __init__(self, profile: MachineProfile, seed: int) -> None:
        names = [spec.name for spec in feature_specs(profile)]
        self._summaries = SummaryMaker(profile, seed, names)
        self._sensor = profile.sensors[0].name
        self._feature = names[0]
        self._birth = Birth(AGENT_VERSION, format_profile(profile))

    def write(self, head: Head, number: int, sequence: int, time_us: int) -> tuple[Kind, bytes]:
        """The next sequenced message of device `number`."""
        place = sequence + number * SHIFT
        if place % STATUS_EVERY == 0:
            return Kind.STATUS, self._encode(head, sequence, time_us, _status(sequence))
        if place % ALARM_EVERY in (1, 1 + ALARM_LASTS):
            return Kind.ALARM, self._encode(head, sequence, time_us, self._alarm(place, time_us))
        return Kind.SUMMARY, join(head, sequence, time_us, self._summaries.make())

    def birth(self, head: Head, time_us: int) -> bytes:
        """The Birth of a device."""
        return self._encode(head, 0, time_us, self._birth)

    def death(self, head: Head, time_us: int, reason: str) -> bytes:
        """Its Last Will, or its goodbye."""
        return self._encode(head, 0, time_us, Death(reason))

    def _alarm(self, place: int, time_us: int) -> Alarm:
        is_raised = place % ALARM_EVERY == 1
        return Alarm(
            alarm_id=1 + place // ALARM_EVERY,
            transition=AlarmTransition.RAISED if is_raised else AlarmTransition.CLEARED,
            score=0.9 if is_raised else 0.2,
            threshold=0.6,
            since=_time(time_us),
            contributions=(Contribution(self._feature, self._sensor, 0.8, 6.0),),
        )

    @staticmethod
    def _encode(head: Head, sequence: int, time_us: int, body: Body) -> bytes:
        return encode(Message(head.device_id, head.boot_id, sequence, _time(time_us), body, MODEL_VERSION))


def _status(sequence: int) -> DeviceStatus:
    return DeviceStatus(
        AGENT_VERSION, 10.0 * sequence, 8192 * sequence, 2 * sequence, 0, 0, window_cost_us=900.0
    )


def _time(time_us: int) -> datetime:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).replace(microsecond=time_us % 1_000_000)
