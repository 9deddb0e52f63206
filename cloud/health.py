"""How well a machine is, from what is known about it.

Rule: pure, standard library only. Silence is never health: a machine that was not heard of lately, or that
never said how it is, is `offline` or `unknown`, never `ok`. Silence is measured in cloud time, because a
device's clock may run at any speed.

>>> from datetime import UTC, datetime, timedelta
>>> noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
>>> healthy = Known(MachineState.WATCHING, last_ingest_time=noon, summary_interval_s=60.0, score_max=0.1)
>>> str(judge_health(healthy, noon + timedelta(seconds=30)))
'ok'
>>> str(judge_health(healthy, noon + timedelta(seconds=300)))
'offline'
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from contract.messages import MachineState

MISSED_INTERVALS = 3
"""Summaries in a row that may be missing before a machine counts as offline."""
DEFAULT_INTERVAL_S = 60.0
"""Used before a device's first summary, in s; the default of `MachineProfile.summary_interval_s`."""
WATCH_FROM = 0.5
"""Score from which a window counts as anomalous; the default of `AlarmSpec.threshold`."""


class Health(StrEnum):
    """What a maintenance engineer needs to know first; listed from most to least urgent."""

    ALARM = "alarm"
    """An alert is open, or the device says that it alarms."""
    BLIND = "blind"
    """Connected, but too few believable sensors to score."""
    OFFLINE = "offline"
    """Said goodbye, lost its connection, or was silent for `MISSED_INTERVALS` summaries."""
    UNKNOWN = "unknown"
    """Connected, but it never said how its machine is, or a newer cloud stored a state we do not know."""
    UNSTEADY = "unsteady"
    """Runs, but never steadily enough to be learned or judged."""
    WATCH = "watch"
    """An anomalous window, not (yet) enough of them for an alarm."""
    WARMING_UP = "warming_up"
    """Learning the machine's own baseline; anomalies are not seen yet."""
    STANDSTILL = "standstill"
    OK = "ok"


@dataclass(frozen=True, slots=True)
class Known:
    """What is known about a machine."""

    state: MachineState | None = None
    is_connected: bool | None = None
    """By its newest Birth or Death; None: neither was seen."""
    last_ingest_time: datetime | None = None
    summary_interval_s: float | None = None
    score_max: float | None = None
    has_open_alert: bool = False


def is_online(known: Known, now: datetime) -> bool:
    """Whether the device is there: no Death since its Birth, and heard of lately by the cloud's clock."""
    if known.is_connected is False or known.last_ingest_time is None:
        return False
    interval_s = known.summary_interval_s or DEFAULT_INTERVAL_S
    return (now - known.last_ingest_time).total_seconds() <= MISSED_INTERVALS * interval_s


def judge_health(known: Known, now: datetime) -> Health:
    """The one word for a machine.

    An open alert outlives the connection: a machine that alarmed and then went silent is still one to look
    at. Everything else that an absent device once said is history, so `offline` comes before it.
    """
    if known.has_open_alert:
        return Health.ALARM
    if not is_online(known, now):
        return Health.OFFLINE
    if known.state is MachineState.WATCHING:
        is_anomalous = known.score_max is not None and known.score_max >= WATCH_FROM
        return Health.WATCH if is_anomalous else Health.OK
    return {
        None: Health.UNKNOWN,
        MachineState.ALARMING: Health.ALARM,
        MachineState.BLIND: Health.BLIND,
        MachineState.UNSTEADY: Health.UNSTEADY,
        MachineState.WARMING_UP: Health.WARMING_UP,
        MachineState.STANDSTILL: Health.STANDSTILL,
    }[known.state]
