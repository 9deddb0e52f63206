"""Alerts as people read them.

Rule: an alert is shown with the evidence of its strongest alarm, and with the case in which people say what
they do about it.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, cast

from sqlmodel import Session, col, func, select

from cloud.alerts import AlertKind, AlertStatus, Subject
from cloud.errors import NotFoundError
from cloud.store.case_tables import CaseAlertRow
from cloud.store.explanations import unpack_explanation
from cloud.store.profiles import stored_profile
from cloud.store.rows import AlertRow
from cloud.store.scope import is_seen
from cloud.store.statements import is_one_of
from cloud.store.tables import AlarmEdgeRow, Alert, Machine, table_of
from cloud.titles import Reasons, title_words
from cloud.words import flag_names
from contract.messages import Contribution, Spectrum


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
    return [_alert_row(*found) for found in session.exec(query)]


def alerts_of_case(session: Session, case_id: int, limit: int) -> list[AlertRow]:
    """The alerts that a case is about: those that stand first, then the newest."""
    held = select(CaseAlertRow.alert_id).where(CaseAlertRow.case_id == case_id)
    is_over = col(Alert.cleared_at).is_not(None)
    query = _joined().where(col(Alert.id).in_(held)).order_by(is_over, col(Alert.id).desc()).limit(limit)
    return [_alert_row(*found) for found in session.exec(query)]


def read_alerts(session: Session, alert_ids: Collection[int]) -> list[AlertRow]:
    """These alerts, in no order; those that are gone are left out."""
    query = _joined().where(is_one_of(session, table_of(Alert).c.id, alert_ids))
    return [_alert_row(*found) for found in session.exec(query)]


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


def _joined() -> Any:
    """Alerts with evidence, profile and newest case; the type is too long to write."""
    of_alert = col(CaseAlertRow.alert_id) == col(Alert.id)
    case_id = select(func.max(CaseAlertRow.case_id)).where(of_alert).scalar_subquery()
    return (
        select(Alert, AlarmEdgeRow, Machine.profile, case_id)
        .join(AlarmEdgeRow, col(Alert.evidence_id) == col(AlarmEdgeRow.id))
        .join(Machine, col(Alert.device_id) == col(Machine.device_id))
    )


def _alert_row(alert: Alert, edge: AlarmEdgeRow, profile_text: str, case_id: int | None) -> AlertRow:
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
        case_id=case_id,
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
