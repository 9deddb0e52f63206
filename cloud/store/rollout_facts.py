"""What the cloud knows of devices at one moment, as a rollout's step reads it.

Rule: reading only, all in one view. A device's family is the name of the profile that its own Birth told;
it is read again only when the device has started anew.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Row, select
from sqlmodel import Session

from cloud.alerts import AlertKind, AlertStatus
from cloud.store.profiles import stored_profile
from cloud.store.release_tables import AssignmentRow, DevicePlace
from cloud.store.statements import insert_new_rows, is_one_of, update_rows
from cloud.store.tables import Alert, Machine, table_of
from cloud.store.update_reports import newest_reports
from ota.maintenance import MaintenanceWindow
from ota.member import DeviceFacts, Held, Report

_MACHINE, _ALERT = table_of(Machine), table_of(Alert)
_ASSIGNMENT, _PLACE = table_of(AssignmentRow), table_of(DevicePlace)
_PLACES = TypeAdapter(tuple[MaintenanceWindow, ...])
_FACTS = [
    _MACHINE.c[name]
    for name in (
        "device_id",
        "presence_boot_id",
        "last_ingest_time",
        "model_version",
        "agent_version",
        "accelerator",
    )
]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a device stands, and when it may be updated."""

    labels: Mapping[str, str]
    windows: tuple[MaintenanceWindow, ...]


NOWHERE = Place({}, ())


class FactReader:
    """Reads facts, and keeps which device is of which family."""

    def __init__(self) -> None:
        self._families: dict[str, tuple[int | None, str]] = {}

    def read(self, session: Session, family: str, since: datetime) -> dict[str, DeviceFacts]:
        """What is known of every device of a family.

        Args:
            session: For reading.
            family: The name of its profile.
            since: Alarms and drift are told from then on.
        """
        rows = list(session.connection().execute(select(*_FACTS)))
        self._learn_families(session, rows)
        known = _Known(session, since)
        return {
            row.device_id: known.facts(row, family)
            for row in rows
            if self._families.get(row.device_id, (None, ""))[1] == family
        }

    def _learn_families(self, session: Session, rows: list[Row[Any]]) -> None:
        new = {
            row.device_id: row.presence_boot_id
            for row in rows
            if self._families.get(row.device_id, (-1, ""))[0] != row.presence_boot_id
        }
        if not new:
            return
        query = select(_MACHINE.c.device_id, _MACHINE.c.profile)
        query = query.where(is_one_of(session, _MACHINE.c.device_id, list(new)))
        for device, text in session.connection().execute(query):
            profile = stored_profile(text)
            if profile is not None:
                self._families[device] = (new[device], profile.name)


class _Known:
    """What is kept about devices in tables of its own."""

    def __init__(self, session: Session, since: datetime) -> None:
        connection = session.connection()
        self._reports = newest_reports(session)
        held = select(_ASSIGNMENT.c.device_id, _ASSIGNMENT.c.number, _ASSIGNMENT.c.rank)
        self._held = {device: Held(number, rank) for device, number, rank in connection.execute(held)}
        self._places = {row.device_id: _place(row) for row in connection.execute(select(_PLACE))}
        self._alarming: dict[str, datetime] = {}
        self._events: dict[tuple[str, str], list[datetime]] = defaultdict(list)
        columns = _ALERT.c
        alerts = select(columns.device_id, columns.kind, columns.status, columns.opened_ingest_time).where(
            columns.kind.in_([AlertKind.ANOMALY.value, AlertKind.DRIFT.value]),
            (columns.status != AlertStatus.CLEARED.value) | (columns.opened_ingest_time >= since),
        )
        for device, kind, status, opened in connection.execute(alerts.order_by(columns.id)):
            if kind == AlertKind.ANOMALY and status != AlertStatus.CLEARED.value:
                self._alarming.setdefault(device, opened)
            if opened >= since:
                self._events[device, kind].append(opened)

    def facts(self, row: Row[Any], family: str) -> DeviceFacts:
        """Of one device."""
        device = row.device_id
        report, place = self._reports.get(device), self._places.get(device, NOWHERE)
        attributes = {
            **place.labels,
            "device": device,
            "version": report.in_charge if report else row.model_version,
            "agent_version": row.agent_version,
            "accelerator": row.accelerator,
        }
        return DeviceFacts(
            device=device,
            family=family,
            attributes=attributes,
            heard_at=row.last_ingest_time,
            alarming_since=self._alarming.get(device),
            report=None
            if report is None or report.state is None
            else Report(
                report.assignment,
                report.rollout,
                report.state,
                report.in_charge,
                report.reason_code,
                report.reason,
            ),
            held=self._held.get(device),
            windows=place.windows,
            alarms=tuple(self._events.get((device, AlertKind.ANOMALY.value), ())),
            drifts=tuple(self._events.get((device, AlertKind.DRIFT.value), ())),
        )


def find_place(session: Session, device_id: str) -> Place:
    """What was said of where a device stands; nothing where nothing was."""
    row = session.connection().execute(select(_PLACE).where(_PLACE.c.device_id == device_id)).first()
    return NOWHERE if row is None else _place(row)


def put_place(session: Session, device_id: str, place: Place) -> None:
    """Say where a device stands, in place of what was said before."""
    windows = _PLACES.dump_python(place.windows, mode="json")
    row = {"device_id": device_id, "labels": dict(place.labels), "windows": windows}
    insert_new_rows(session, _PLACE, [row])
    update_rows(session, _PLACE, [row])


def _place(row: Row[Any]) -> Place:
    return Place(dict(row.labels), _PLACES.validate_python(row.windows))
