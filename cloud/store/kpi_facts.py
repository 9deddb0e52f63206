"""What figures are made of: cases, failures and watched time, as rows tell them.

Rule: reading only; `cloud.kpis` counts. A machine is watched from its first hour of summaries to its newest
one. A failure is as the maintenance log has it, whoever wrote it there.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select
from sqlmodel import Session

from cloud.cases import SENSOR, What
from cloud.kpis import HOUR_S, REPAIRED_WITHIN, WARNS, CaseFacts, Facts, Failure, Period, Watch
from cloud.machine_events import BOUNDARIES, MachineEvent
from cloud.store.asset_tables import AssetRow
from cloud.store.assets import Sites
from cloud.store.case_findings import read_findings
from cloud.store.case_tables import CaseEntryRow, CaseRow
from cloud.store.machine_events import read_logs
from cloud.store.order_tables import OrderEntryRow, WorkOrderRow
from cloud.store.profiles import stored_profile
from cloud.store.tables import Machine, MachineEventRow, Rollup, table_of
from cloud.work_orders import OrderState
from cloud.work_orders import What as OrderStep
from contract.labels import ComponentEnd
from contract.life_log import LogKind

_CASE, _ENTRY, _EVENT = table_of(CaseRow), table_of(CaseEntryRow), table_of(MachineEventRow)
_MACHINE, _ASSET, _ROLLUP = table_of(Machine), table_of(AssetRow), table_of(Rollup)
_ORDER, _STEP = table_of(WorkOrderRow), table_of(OrderEntryRow)
_BY_PEOPLE = (What.ACKNOWLEDGED, What.ASSIGNED, What.SNOOZED, What.COMMENTED, What.CLOSED)
_REPAIRS = (LogKind.REPLACEMENT, LogKind.MAINTENANCE)


@dataclass(frozen=True, slots=True)
class Belongs:
    """Where a machine stands, and what it is."""

    site: str
    """Empty: it is mapped to none."""
    machine_type: str
    """Name of its profile; empty before its first Birth."""


def read_belongings(session: Session, sites: Sites) -> dict[str, Belongs]:
    """Site and type of each machine that may be seen."""
    query = select(_MACHINE.c.device_id, _MACHINE.c.profile, _ASSET.c.site).outerjoin(
        _ASSET, _ASSET.c.device_id == _MACHINE.c.device_id
    )
    found = {}
    for row in session.connection().execute(query):
        site = row.site or ""
        if sites is None or site in sites:
            profile = stored_profile(row.profile)
            found[row.device_id] = Belongs(site, profile.name if profile else "")
    return found


def read_facts(session: Session, period: Period) -> Facts:
    """What has to be known to count the figures of a period, of all machines."""
    return Facts(
        cases=tuple(_cases(session, period)),
        failures=tuple(_failures(session, period)),
        watches=tuple(_watches(session)),
        planned_h=tuple(_planned_h(session, period)),
    )


def _cases(session: Session, period: Period) -> Iterator[CaseFacts]:
    columns = _CASE.c
    is_late = or_(columns.opened_at >= period.start - WARNS, columns.closed_at >= period.start)
    query = select(_CASE).where(columns.merged_into == 0, is_late, columns.opened_at < period.end)
    steps = _first_steps(session, What.OPENED), _first_steps(session, *_BY_PEOPLE)
    rows = session.connection().execute(query).all()
    findings = read_findings(session, [row.id for row in rows])
    for row in rows:
        finding = findings.get(row.id)
        yield CaseFacts(
            device_id=row.device_id,
            opened_at=row.opened_at,
            raised_at=steps[0].get(row.id, row.opened_at),
            seen_at=steps[1].get(row.id),
            closed_at=row.closed_at,
            verdict=finding.verdict if finding else None,
            end=finding.end if finding else None,
            is_about_machine=not row.symptom.startswith(SENSOR),
        )


def _first_steps(session: Session, *whats: What) -> dict[int, datetime]:
    """When the first of these happened to each case."""
    columns = _ENTRY.c
    query = (
        select(columns.case_id, func.min(columns.time).label("time"))
        .where(columns.what.in_([str(what) for what in whats]))
        .group_by(columns.case_id)
    )
    return {row.case_id: row.time for row in session.connection().execute(query)}


def _failures(session: Session, period: Period) -> Iterator[Failure]:
    """Failures of the period, each with the log of its machine around it."""
    columns = _EVENT.c
    failed = select(columns.device_id).where(
        columns.kind == str(LogKind.FAILURE), columns.time >= period.start, columns.time < period.end
    )
    devices = set(session.connection().execute(failed).scalars())
    for log in read_logs(session, devices).values():
        own = [event for event in log if event.kind in (*BOUNDARIES, *_REPAIRS)]
        yield from (
            _failure(event, own)
            for event in own
            if event.kind is LogKind.FAILURE and period.holds(event.time)
        )


def _failure(failed: MachineEvent, log: Sequence[MachineEvent]) -> Failure:
    own = [row for row in log if row.component in ("", failed.component)]
    ends = [row.time for row in own if row.kind in BOUNDARIES and row.time < failed.time]
    later = own[bisect_right(own, failed.time, key=lambda row: row.time) :]
    repairs = [r.time for r in later if r.kind in _REPAIRS and r.time - failed.time <= REPAIRED_WITHIN]
    return Failure(
        device_id=failed.device_id,
        at=failed.time,
        installed_at=max(ends, default=None),
        repaired_at=min(repairs, default=None),
    )


def _watches(session: Session) -> Iterator[Watch]:
    first = (
        select(func.min(_ROLLUP.c.start))
        .where(_ROLLUP.c.device_id == _MACHINE.c.device_id, _ROLLUP.c.width_s == round(HOUR_S))
        .scalar_subquery()
    )
    query = select(_MACHINE.c.device_id, _MACHINE.c.last_event_time, first.label("first"))
    for row in session.connection().execute(query):
        if row.first is not None and row.last_event_time is not None:
            yield Watch(row.device_id, row.first, row.last_event_time)


def _planned_h(session: Session, period: Period) -> Iterator[float]:
    """How long orders took that replaced a component before it failed."""
    steps = (
        select(_STEP.c.order_id, _STEP.c.why, func.min(_STEP.c.time).label("time"))
        .where(_STEP.c.what == str(OrderStep.STATUS))
        .group_by(_STEP.c.order_id, _STEP.c.why)
        .subquery()
    )
    begun, done = steps.alias("begun"), steps.alias("done")
    query = (
        select(begun.c.time.label("begun"), done.c.time.label("done"), _ORDER.c.case_id)
        .join(_ORDER, _ORDER.c.id == begun.c.order_id)
        .join(done, (done.c.order_id == begun.c.order_id) & (done.c.why == str(OrderState.DONE)))
        .where(begun.c.why == str(OrderState.STARTED), done.c.time >= period.start, done.c.time < period.end)
    )
    rows = session.connection().execute(query).all()
    findings = read_findings(session, [row.case_id for row in rows])
    for row in rows:
        if row.case_id in findings and findings[row.case_id].end is ComponentEnd.REPLACED:
            yield (row.done - row.begun).total_seconds() / HOUR_S
