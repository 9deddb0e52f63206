"""Keeps the alert table equal to what the rules make of a device's alarm edges.

Rule: `cloud.alerts` decides, this file stores. An alert keeps its number while it shares an alarm with what
it was; when a late edge shows that two were one, the older number stays. A
device may raise an alarm again to say what it looks like by now: that is then its evidence, and no new alarm.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import select as select_columns
from sqlmodel import Session, col, select

from cloud.alerts import AlarmEdge, AlertKind, AlertState, Subject, alert_status, fold_alerts
from cloud.store.explanations import has_hints
from cloud.store.tables import AlarmEdgeRow, Alert, table_of
from contract.messages import AlarmKind, AlarmTransition

_Evidence = dict[tuple[Subject, int], int]
"""The edge that explains each alarm."""


def refresh_alerts(session: Session, device_id: str, ingest_time: datetime) -> set[int]:
    """Fold all alarm edges of a device again and store the outcome.

    All alarms of the machine are read each time; that is what makes the outcome independent of order. Only
    alerts that change are written, so that one with thousands of alarms does not hold up the others.

    Args:
        session: In a transaction that already holds the new edges.
        device_id: Whose.
        ingest_time: Cloud time given to alerts that are new.

    Returns:
        Ids of the alerts that are new or have changed.
    """
    edges, evidence = _read_edges(session, device_id)
    query = select(Alert).where(Alert.device_id == device_id).order_by(col(Alert.id))
    known = _Known(session, list(session.exec(query)))
    changed: list[Alert] = []
    for state in fold_alerts(edges):
        kept = known.take(state)
        values: dict[str, Any] = {
            "status": alert_status(state.cleared_at),
            "alarm_ids": list(state.alarm_ids),
            "opened_at": state.opened_at,
            "last_seen_at": state.last_seen_at,
            "cleared_at": state.cleared_at,
            "since": state.since,
            "score": state.score,
            "evidence_id": evidence[state.subject, state.evidence_alarm_id],
        }
        if kept is None:
            values |= {"kind": state.subject.kind.value, "sensor": state.subject.sensor}
            kept = Alert(device_id=device_id, opened_ingest_time=ingest_time, **values)
            session.add(kept)
            changed.append(kept)
            continue
        news = {name: value for name, value in values.items() if getattr(kept, name) != value}
        for name, value in news.items():
            setattr(kept, name, value)
        if news:
            changed.append(kept)
    known.delete_rest()
    session.flush()
    return {cast("int", alert.id) for alert in changed}


class _Known:
    """The alerts that a device has, found by their alarms."""

    def __init__(self, session: Session, alerts: Sequence[Alert]) -> None:
        self._session = session
        self._left = {cast("int", alert.id): alert for alert in alerts}
        self._by_alarm = {
            (a.kind, a.sensor, alarm): cast("int", a.id) for a in alerts for alarm in a.alarm_ids
        }

    def take(self, state: AlertState) -> Alert | None:
        """Take the oldest alert that shares subject and an alarm with this state.

        Others that share one are merged into it.
        """
        subject = state.subject.kind.value, state.subject.sensor
        shared = {self._by_alarm.get((*subject, alarm), 0) for alarm in state.alarm_ids}
        matching = [self._left.pop(number) for number in sorted(shared & self._left.keys())]
        if not matching:
            return None
        kept, *merged = matching
        for alert in merged:
            self._session.delete(alert)
        return kept

    def delete_rest(self) -> None:
        """Forget those that no state took."""
        for alert in self._left.values():
            self._session.delete(alert)


def _read_edges(session: Session, device_id: str) -> tuple[list[AlarmEdge], _Evidence]:
    """The edges without their evidence, and for each alarm the one that explains it.

    That is the last which raised it with a hint, or the first if none has one.
    """
    row = table_of(AlarmEdgeRow).c
    columns = row.id, row.alarm_id, row.transition, row.event_time, row.score, row.since
    query = (
        select_columns(*columns, row.kind, row.sensor, row.explanation)
        .where(row.device_id == device_id)
        .order_by(row.event_time, row.score.desc())
    )
    edges: list[AlarmEdge] = []
    evidence: _Evidence = {}
    for found in session.connection().execute(query):
        edge_id, alarm_id, transition, event_time, score, since, kind, sensor, explanation = found
        subject = Subject(AlertKind[AlarmKind(kind).name], sensor)
        edge = AlarmEdge(alarm_id, AlarmTransition(transition), event_time, score, since, subject)
        edges.append(edge)
        if edge.transition is AlarmTransition.RAISED:
            evidence.setdefault((subject, alarm_id), edge_id)
            if has_hints(explanation):
                evidence[subject, alarm_id] = edge_id
    return edges, evidence
