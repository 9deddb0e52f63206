"""Alerts about sensors and drift stand beside the machine's own and never colour it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.alerts import AlertKind, AlertStatus
from cloud.health import Health
from cloud.migrations.run import downgrade, upgrade
from cloud.settings import sqlite_url
from cloud.store import queries
from cloud.store.database import Database, open_database
from cloud.store.rows import AlertRow
from cloud.store.writer import StoreWriter
from contract.codec import decode
from contract.messages import AlarmKind
from contract.signals import QualityFlag
from tests.cloud.samples import (
    BAND_SHARES,
    HINTS,
    INGEST,
    SENSOR_SHARES,
    alarm,
    arrive,
    sensor_fault,
    status,
    summary,
)
from tests.contract.golden_wire import FOLDER


def alerts(database: Database, kind: AlertKind | None = None) -> list[AlertRow]:
    with database.session() as session:
        return queries.list_alerts(session, kind=kind)


def machine(database: Database) -> queries.MachineRow:
    with database.session() as session:
        return queries.get_machine(session, "press-1", INGEST)


def test_a_sensor_fault_is_named_and_leaves_the_machine_well(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1), sensor_fault(2, 7, "vib_h", QualityFlag.STUCK)))
    (alert,) = alerts(database)

    assert (alert.kind, alert.sensor, alert.flags) == (AlertKind.SENSOR_FAULT, "vib_h", ("stuck",))
    assert alert.title == "Sensor fault: vib h: stuck at one value"
    row = machine(database)
    assert (row.health, row.open_alert_id) == (Health.OK, None)
    assert (row.faulty_sensors, row.is_drifting) == (("vib_h",), False)


def test_drift_is_no_alarm_of_the_machine(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(summary(1), alarm(2, 7, kind=AlarmKind.DRIFT)))
    (alert,) = alerts(database)

    assert (alert.kind, alert.title) == (AlertKind.DRIFT, "Slow drift: vibrates more than usual")
    row = machine(database)
    assert (row.health, row.open_alert_id, row.is_drifting) == (Health.OK, None, True)


def test_kinds_stand_side_by_side_and_clear_one_by_one(writer: StoreWriter, database: Database) -> None:
    faults = [
        sensor_fault(n, 10 + n, sensor, QualityFlag.MISSING) for n, sensor in ((2, "vib_h"), (3, "temp"))
    ]
    writer.write(arrive(summary(1), alarm(4, 7), *faults, alarm(5, 8, kind=AlarmKind.DRIFT)))
    assert len(alerts(database)) == 4
    row = machine(database)
    assert (row.health, row.faulty_sensors, row.is_drifting) == (Health.ALARM, ("temp", "vib_h"), True)
    assert row.open_alert_id == alerts(database, AlertKind.ANOMALY)[0].id

    writer.write(arrive(alarm(6, 7, "cleared"), sensor_fault(7, 12, "vib_h", QualityFlag.NONE, "cleared")))
    row = machine(database)
    assert (row.health, row.open_alert_id, row.faulty_sensors) == (Health.OK, None, ("temp",))
    assert {a.sensor: a.status for a in alerts(database, AlertKind.SENSOR_FAULT)} == {
        "vib_h": AlertStatus.CLEARED,
        "temp": AlertStatus.OPEN,
    }


def test_the_same_number_of_two_kinds_is_two_alarms(writer: StoreWriter, database: Database) -> None:
    """A device gives each its own; one that does not must still not mix them up."""
    writer.write(arrive(alarm(1, 7), sensor_fault(2, 7, "vib_h", QualityFlag.STUCK)))
    writer.write(arrive(alarm(3, 7, "cleared")))
    assert {a.kind: a.status for a in alerts(database)} == {
        AlertKind.ANOMALY: AlertStatus.CLEARED,
        AlertKind.SENSOR_FAULT: AlertStatus.OPEN,
    }


def test_lists_can_be_narrowed_to_a_kind(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7), sensor_fault(2, 8, "vib_h", QualityFlag.STUCK)))
    assert [a.kind for a in alerts(database, AlertKind.SENSOR_FAULT)] == [AlertKind.SENSOR_FAULT]
    assert [a.kind for a in alerts(database, AlertKind.ANOMALY)] == [AlertKind.ANOMALY]
    assert alerts(database, AlertKind.DRIFT) == []


def test_an_explanation_comes_back_as_it_was_sent(writer: StoreWriter, database: Database) -> None:
    writer.write(arrive(alarm(1, 7, explained=True)))
    (alert,) = alerts(database)
    assert (alert.sensor_shares, alert.band_shares, alert.hints) == (SENSOR_SHARES, BAND_SHARES, HINTS)
    assert alert.title == "Looks like bearing damage at the outer race"


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_released_alarms_of_every_version_are_stored(
    writer: StoreWriter, database: Database, version: str
) -> None:
    message = decode((FOLDER / version / "alarm.bin").read_bytes())
    writer.write(arrive(message))
    (alert,) = alerts(database)
    assert (alert.kind, alert.sensor, alert.flags) == (AlertKind.ANOMALY, "", ())
    assert bool(alert.hints) is (version == "v2")


def test_up_from_the_first_release_keeps_alerts_as_alarms_of_the_machine(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    StoreWriter(database).write(arrive(alarm(1, 7), status(2)))
    with database.connection() as connection:
        downgrade(connection, "0001")
        upgrade(connection)
    (alert,) = alerts(database)
    assert (alert.kind, alert.sensor, alert.hints) == (AlertKind.ANOMALY, "", ())
    assert (machine(database).accelerator, machine(database).accelerator_reason) == ("", "")
    database.close()


def test_down_takes_away_what_the_older_release_would_misread(tmp_path: Path) -> None:
    database = open_database(sqlite_url(tmp_path / "store.db"))
    fault, drift = sensor_fault(2, 8, "vib_h", QualityFlag.STUCK), alarm(3, 9, kind=AlarmKind.DRIFT)
    StoreWriter(database).write(arrive(alarm(1, 7), fault, drift, status(4)))
    with database.connection() as connection:
        downgrade(connection, "0001")
        kept = connection.exec_driver_sql("SELECT alarm_ids FROM alert").all()
        edges = connection.exec_driver_sql("SELECT alarm_id FROM alarm_edge").all()
        columns = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(alarm_edge)")}
        of_machine = {row[1] for row in connection.exec_driver_sql("PRAGMA table_info(machine)")}
    assert (kept, edges) == ([("[7]",)], [(7,)])
    assert not columns & {"kind", "sensor", "flags", "explanation"}
    assert "window_cost_us" in of_machine and not of_machine & {"accelerator", "accelerator_reason"}
    database.close()
