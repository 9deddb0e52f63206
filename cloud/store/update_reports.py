"""What devices say of their updates: every report, and which is the newest.

Rule: a report on a later assignment is newer than one on an earlier; on the same one, sequence decides within
a boot. Between boots, what the one says that is connected now is newest, since a clock that nobody has set
begins anew with each start; else time decides. A report that arrives late is kept and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, select
from sqlmodel import Session

from cloud.clocks import believe
from cloud.store.release_tables import NewestReport, UpdateReportRow
from cloud.store.rows import ReportRow
from cloud.store.statements import insert_new_rows, insert_rows, is_one_of, update_rows
from cloud.store.tables import Machine, table_of
from contract.messages import Message
from contract.updates import UpdateReport, UpdateState

_REPORT, _NEWEST, _MACHINE = table_of(UpdateReportRow), table_of(NewestReport), table_of(Machine)


def store_reports(session: Session, reports: Sequence[tuple[Message, UpdateReport, datetime]]) -> None:
    """Store new reports with the time of their arrival; their machines are locked by this transaction."""
    if not reports:
        return
    insert_rows(session, _REPORT, [_values(*each) for each in reports])
    devices = {message.device_id for message, _, _ in reports}
    known = _newest(session, devices)
    clocks = {
        (message.device_id, message.boot_id, message.sequence): _when(message, heard) == message.event_time
        for message, _, heard in reports
    }
    newest, present = dict(known), _present_boots(session, devices)
    boots = {message.boot_id for message, _, _ in reports}
    fresh = select(_REPORT).where(
        is_one_of(session, _REPORT.c.device_id, devices), is_one_of(session, _REPORT.c.boot_id, boots)
    )
    for row in session.connection().execute(fresh.order_by(_REPORT.c.id)):
        has_clock, device = clocks.get((row.device_id, row.boot_id, row.sequence)), row.device_id
        if has_clock is not None and _is_newer(row, newest.get(device), present.get(device), has_clock):
            newest[device] = row
    changed = {d: row for d, row in newest.items() if d not in known or row.id != known[d].id}
    rows = [{"device_id": device, "report_id": row.id} for device, row in sorted(changed.items())]
    insert_new_rows(session, _NEWEST, [row for row in rows if row["device_id"] not in known])
    update_rows(session, _NEWEST, [row for row in rows if row["device_id"] in known])


def newest_reports(session: Session) -> Mapping[str, ReportRow]:
    """The newest report of each device."""
    return {device: _report(row) for device, row in _newest(session, None).items()}


def list_reports(session: Session, device: str, limit: int, before: int | None = None) -> list[ReportRow]:
    """A device's reports, the newest arrival first."""
    query = select(_REPORT).where(_REPORT.c.device_id == device).order_by(_REPORT.c.id.desc()).limit(limit)
    if before is not None:
        query = query.where(_REPORT.c.id < before)
    return [_report(row) for row in session.connection().execute(query)]


def _newest(session: Session, devices: Collection[str] | None) -> dict[str, Row[Any]]:
    query: Select[Any] = select(_REPORT).join(_NEWEST, _NEWEST.c.report_id == _REPORT.c.id)
    if devices is not None:
        query = query.where(is_one_of(session, _NEWEST.c.device_id, devices))
    return {row.device_id: row for row in session.connection().execute(query)}


def _present_boots(session: Session, devices: Collection[str]) -> dict[str, int | None]:
    """Which start of each device told its Birth last."""
    columns = _MACHINE.c
    query = select(columns.device_id, columns.presence_boot_id)
    query = query.where(is_one_of(session, columns.device_id, devices))
    return {row.device_id: row.presence_boot_id for row in session.connection().execute(query)}


def _is_newer(row: Row[Any], known: Row[Any] | None, present_boot: int | None, has_clock: bool) -> bool:
    if known is None:
        return True
    if row.assignment and known.assignment and row.assignment != known.assignment:
        return bool(row.assignment > known.assignment)
    if row.boot_id == known.boot_id:
        return bool(row.sequence > known.sequence)
    if row.boot_id == present_boot:
        return True
    if known.boot_id == present_boot and not has_clock:
        return False
    return bool(row.event_time >= known.event_time)


def _when(message: Message, heard: datetime) -> datetime:
    """When it was said, as far as that can be believed."""
    return believe(message.event_time, heard, newest=heard)


def _values(message: Message, report: UpdateReport, ingest_time: datetime) -> dict[str, Any]:
    names = ("assignment", "rollout", "in_charge", "under_way", "previous", "reason_code", "reason", "since")
    return {
        "device_id": message.device_id,
        "boot_id": message.boot_id,
        "sequence": message.sequence,
        "event_time": _when(message, ingest_time),
        "ingest_time": ingest_time,
        "state": int(report.state),
    } | {name: getattr(report, name) for name in names}


def _report(row: Row[Any]) -> ReportRow:
    return ReportRow(
        id=row.id,
        device_id=row.device_id,
        event_time=row.event_time,
        ingest_time=row.ingest_time,
        assignment=row.assignment,
        rollout=row.rollout,
        state=_state(row.state),
        in_charge=row.in_charge,
        under_way=row.under_way,
        previous=row.previous,
        since=row.since,
        reason_code=row.reason_code,
        reason=row.reason,
    )


def _state(number: int) -> UpdateState | None:
    return UpdateState(number) if number in list(UpdateState) else None
