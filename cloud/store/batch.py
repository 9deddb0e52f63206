"""One transaction of the writer.

Rule: the message table decides what is new; every other table follows its answer, in the same transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import insert
from sqlmodel import Session, SQLModel, col, select

from cloud.clocks import believe
from cloud.store import tables
from cloud.store.alert_rows import refresh_alerts
from cloud.store.explanations import pack_explanation
from cloud.store.machine_state import apply_message, apply_presence, mark_heard
from cloud.store.packing import names_digest, pack_features
from cloud.store.statements import insert_new
from contract.messages import SEQUENCED, Alarm, FeatureAggregate, Message, ScoreSummary

_LOG = logging.getLogger(__name__)
Key = tuple[str, int, int]


@dataclass(frozen=True, slots=True)
class Arrival:
    """A message as it came out of the stream."""

    message: Message
    ingest_time: datetime
    """When the stream took it."""
    is_retained: bool = False
    """Whether the broker gave it from memory."""

    @property
    def key(self) -> Key:
        """Device, boot and sequence."""
        return self.message.device_id, self.message.boot_id, self.message.sequence


@dataclass(frozen=True, slots=True)
class WriteOutcome:
    """What one batch came to."""

    stored: int
    redelivered: int
    presence: int
    """Births and Deaths."""


class WriteBatch:
    """Stores arrivals within a transaction that somebody else commits.

    Args:
        session: In a writing transaction.
        feature_sets: Numbers of the feature sets that are known, by digest.
    """

    def __init__(self, session: Session, feature_sets: Mapping[str, int]) -> None:
        self._session = session
        self.feature_sets = dict(feature_sets)

    def write(self, arrivals: Sequence[Arrival]) -> WriteOutcome:
        """Store them, in the order given."""
        machines = self._load_machines({a.message.device_id for a in arrivals})
        sequenced = [a for a in arrivals if a.message.kind in SEQUENCED]
        message_ids = self._insert_messages(sequenced)
        fresh = _first_of_each(sequenced, message_ids)
        self._insert_bodies(fresh, message_ids, machines)
        self._update_machines(machines, arrivals, set(message_ids))
        redelivered = len(sequenced) - len(fresh)
        return WriteOutcome(len(fresh), redelivered, len(arrivals) - len(sequenced))

    def _load_machines(self, device_ids: set[str]) -> dict[str, tables.Machine]:
        query = select(tables.Machine).where(col(tables.Machine.device_id).in_(device_ids))
        machines = {m.device_id: m for m in self._session.exec(query)}
        for device_id in sorted(device_ids - machines.keys()):
            machines[device_id] = tables.Machine(device_id=device_id)
            self._session.add(machines[device_id])
        self._session.flush()
        return machines

    def _insert_messages(self, arrivals: Sequence[Arrival]) -> dict[Key, int]:
        """Numbers of those whose key was new."""
        if not arrivals:
            return {}
        table = tables.table_of(tables.StoredMessage)
        columns = table.c.id, table.c.device_id, table.c.boot_id, table.c.sequence
        insertion = insert_new(self._session, table).returning(*columns)
        rows = [_message_row(arrival) for arrival in arrivals]
        found = self._session.connection().execute(insertion, rows)
        return {(device_id, boot_id, sequence): number for number, device_id, boot_id, sequence in found}

    def _insert_bodies(
        self, fresh: Sequence[Arrival], message_ids: Mapping[Key, int], machines: Mapping[str, tables.Machine]
    ) -> None:
        summaries = []
        edges = []
        alarmed: dict[str, datetime] = {}
        for arrival in fresh:
            message, number = arrival.message, message_ids[arrival.key]
            if isinstance(message.body, ScoreSummary):
                feature_set_id = self._feature_set_id(message.body.features)
                summaries.append(
                    _summary_row(message, message.body)
                    | {"message_id": number, "feature_set_id": feature_set_id}
                )
            elif isinstance(message.body, Alarm):
                edges.append(
                    _edge_row(message, message.body)
                    | _edge_times(arrival, message.body, machines[message.device_id])
                    | {"message_id": number}
                )
                alarmed[message.device_id] = arrival.ingest_time
        self._insert_rows(tables.Summary, summaries)
        self._insert_rows(tables.AlarmEdgeRow, edges)
        for device_id, ingest_time in alarmed.items():
            refresh_alerts(self._session, device_id, ingest_time)

    def _insert_rows(self, model: type[SQLModel], rows: list[dict[str, Any]]) -> None:
        if rows:
            self._session.connection().execute(insert(tables.table_of(model)), rows)

    def _feature_set_id(self, features: Sequence[FeatureAggregate]) -> int | None:
        if not features:
            return None
        names = [f.name for f in features]
        digest = names_digest(names)
        if digest not in self.feature_sets:
            table = tables.table_of(tables.FeatureSet)
            # Another sink may do the same at this moment: the database decides, and both read its number.
            self._session.connection().execute(
                insert_new(self._session, table), [{"digest": digest, "names": names}]
            )
            query = select(table.c.id).where(table.c.digest == digest)
            self.feature_sets[digest] = self._session.connection().execute(query).scalar_one()
        return self.feature_sets[digest]

    def _update_machines(
        self, machines: Mapping[str, tables.Machine], arrivals: Iterable[Arrival], fresh: set[Key]
    ) -> None:
        unseen = set(fresh)
        for arrival in arrivals:
            machine = machines[arrival.message.device_id]
            if not arrival.is_retained:
                mark_heard(machine, arrival.ingest_time)
            if arrival.message.kind not in SEQUENCED:
                apply_presence(machine, arrival.message, arrival.is_retained)
            elif arrival.key in unseen:
                unseen.remove(arrival.key)
                apply_message(machine, arrival.message, arrival.ingest_time)
            else:
                machine.redelivered += 1


def _first_of_each(arrivals: Iterable[Arrival], message_ids: Mapping[Key, int]) -> list[Arrival]:
    unseen = set(message_ids)
    first = []
    for arrival in arrivals:
        if arrival.key in unseen:
            unseen.remove(arrival.key)
            first.append(arrival)
    return first


def _message_row(arrival: Arrival) -> dict[str, Any]:
    message = arrival.message
    return {
        "device_id": message.device_id,
        "boot_id": message.boot_id,
        "sequence": message.sequence,
        "kind": str(message.kind),
        "event_time": message.event_time,
        "ingest_time": arrival.ingest_time,
    }


def _summary_row(message: Message, summary: ScoreSummary) -> dict[str, Any]:
    return {
        "device_id": message.device_id,
        "event_time": message.event_time,
        "interval_s": summary.interval_s,
        "state": int(summary.state),
        "window_count": summary.window_count,
        "scored_count": summary.scored_count,
        "score_mean": summary.score_mean,
        "score_max": summary.score_max,
        "score_p50": summary.score_p50,
        "score_p90": summary.score_p90,
        "confidence": summary.confidence,
        "regime": summary.regime,
        "model_version": message.model_version,
        "features": pack_features(summary.features) if summary.features else None,
        "quality": [[q.sensor, q.good, q.uncertain, q.bad, int(q.flags)] for q in summary.quality],
    }


def _edge_times(arrival: Arrival, alarm: Alarm, machine: tables.Machine) -> dict[str, datetime]:
    """When an alarm's edge was; alarms are put in order by it, so it must be possible."""
    told = arrival.message.event_time
    when = believe(told, arrival.ingest_time, machine.last_event_time)
    if when != told:
        facts = {"device": machine.device_id, "told": told.isoformat()}
        _LOG.warning("a device's clock cannot be right; its alarm gets the cloud's time", extra=facts)
    return {"event_time": when, "since": when - (told - alarm.since), "ingest_time": arrival.ingest_time}


def _edge_row(message: Message, alarm: Alarm) -> dict[str, Any]:
    return {
        "device_id": message.device_id,
        "alarm_id": alarm.alarm_id,
        "transition": int(alarm.transition),
        "score": alarm.score,
        "threshold": alarm.threshold,
        "regime": alarm.regime,
        "model_version": message.model_version,
        "contributions": [asdict(c) for c in alarm.contributions],
        "error_profile": list(alarm.error_profile),
        "spectrum": asdict(alarm.spectrum) if alarm.spectrum else None,
        "kind": int(alarm.kind),
        "sensor": alarm.sensor,
        "flags": int(alarm.flags),
        "explanation": pack_explanation(alarm),
    }
