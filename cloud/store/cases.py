"""Cases as rows: what alerts and people make of them, and their audit trail.

Rule: `cloud.cases` decides, this file stores. Whoever changes a case holds its machine's row, as everybody
who writes of a machine does; a person says besides which version of it was read, and another one's change in
between makes that a `StaleError`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, or_, select
from sqlmodel import Session

from cloud.alerts import AlertKind
from cloud.cases import STANDS_ON, AlertFacts, Case, CaseState, Change, Entry, What, take_alerts
from cloud.errors import NotFoundError, StaleError
from cloud.findings import Finding
from cloud.store.case_findings import read_findings, replace_finding
from cloud.store.case_tables import CaseAlertRow, CaseEntryRow, CaseRow
from cloud.store.explanations import unpack_explanation
from cloud.store.machine_rows import lock_machines
from cloud.store.news import mark_change
from cloud.store.scope import is_seen
from cloud.store.statements import insert_rows, is_one_of
from cloud.store.tables import AlarmEdgeRow, Alert, table_of

_CASE, _ALERTS, _ENTRY = table_of(CaseRow), table_of(CaseAlertRow), table_of(CaseEntryRow)
_ALERT, _EDGE = table_of(Alert), table_of(AlarmEdgeRow)


@dataclass(frozen=True, slots=True)
class StoredCase:
    """A case, and which version of it this is."""

    case: Case
    version: int


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry of a case's audit trail."""

    id: int
    entry: Entry


def refresh_cases(session: Session, device_id: str, alert_ids: Collection[int], now: datetime) -> None:
    """Put a machine's alerts into its cases.

    Args:
        session: In a transaction that holds the machine's row.
        device_id: The machine.
        alert_ids: Those that are new or have changed.
        now: Cloud time.
    """
    alerts = _facts(session, alert_ids)
    known = {each.case.id: each for each in _cases_about(session, device_id, alert_ids)}
    changes = take_alerts(device_id, [each.case for each in known.values()], alerts, now)
    for change in sorted(changes, key=lambda each: each.case.is_open):  # closed first: one open of a symptom
        before = known.get(change.case.id)
        case_id = _insert(session, change.case) if before is None else _update(session, before, change.case)
        _add_entries(session, case_id, change.entries)


def look_again(session: Session, now: datetime) -> int:
    """Put alarms that go on long after their case was closed into a case again.

    Args:
        session: In a transaction.
        now: Cloud time.

    Returns:
        How many.
    """
    outlived = _ALERT.c.cleared_at.is_(None) & (_ALERT.c.kind != AlertKind.DRIFT.value)
    query = (
        select(_ALERT.c.device_id, _ALERT.c.id)
        .join(_ALERTS, _ALERTS.c.alert_id == _ALERT.c.id)
        .join(_CASE, _CASE.c.id == _ALERTS.c.case_id)
        .where(outlived)
        .group_by(_ALERT.c.device_id, _ALERT.c.id)
        .having(func.count(_CASE.c.id) == func.count(_CASE.c.closed_at))
        .having(func.max(_CASE.c.closed_at) <= now - STANDS_ON)
    )
    found = [(row.device_id, row.id) for row in session.connection().execute(query)]
    lock_machines(session, {device_id for device_id, _ in found})
    for device_id in sorted({device_id for device_id, _ in found}):
        refresh_cases(session, device_id, [alert for device, alert in found if device == device_id], now)
    if found:
        mark_change(session)
    return len(found)


def read_case(session: Session, case_id: int) -> StoredCase:
    """One case.

    Raises:
        NotFoundError: there is none.
    """
    found = _read(session, select(_CASE).where(_CASE.c.id == case_id, is_seen(session, _CASE.c.device_id)))
    if not found:
        raise NotFoundError(f"there is no case {case_id}")
    return found[0]


def read_cases(session: Session, case_ids: Sequence[int]) -> list[StoredCase]:
    """These cases, in the order in which they are asked for; those that are not there are left out."""
    found = _read(session, select(_CASE).where(is_one_of(session, _CASE.c.id, case_ids)))
    return sorted(found, key=lambda each: case_ids.index(each.case.id))


def list_cases(
    session: Session,
    states: Collection[CaseState] = (),
    device: str | None = None,
    limit: int = 100,
    before: int | None = None,
) -> list[StoredCase]:
    """Cases, the newest first.

    Args:
        session: For reading.
        states: Only in these; in any when empty.
        device: Only of this machine; of all when None.
        limit: At most so many.
        before: Only ids below it, to page on.
    """
    query = select(_CASE).where(is_seen(session, _CASE.c.device_id))
    query = query.order_by(_CASE.c.id.desc()).limit(limit)
    if states:
        query = query.where(_CASE.c.state.in_([str(state) for state in states]))
    if device is not None:
        query = query.where(_CASE.c.device_id == device)
    if before is not None:
        query = query.where(_CASE.c.id < before)
    return _read(session, query)


def count_unseen(session: Session) -> int:
    """Cases that nobody has said that they have seen."""
    is_new = (_CASE.c.state == str(CaseState.NEW)) & is_seen(session, _CASE.c.device_id)
    return int(session.connection().execute(select(func.count()).where(is_new)).scalar_one())


def list_entries(session: Session, case_id: int, limit: int, after: int = 0) -> list[StoredEntry]:
    """A case's audit trail, oldest first."""
    columns = _ENTRY.c
    query = select(_ENTRY).where(columns.case_id == case_id, columns.id > after)
    rows = session.connection().execute(query.order_by(columns.id).limit(limit))
    return [StoredEntry(row.id, Entry(What(row.what), row.who, row.time, row.why)) for row in rows]


def save_case(session: Session, before: StoredCase, change: Change, now: datetime) -> None:
    """Store what a person did to a case.

    Raises:
        StaleError: somebody has changed it since it was read.
    """
    lock_machines(session, [before.case.device_id])
    if change.case != before.case:
        _update(session, before, change.case)
    replace_finding(session, before.case, change.case, now)
    _add_entries(session, before.case.id, change.entries)
    mark_change(session)


def _facts(session: Session, alert_ids: Collection[int]) -> list[AlertFacts]:
    query = (
        select(_ALERT, _EDGE.c.explanation)
        .join(_EDGE, _EDGE.c.id == _ALERT.c.evidence_id)
        .where(is_one_of(session, _ALERT.c.id, alert_ids))
    )
    return [_fact(row) for row in session.connection().execute(query)]


def _fact(row: Row[Any]) -> AlertFacts:
    hints = unpack_explanation(row.explanation).hints
    return AlertFacts(
        id=row.id,
        kind=AlertKind(row.kind),
        opened_at=row.opened_at,
        last_seen_at=row.last_seen_at,
        is_active=row.cleared_at is None,
        score=row.score,
        hint=str(hints[0].code) if hints else "",
        sensor=row.sensor,
    )


def _cases_about(session: Session, device_id: str, alert_ids: Collection[int]) -> list[StoredCase]:
    """The machine's open cases, and those that hold one of these alerts."""
    holding = select(_ALERTS.c.case_id).where(is_one_of(session, _ALERTS.c.alert_id, alert_ids))
    query = select(_CASE).where(_CASE.c.device_id == device_id)
    return _read(session, query.where(or_(_CASE.c.state != str(CaseState.CLOSED), _CASE.c.id.in_(holding))))


def _read(session: Session, query: Select[Any]) -> list[StoredCase]:
    rows = session.connection().execute(query).all()
    alerts: dict[int, set[int]] = {row.id: set() for row in rows}
    held = select(_ALERTS).where(is_one_of(session, _ALERTS.c.case_id, list(alerts)))
    for row in session.connection().execute(held):
        alerts[row.case_id].add(row.alert_id)
    findings = read_findings(session, list(alerts))
    return [
        StoredCase(_case(row, frozenset(alerts[row.id]), findings.get(row.id)), row.version) for row in rows
    ]


def _case(row: Row[Any], alerts: frozenset[int], finding: Finding | None) -> Case:
    return Case(
        device_id=row.device_id,
        symptom=row.symptom,
        opened_at=row.opened_at,
        alerts=alerts,
        state=CaseState(row.state),
        assignee=row.assignee,
        snoozed_until=row.snoozed_until,
        closed_at=row.closed_at,
        finding=finding,
        id=row.id,
        merged_into=row.merged_into,
    )


def _values(case: Case) -> dict[str, Any]:
    return {
        "symptom": case.symptom,
        "state": str(case.state),
        "assignee": case.assignee,
        "opened_at": case.opened_at,
        "snoozed_until": case.snoozed_until,
        "closed_at": case.closed_at,
        "merged_into": case.merged_into,
    }


def _insert(session: Session, case: Case) -> int:
    values = _values(case) | {"device_id": case.device_id, "version": 1}
    made = session.connection().execute(_CASE.insert().returning(_CASE.c.id), values)
    case_id = int(made.scalar_one())
    _add_alerts(session, case_id, case.alerts)
    return case_id


def _update(session: Session, before: StoredCase, case: Case) -> int:
    at = (_CASE.c.id == case.id) & (_CASE.c.version == before.version)
    change = _CASE.update().where(at).values(**_values(case), version=before.version + 1)
    if session.connection().execute(change).rowcount == 0:
        raise StaleError(f"case {case.id} has changed meanwhile; look at it and ask again")
    gone = before.case.alerts - case.alerts
    if gone:
        of_case = _ALERTS.c.case_id == case.id
        session.connection().execute(
            _ALERTS.delete().where(of_case, is_one_of(session, _ALERTS.c.alert_id, gone))
        )
    _add_alerts(session, case.id, case.alerts - before.case.alerts)
    return case.id


def _add_alerts(session: Session, case_id: int, alerts: Collection[int]) -> None:
    insert_rows(session, _ALERTS, [{"case_id": case_id, "alert_id": alert} for alert in sorted(alerts)])


def _add_entries(session: Session, case_id: int, entries: Sequence[Entry]) -> None:
    rows: list[Mapping[str, Any]] = [
        {"case_id": case_id, "time": each.when, "who": each.who, "what": str(each.what), "why": each.why}
        for each in entries
    ]
    insert_rows(session, _ENTRY, rows)
