"""One transaction of the writer.

Rule: the ledger decides what is new; every table follows its answer, in the same transaction.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from sqlalchemy import select
from sqlmodel import Session

from cloud.clocks import believe
from cloud.store import tables
from cloud.store.alert_rows import refresh_alerts
from cloud.store.cases import refresh_cases
from cloud.store.explanations import pack_explanation
from cloud.store.machine_rows import BootLedger, Key, lock_machines, make_machines, save_machines
from cloud.store.machine_state import MachineFacts, apply_message, apply_presence, mark_heard
from cloud.store.rollup_due import mark_due
from cloud.store.statements import insert_new_rows, insert_rows, is_one_of
from cloud.store.update_reports import store_reports
from contract.messages import SEQUENCED, Alarm, Birth, Message, ScoreSummary
from contract.updates import UpdateReport

_LOG = logging.getLogger(__name__)


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
    wrong_clocks: int = 0
    """Of the stored: whose time cannot be believed."""


class WriteBatch:
    """Stores arrivals within a transaction that somebody else commits.

    Args:
        session: In a writing transaction.
        feature_sets: Numbers of the feature sets that are known, by digest.
        machines: That have a row; of the others it is made.
    """

    def __init__(self, session: Session, feature_sets: Mapping[str, int], machines: Set[str]) -> None:
        self._session = session
        self._known_machines = machines
        self.feature_sets = dict(feature_sets)
        self.fresh: list[Arrival] = []
        """Those that were stored and are no Birth or Death."""

    def write(self, arrivals: Sequence[Arrival]) -> WriteOutcome:
        """Store them, in the order given."""
        device_ids = {a.message.device_id for a in arrivals}
        make_machines(self._session, device_ids - self._known_machines)
        machines = lock_machines(self._session, device_ids)
        sequenced = [a for a in arrivals if a.message.kind in SEQUENCED]
        ledger = BootLedger(self._session, {a.key[:2] for a in sequenced})
        profiles: dict[str, str] = {}
        n_wrong = 0
        for arrival in arrivals:
            machine = machines[arrival.message.device_id]
            if not arrival.is_retained:
                mark_heard(machine, arrival.ingest_time)
            if arrival.message.kind not in SEQUENCED:
                apply_presence(machine, arrival.message, arrival.is_retained)
                if isinstance(arrival.message.body, Birth):
                    profiles[machine.device_id] = arrival.message.body.profile
            elif ledger.take(arrival.key):
                apply_message(machine, arrival.message, arrival.ingest_time)
                self.fresh.append(arrival)
                n_wrong += machine.clock_error_s is not None
            else:
                machine.redelivered += 1
        ledger.save()
        save_machines(self._session, machines.values(), profiles)
        self._insert_summaries()
        self._insert_alarms(machines)
        store_reports(self._session, _reports(self.fresh))
        n_fresh, n_presence = len(self.fresh), len(arrivals) - len(sequenced)
        return WriteOutcome(n_fresh, len(sequenced) - n_fresh, n_presence, n_wrong)

    def _insert_summaries(self) -> None:
        bodies = [(a, a.message.body) for a in self.fresh if isinstance(a.message.body, ScoreSummary)]
        named = [body.features.names for _, body in bodies]
        digests = {names: names_digest(names) for names in set(named) if names}
        self._learn_feature_sets({digest: names for names, digest in digests.items()})
        rows = [
            _summary_row(arrival, body, self.feature_sets.get(digests.get(names, "")))
            for names, (arrival, body) in zip(named, bodies, strict=True)
        ]
        insert_rows(self._session, tables.table_of(tables.Summary), rows)
        mark_due(self._session, {(row["device_id"], row["event_time"]) for row in rows})

    def _insert_alarms(self, machines: Mapping[str, MachineFacts]) -> None:
        alarmed: dict[str, datetime] = {}
        rows = []
        for arrival in self.fresh:
            if isinstance(arrival.message.body, Alarm):
                machine = machines[arrival.message.device_id]
                rows.append(_edge_row(arrival, arrival.message.body, machine.last_event_time))
                alarmed[machine.device_id] = arrival.ingest_time
        insert_rows(self._session, tables.table_of(tables.AlarmEdgeRow), rows)
        for device_id, ingest_time in alarmed.items():
            changed = refresh_alerts(self._session, device_id, ingest_time)
            refresh_cases(self._session, device_id, changed, ingest_time)

    def _learn_feature_sets(self, sets: Mapping[str, tuple[str, ...]]) -> None:
        """Another sink may do the same at this moment: the database decides, and both read its numbers."""
        table = tables.table_of(tables.FeatureSet)
        new = sorted(sets.keys() - self.feature_sets.keys())  # in order, as with machines
        insert_new_rows(self._session, table, [{"digest": digest, "names": sets[digest]} for digest in new])
        query = select(table.c.digest, table.c.id).where(is_one_of(self._session, table.c.digest, new))
        if new:
            self.feature_sets |= {row.digest: row.id for row in self._session.connection().execute(query)}


@lru_cache(maxsize=256)
def names_digest(names: tuple[str, ...]) -> str:
    """A short stand-in for a list of names, of which a fleet has few.

    >>> names_digest(("a", "b")) == names_digest(("ab",))
    False
    """
    return hashlib.sha256("\n".join(names).encode()).hexdigest()


def _reports(fresh: Sequence[Arrival]) -> list[tuple[Message, UpdateReport, datetime]]:
    return [
        (each.message, body, each.ingest_time)
        for each in fresh
        if isinstance(body := each.message.body, UpdateReport)
    ]


def _summary_row(arrival: Arrival, summary: ScoreSummary, feature_set_id: int | None) -> dict[str, Any]:
    message = arrival.message
    return {
        "device_id": message.device_id,
        "event_time": message.event_time,
        "boot_id": message.boot_id,
        "sequence": message.sequence,
        "ingest_time": arrival.ingest_time,
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
        "feature_set_id": feature_set_id,
        "features": summary.features.packed or None,
        "quality": summary.quality,
    }


def _edge_row(arrival: Arrival, alarm: Alarm, last_summary: datetime | None) -> dict[str, Any]:
    """Alarms are put in order by their time, so it must be possible."""
    message = arrival.message
    when = believe(message.event_time, arrival.ingest_time, last_summary)
    if when != message.event_time:
        facts = {"device": message.device_id, "told": message.event_time.isoformat()}
        _LOG.warning("a device's clock cannot be right; its alarm gets the cloud's time", extra=facts)
    return {
        "device_id": message.device_id,
        "boot_id": message.boot_id,
        "sequence": message.sequence,
        "ingest_time": arrival.ingest_time,
        "alarm_id": alarm.alarm_id,
        "transition": int(alarm.transition),
        "event_time": when,
        "since": when - (message.event_time - alarm.since),
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
