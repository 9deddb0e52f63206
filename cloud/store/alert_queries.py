"""Alerts as people read and acknowledge them.

Rule: an alert is shown with the evidence of its strongest alarm; acknowledging is the only thing a person can
do to it, and the only write outside the writer.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, cast

from sqlmodel import Session, col, select

from cloud.alerts import AlertKind, AlertStatus, Subject, alert_status
from cloud.errors import AlreadyClearedError, NotFoundError
from cloud.store.explanations import unpack_explanation
from cloud.store.news import mark_change
from cloud.store.profiles import stored_profile
from cloud.store.rows import AlertRow
from cloud.store.scope import is_seen, require_seen
from cloud.store.tables import AlarmEdgeRow, Alert, Machine
from cloud.titles import Reasons, title_words
from cloud.words import flag_names
from contract.messages import Contribution, Spectrum

WHO_CHARACTERS = 80
"""Longest name of a person who acknowledges."""


def list_alerts(
    session: Session,
    status: AlertStatus | None = None,
    device: str | None = None,
    limit: int = 100,
    before: int | None = None,
    kind: AlertKind | None = None,
) -> list[AlertRow]:
    """Alerts, newest first (by id).

    Args:
        session: For reading.
        status: Only these; all when None.
        device: Only of this device; of all when None.
        limit: At most so many.
        before: Only ids below it, to page on.
        kind: Only of this kind; of all when None.
    """
    query = _joined().where(is_seen(session, col(Alert.device_id)))
    query = query.order_by(col(Alert.id).desc()).limit(limit)
    if status is not None:
        query = query.where(Alert.status == status.value)
    if device is not None:
        query = query.where(Alert.device_id == device)
    if kind is not None:
        query = query.where(Alert.kind == kind.value)
    if before is not None:
        query = query.where(col(Alert.id) < before)
    return [_alert_row(alert, edge, profile) for alert, edge, profile in session.exec(query)]


def get_alert(session: Session, alert_id: int) -> AlertRow:
    """One alert.

    Raises:
        NotFoundError: there is none of that id.
    """
    found = session.exec(
        _joined().where(Alert.id == alert_id, is_seen(session, col(Alert.device_id)))
    ).first()
    if found is None:
        raise NotFoundError(f"there is no alert {alert_id}")
    return _alert_row(*found)


def acknowledge_alert(session: Session, alert_id: int, who: str, now: datetime) -> AlertRow:
    """Note that a person has seen it; a second acknowledgement changes nothing.

    Args:
        session: A transaction.
        alert_id: Which.
        who: The person's name; cut at `WHO_CHARACTERS`.
        now: Cloud time.

    Raises:
        NotFoundError: there is none of that id.
        AlreadyClearedError: it is over.
    """
    alert = session.get(Alert, alert_id)
    if alert is None:
        raise NotFoundError(f"there is no alert {alert_id}")
    require_seen(session, alert.device_id)
    if alert.cleared_at is not None:
        raise AlreadyClearedError(
            f"alert {alert_id} was cleared at {alert.cleared_at:%Y-%m-%d %H:%M:%S} UTC; it needs nobody now"
        )
    if alert.acknowledged_at is None:
        alert.acknowledged_at = now
        alert.acknowledged_by = who.strip()[:WHO_CHARACTERS]
        alert.status = alert_status(alert.cleared_at, now)
        session.add(alert)
        session.flush()
        mark_change(session)
    return get_alert(session, alert_id)


def _joined() -> Any:
    """Alerts with evidence and profile; the type is too long to write."""
    return (
        select(Alert, AlarmEdgeRow, Machine.profile)
        .join(AlarmEdgeRow, col(Alert.evidence_id) == col(AlarmEdgeRow.id))
        .join(Machine, col(Alert.device_id) == col(Machine.device_id))
    )


def _alert_row(alert: Alert, edge: AlarmEdgeRow, profile_text: str) -> AlertRow:
    profile = stored_profile(profile_text)
    contributions = tuple(Contribution(**c) for c in edge.contributions)
    explanation = unpack_explanation(edge.explanation)
    subject, reasons = Subject(AlertKind(alert.kind), alert.sensor), flag_names(edge.flags)
    return AlertRow(
        id=cast("int", alert.id),
        device_id=alert.device_id,
        status=AlertStatus(alert.status),
        opened_at=alert.opened_at,
        last_seen_at=alert.last_seen_at,
        acknowledged_at=alert.acknowledged_at,
        acknowledged_by=alert.acknowledged_by,
        cleared_at=alert.cleared_at,
        since=alert.since,
        score=alert.score,
        threshold=edge.threshold,
        title=title_words(subject, Reasons(contributions, explanation.hints, reasons), profile),
        occurrences=len(alert.alarm_ids),
        regime=edge.regime,
        model_version=edge.model_version,
        contributions=contributions,
        error_profile=tuple(edge.error_profile),
        spectrum=_spectrum(edge.spectrum),
        profile=profile,
        opened_ingest_time=alert.opened_ingest_time,
        kind=subject.kind,
        sensor=subject.sensor,
        flags=reasons,
        sensor_shares=explanation.sensor_shares,
        band_shares=explanation.band_shares,
        hints=explanation.hints,
    )


def _spectrum(stored: dict[str, Any] | None) -> Spectrum | None:
    return None if stored is None else Spectrum(**stored | {"amplitude": tuple(stored["amplitude"])})
