"""When a machine's alarms open, reopen and clear an alert.

Rule: pure, standard library only. The alerts of a machine are a function of the *set* of its alarm edges:
repeating, reordering or delaying edges cannot change the outcome, because the function sorts them by event
time and looks at nothing else. What an alarm is about (the machine, its slow drift, one of its sensors) is
its subject; each subject has at most one alert that is not cleared, whatever the others do.

An alarm is an episode from its RAISED to its CLEARED edge (same `alarm_id`). A device has one alarm of a
subject at a time, so a newer one supersedes an older one whose CLEARED never came. Episodes of a subject that
follow one another within the reopen window are one alert.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple

from contract.messages import AlarmTransition

REOPEN_WINDOW = timedelta(minutes=10)
"""Event time after a CLEARED in which the next alarm still belongs to the same alert."""


class AlertStatus(StrEnum):
    """Where an alert stands."""

    OPEN = "open"
    CLEARED = "cleared"


class AlertKind(StrEnum):
    """What an alert is about; listed from most to least urgent."""

    ANOMALY = "anomaly"
    """The machine behaves unlike itself."""
    SENSOR_FAULT = "sensor_fault"
    """A sensor cannot be believed; that says nothing of the machine."""
    DRIFT = "drift"
    """The machine changes slowly; not a fault yet."""


class Subject(NamedTuple):
    """What an alarm is about."""

    kind: AlertKind = AlertKind.ANOMALY
    sensor: str = ""
    """Of a sensor fault; empty otherwise."""


MACHINE = Subject()
"""The machine itself: what every alarm was about before there were kinds."""


@dataclass(frozen=True, slots=True)
class AlarmEdge:
    """One edge of a device's alarm, without its evidence."""

    alarm_id: int
    transition: AlarmTransition
    event_time: datetime
    score: float
    since: datetime
    """First anomalous window, event time."""
    subject: Subject = MACHINE


@dataclass(frozen=True, slots=True)
class Episode:
    """One alarm of a device, from its RAISED to its CLEARED edge."""

    alarm_id: int
    raised_at: datetime
    since: datetime
    score: float
    cleared_at: datetime | None


@dataclass(frozen=True, slots=True)
class AlertState:
    """What the rules know about one alert."""

    alarm_ids: tuple[int, ...]
    """Its episodes, in the order in which they were raised."""
    opened_at: datetime
    last_seen_at: datetime
    cleared_at: datetime | None
    since: datetime
    score: float
    """Highest of its RAISED edges."""
    evidence_alarm_id: int
    """The episode with that score; the newest among equals."""
    subject: Subject = MACHINE


def fold_alerts(
    edges: Iterable[AlarmEdge], reopen_window: timedelta = REOPEN_WINDOW
) -> tuple[AlertState, ...]:
    """The alerts of one device, oldest first.

    Args:
        edges: All alarm edges of the device, in any order, repeated or not.
        reopen_window: Event time after a CLEARED in which the next alarm belongs to the same alert.

    Returns:
        Of each subject at most the last one is not cleared.
    """
    by_subject: dict[Subject, list[AlarmEdge]] = {}
    for edge in edges:
        by_subject.setdefault(edge.subject, []).append(edge)
    found = [alert for s, own in by_subject.items() for alert in _fold_subject(s, own, reopen_window)]
    return tuple(sorted(found, key=lambda a: (a.opened_at, a.subject)))


def _fold_subject(
    subject: Subject, edges: Iterable[AlarmEdge], reopen_window: timedelta
) -> Iterator[AlertState]:
    groups: list[list[Episode]] = []
    for episode in _find_episodes(edges):
        cleared_at = _end_of(groups[-1]) if groups else None
        if groups and (cleared_at is None or episode.raised_at <= cleared_at + reopen_window):
            groups[-1].append(episode)
        else:
            groups.append([episode])
    return (_build_alert(subject, group) for group in groups)


def alert_status(cleared_at: datetime | None) -> AlertStatus:
    """Open until the machine is itself again; what people do about it is in its case."""
    return AlertStatus.OPEN if cleared_at is None else AlertStatus.CLEARED


def _find_episodes(edges: Iterable[AlarmEdge]) -> list[Episode]:
    """Pair the edges; a CLEARED whose RAISED has not arrived is not an episode yet.

    Were an alarm raised or cleared twice, its earliest edge of each sort counts.
    """
    raised: dict[int, AlarmEdge] = {}
    cleared: dict[int, AlarmEdge] = {}
    for edge in edges:
        side = raised if edge.transition is AlarmTransition.RAISED else cleared
        known = side.get(edge.alarm_id)
        if known is None or _rank(edge) < _rank(known):
            side[edge.alarm_id] = edge
    episodes = []
    for alarm_id, edge in raised.items():
        end = cleared.get(alarm_id)
        cleared_at = None if end is None else max(end.event_time, edge.event_time)
        episodes.append(Episode(alarm_id, edge.event_time, edge.since, edge.score, cleared_at))
    return sorted(episodes, key=lambda e: (e.raised_at, e.alarm_id))


def _rank(edge: AlarmEdge) -> tuple[datetime, float, datetime]:
    return edge.event_time, -edge.score, edge.since


def _end_of(episodes: Sequence[Episode]) -> datetime | None:
    """When the last of them was over; None while the newest is not."""
    if episodes[-1].cleared_at is None:
        return None
    return max(e.cleared_at for e in episodes if e.cleared_at is not None)


def _build_alert(subject: Subject, episodes: Sequence[Episode]) -> AlertState:
    strongest = max(episodes, key=lambda e: (e.score, e.raised_at, e.alarm_id))
    ends = [e.cleared_at for e in episodes if e.cleared_at is not None]
    return AlertState(
        alarm_ids=tuple(e.alarm_id for e in episodes),
        opened_at=episodes[0].raised_at,
        last_seen_at=max([episodes[-1].raised_at, *ends]),
        cleared_at=_end_of(episodes),
        since=min(e.since for e in episodes),
        score=strongest.score,
        evidence_alarm_id=strongest.alarm_id,
        subject=subject,
    )
