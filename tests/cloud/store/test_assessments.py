"""Cases are judged by everything that is known of their machines."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from cloud.assets import Asset, Place
from cloud.outcomes import MadeForecast
from cloud.store.assessments import assess_cases, least_left
from cloud.store.assets import save_assets
from cloud.store.cases import list_cases
from cloud.store.database import Database
from cloud.store.forecasts import store_forecasts
from cloud.store.writer import StoreWriter
from cloud.triage import Criticality, Severity, Urgency
from contract.forecast import Forecast
from tests.cloud.samples import INGEST, alarm, arrive

MADE = MadeForecast("press-2", "bearing", INGEST, "1", "press", "h", Forecast(30, 12, 30, 60, 100))


def test_each_case_by_its_own_machine(writer: StoreWriter, database: Database) -> None:
    devices = ("press-1", "press-2", "press-3")
    writer.write(arrive(*(alarm(1, 7, device=device, explained=True) for device in devices)))
    writer.write(arrive(alarm(2, 7, "cleared", "press-3")))
    with database.transaction() as session:
        save_assets(
            session,
            [Asset("P-2", Place("north"), criticality=Criticality.HIGH, device_id="press-2")],
        )
        later = replace(MADE, component="seal", forecast=Forecast(80, 50, 80, 90, 100))
        older = replace(MADE, made_at=INGEST - timedelta(hours=1), forecast=Forecast(2, 1, 2, 3, 100))
        store_forecasts(session, [MADE, later, older], INGEST)
    with database.session() as session:
        cases = [each.case for each in list_cases(session)]
        found = assess_cases(session, cases, INGEST)
    by_device = {case.device_id: found[case.id] for case in cases}
    assert {device: each.urgency for device, each in by_device.items()} == {
        "press-1": Urgency.PLAN,
        "press-2": Urgency.NOW,
        "press-3": Urgency.WATCH,
    }
    assert by_device["press-1"].severity is Severity.DEGRADED
    assert by_device["press-2"].severity is Severity.CRITICAL, "a bearing, and the plant needs the machine"


def test_the_component_that_ends_first_counts_and_cycles_have_no_calendar() -> None:
    seal = replace(
        MADE, component="seal", made_at=INGEST - timedelta(hours=5), forecast=Forecast(9, 8, 9, 10, 99)
    )
    cycles = replace(MADE, time_unit="cycle", forecast=Forecast(1, 1, 1, 1, 99))
    assert least_left([MADE, seal, cycles], INGEST) == timedelta(hours=3)
    assert least_left([cycles], INGEST) is None
