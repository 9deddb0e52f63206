"""Findings as rows: what was believed of each case, and until when.

Rule: a finding is never changed. One that is taken back stays with the time at which that happened, so that
what was known at a moment can be read at any later one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from datetime import datetime

from pydantic import TypeAdapter
from sqlalchemy import or_, select, update
from sqlmodel import Session

from cloud.cases import Case, CaseState
from cloud.findings import Finding
from cloud.labels import FoundCase
from cloud.store.case_tables import CaseAlertRow, CaseFindingRow, CaseRow
from cloud.store.scope import is_seen
from cloud.store.statements import is_one_of
from cloud.store.tables import Alert, table_of
from contract.labels import Verdict

_FINDING, _CASE, _HELD, _ALERT = (table_of(each) for each in (CaseFindingRow, CaseRow, CaseAlertRow, Alert))
_FINDINGS = TypeAdapter(Finding)
_RECORD = 200
"""Cases that are enough to say how often a symptom was right."""


def read_findings(session: Session, case_ids: Collection[int]) -> dict[int, Finding]:
    """What stands of these cases, by case."""
    stands = _FINDING.c.taken_back_at.is_(None)
    query = select(_FINDING.c.case_id, _FINDING.c.finding).where(
        stands, is_one_of(session, _FINDING.c.case_id, case_ids)
    )
    found = session.connection().execute(query)
    return {row.case_id: _FINDINGS.validate_python(row.finding) for row in found}


def replace_finding(session: Session, before: Case, after: Case, now: datetime) -> None:
    """Store what was found, and that what was found before is taken back."""
    if after.finding == before.finding:
        return
    if before.finding is not None:
        stands = (_FINDING.c.case_id == before.id) & _FINDING.c.taken_back_at.is_(None)
        session.connection().execute(update(_FINDING).where(stands).values(taken_back_at=now))
    if after.finding is not None:
        note_finding(session, before.id, after.finding, now)


def note_finding(session: Session, case_id: int, finding: Finding, now: datetime) -> None:
    """Store what was found of a case of which nothing stands."""
    said = _FINDINGS.dump_python(finding, mode="json")
    values = {"case_id": case_id, "noted_at": now, "taken_back_at": None, "finding": said}
    session.connection().execute(_FINDING.insert(), values)


def read_found_cases(session: Session, devices: Collection[str], cut: datetime) -> list[FoundCase]:
    """The cases of machines that were closed at a moment, with what was believed of them then.

    Args:
        session: For reading.
        devices: Of which machines.
        cut: The moment, aware UTC.
    """
    columns = _CASE.c.id, _CASE.c.device_id, _CASE.c.symptom, _CASE.c.opened_at
    stood = or_(_FINDING.c.taken_back_at.is_(None), _FINDING.c.taken_back_at > cut)
    query = (
        select(*columns, _FINDING.c.noted_at, _FINDING.c.finding)
        .join(_CASE, _CASE.c.id == _FINDING.c.case_id)
        .where(_FINDING.c.noted_at <= cut, stood, is_one_of(session, _CASE.c.device_id, devices))
        .order_by(_CASE.c.id)
    )
    rows = session.connection().execute(query).all()
    peaks = _peak_scores(session, [row.id for row in rows])
    return [
        FoundCase(
            device_id=row.device_id,
            symptom=row.symptom,
            opened_at=row.opened_at,
            noted_at=row.noted_at,
            peak_score=peaks.get(row.id),
            finding=_FINDINGS.validate_python(row.finding),
        )
        for row in rows
    ]


def similar_cases(session: Session, case: Case, limit: int) -> list[int]:
    """Closed cases that looked like this one and in which somebody has looked: this machine's own first."""
    is_closed = (_CASE.c.state == str(CaseState.CLOSED)) & (_CASE.c.id != case.id)
    is_own = (_CASE.c.device_id == case.device_id).desc()
    query = (
        select(_CASE.c.id)
        .join(_FINDING, _FINDING.c.case_id == _CASE.c.id)
        .where(is_closed, _CASE.c.symptom == case.symptom, _FINDING.c.taken_back_at.is_(None))
        .where(is_seen(session, _CASE.c.device_id))
        .order_by(is_own, _CASE.c.id.desc())
        .limit(limit)
    )
    return [row.id for row in session.connection().execute(query)]


def count_verdicts(session: Session, case: Case) -> Counter[Verdict]:
    """What other cases turned out to be that looked like this one, on any machine that the reader sees."""
    query = (
        select(_FINDING.c.finding)
        .join(_CASE, _CASE.c.id == _FINDING.c.case_id)
        .where(_CASE.c.symptom == case.symptom, _CASE.c.id != case.id, _FINDING.c.taken_back_at.is_(None))
        .where(is_seen(session, _CASE.c.device_id))
        .order_by(_FINDING.c.id.desc())
        .limit(_RECORD)
    )
    found = session.connection().execute(query).scalars()
    return Counter(Verdict(finding["verdict"]) for finding in found)


def _peak_scores(session: Session, case_ids: Collection[int]) -> dict[int, float]:
    """Highest score of each case's alerts."""
    query = (
        select(_HELD.c.case_id, _ALERT.c.score)
        .join(_ALERT, _ALERT.c.id == _HELD.c.alert_id)
        .where(is_one_of(session, _HELD.c.case_id, case_ids))
    )
    peaks: dict[int, float] = {}
    for row in session.connection().execute(query):
        peaks[row.case_id] = max(row.score, peaks.get(row.case_id, 0.0))
    return peaks
