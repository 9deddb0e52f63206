"""The questions that the API and the page ask.

Rule: reading only; answers are the frozen values of `cloud.store.rows`. Give each
call a session of `Database.session()` (reading) or `Database.transaction()` (acknowledging).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sqlalchemy import func
from sqlmodel import Session, col, select

from cloud.alerts import AlertKind, AlertStatus
from cloud.health import Known, is_online, judge_health
from cloud.store.alert_queries import alerts_of_case, get_alert, list_alerts, read_alerts
from cloud.store.counts import message_counts
from cloud.store.letter_bounds import dropped_by_device
from cloud.store.letters import list_dead_letters
from cloud.store.machine_state import read_state
from cloud.store.profiles import stored_profile
from cloud.store.rows import (
    AlertRow,
    DeadLetterRow,
    DeviceCounts,
    FeaturePoint,
    FeatureTrend,
    IngestHealth,
    MachineRow,
    MessageCounts,
    SensorQuality,
    TrendPoint,
)
from cloud.store.scope import is_seen, no_machine, require_seen
from cloud.store.statements import is_one_of
from cloud.store.tables import Alert, DeadLetter, Machine, WriterState, table_of
from cloud.store.trends import feature_trends, quality_latest, score_trend
from cloud.store.writer import RECENT_S
from contract.checks import EARLIEST

__all__ = [
    "AlertKind",
    "AlertRow",
    "AlertStatus",
    "DeadLetterRow",
    "DeviceCounts",
    "FeaturePoint",
    "FeatureTrend",
    "IngestHealth",
    "MachineRow",
    "MessageCounts",
    "SensorQuality",
    "Session",
    "TrendPoint",
    "alerts_of_case",
    "change_marker",
    "feature_trends",
    "find_machines",
    "get_alert",
    "get_machine",
    "ingest_health",
    "list_alerts",
    "list_dead_letters",
    "list_machines",
    "message_counts",
    "quality_latest",
    "read_alerts",
    "score_trend",
]

SILENT_WRITER_S = 60
"""A writer that wrote so much earlier than the last one, in s, is gone, and its lag with it."""


def list_machines(session: Session, now: datetime | None = None) -> list[MachineRow]:
    """All machines, by device id.

    Args:
        session: For reading.
        now: Cloud time to judge silence by; the current time when None.
    """
    open_alerts = _open_alerts(session)
    now = now or datetime.now(UTC)
    query = select(Machine).where(is_seen(session, col(Machine.device_id)))
    machines = session.exec(query.order_by(Machine.device_id))
    return [_machine_row(m, open_alerts.get(m.device_id, _NONE_OPEN), now) for m in machines]


def find_machines(
    session: Session, devices: Collection[str], now: datetime | None = None
) -> dict[str, MachineRow]:
    """Some machines, by device id; those that were never heard are left out."""
    now = now or datetime.now(UTC)
    wanted = is_one_of(session, table_of(Machine).c.device_id, devices)
    open_alerts = _open_alerts(session, devices)
    machines = session.exec(select(Machine).where(wanted))
    return {m.device_id: _machine_row(m, open_alerts.get(m.device_id, _NONE_OPEN), now) for m in machines}


def get_machine(session: Session, device_id: str, now: datetime | None = None) -> MachineRow:
    """One machine.

    Raises:
        NotFoundError: nothing was ever heard of it, or whoever asks does not see it.
    """
    machine = session.get(Machine, device_id)
    if machine is None:
        raise no_machine(device_id)
    require_seen(session, device_id)
    found = _open_alerts(session, [device_id]).get(device_id, _NONE_OPEN)
    return _machine_row(machine, found, now or datetime.now(UTC))


def ingest_health(session: Session, now: datetime | None = None) -> IngestHealth:
    """How the road from the broker to the store is doing, from counters kept by the writer."""
    writers = session.exec(select(WriterState)).all()
    stored, newest = session.exec(
        select(func.coalesce(func.sum(Machine.messages_stored), 0), func.max(Machine.last_ingest_time))
    ).one()
    unresolved = select(func.count()).select_from(DeadLetter).where(col(DeadLetter.resolved_at).is_(None))
    since_s = (now or datetime.now(UTC)).timestamp() - RECENT_S
    last = max((writer.written_at for writer in writers), default=EARLIEST)
    living = [w for w in writers if (last - w.written_at).total_seconds() <= SILENT_WRITER_S]
    return IngestHealth(
        messages_stored=stored,
        redelivered=sum(writer.redelivered for writer in writers),
        dead_letters=session.exec(unresolved).one(),
        dropped_letters=sum(dropped_by_device(session).values()),
        messages_per_s=sum(n for w in writers for second, n in w.recent if second >= since_s) / RECENT_S,
        stream_lag=sum(writer.stream_lag for writer in living),
        last_ingest_time=newest,
    )


def change_marker(session: Session) -> int:
    """A number that rises with every committed change; cheap enough to ask several times a second."""
    return session.exec(select(func.coalesce(func.sum(WriterState.change_marker), 0))).one()


@dataclass(slots=True)
class _OpenAlerts:
    """What is not cleared of one machine."""

    machine_id: int | None = None
    sensors: list[str] = field(default_factory=list)
    is_drifting: bool = False


_NONE_OPEN = _OpenAlerts()


def _open_alerts(session: Session, devices: Collection[str] | None = None) -> dict[str, _OpenAlerts]:
    query = select(Alert.device_id, Alert.id, Alert.kind, Alert.sensor).order_by(Alert.sensor)
    query = query.where(Alert.status != AlertStatus.CLEARED.value)
    if devices is not None:
        query = query.where(is_one_of(session, table_of(Alert).c.device_id, devices))
    found: dict[str, _OpenAlerts] = {}
    for device, number, kind, sensor in session.exec(query):
        known = found.setdefault(device, _OpenAlerts())
        if kind == AlertKind.SENSOR_FAULT.value:
            known.sensors.append(sensor)
        elif kind == AlertKind.DRIFT.value:
            known.is_drifting = True
        else:
            known.machine_id = number
    return found


def _machine_row(machine: Machine, alerts: _OpenAlerts, now: datetime) -> MachineRow:
    state = read_state(machine.state)
    known = Known(
        state=state,
        is_connected=machine.is_connected,
        last_ingest_time=machine.last_ingest_time,
        summary_interval_s=machine.summary_interval_s,
        score_max=machine.score_max,
        has_open_alert=alerts.machine_id is not None,
    )
    return MachineRow(
        device_id=machine.device_id,
        profile=stored_profile(machine.profile),
        state=state,
        health=judge_health(known, now),
        is_online=is_online(known, now),
        last_event_time=machine.last_event_time,
        last_ingest_time=machine.last_ingest_time,
        score=machine.score_mean,
        score_max=machine.score_max,
        regime=machine.regime,
        confidence=machine.confidence,
        open_alert_id=alerts.machine_id,
        model_version=machine.model_version,
        agent_version=machine.agent_version,
        messages_stored=machine.messages_stored,
        summary_interval_s=machine.summary_interval_s,
        outbox_messages=machine.outbox_messages,
        window_cost_us=machine.window_cost_us,
        accelerator=machine.accelerator,
        accelerator_reason=machine.accelerator_reason,
        clock_error_s=machine.clock_error_s,
        faulty_sensors=tuple(alerts.sensors),
        is_drifting=alerts.is_drifting,
    )
