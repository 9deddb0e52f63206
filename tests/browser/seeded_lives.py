"""A hundred days of a few pumps: scores, failures, findings, orders and forecasts."""

from __future__ import annotations

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from sqlmodel import Session

from cloud.cases import What
from cloud.findings import Activity, FailureCause, FailureMode, Finding
from cloud.machine_events import MachineEvent
from cloud.outcomes import MadeForecast
from cloud.store.case_findings import note_finding
from cloud.store.case_tables import CaseEntryRow, CaseRow
from cloud.store.forecasts import store_forecasts
from cloud.store.machine_events import store_events
from cloud.store.order_tables import OrderEntryRow, WorkOrderRow
from cloud.store.tables import Rollup
from cloud.work_orders import OrderState, order_key
from cloud.work_orders import What as Step
from contract.forecast import Forecast
from contract.labels import ComponentEnd, Verdict
from contract.life_log import LogKind
from tests.browser.seeded_fleet import SeededFleet

DAYS = 100
WATCHED = tuple(f"pump-0{n}" for n in range(1, 9))
FAILED = {"pump-01": 60, "pump-02": 41, "pump-03": 33, "pump-04": 22, "pump-05": 12, "pump-07": 30}
"""How many days ago a bearing failed."""
SAVED = {"pump-06": 25, "pump-08": 50}
"""How many days ago one was replaced in time."""
FALSE = {"pump-01": 20, "pump-04": 70}


def fill_lives(fleet: SeededFleet) -> None:
    """Write them."""
    with fleet.database.transaction() as session:
        _fill(session, fleet)


def _fill(session: Session, fleet: SeededFleet) -> None:
    now = fleet.now
    for device in WATCHED:
        session.add_all(_hours(device, fleet))
    events = [MachineEvent(d, "bearing", now - timedelta(days=n), LogKind.FAILURE) for d, n in FAILED.items()]
    events += [
        MachineEvent(d, "bearing", now - timedelta(days=n, hours=-7), LogKind.REPLACEMENT)
        for d, n in FAILED.items()
    ]
    events += [
        MachineEvent(d, "bearing", now - timedelta(days=n), LogKind.REPLACEMENT) for d, n in SAVED.items()
    ]
    events.append(MachineEvent("pump-07", "", now - timedelta(days=80), LogKind.MAINTENANCE, "oil_change"))
    store_events(session, events, now)
    store_forecasts(session, list(_forecasts(fleet)), now)
    for number, (device, days) in enumerate(list(FAILED.items())[1:]):
        _case(session, fleet, device, (days + 6 + number, days), (Verdict.TRUE, ComponentEnd.FAILED))
    for device, days in SAVED.items():
        _case(session, fleet, device, (days + 8, days), (Verdict.TRUE, ComponentEnd.REPLACED))
    for device, days in FALSE.items():
        _case(session, fleet, device, (days + 1, days), (Verdict.FALSE_ALARM, ComponentEnd.RUNS_ON))
    _case(session, fleet, "pump-02", (90, 88), (Verdict.NOT_CHECKED, ComponentEnd.RUNS_ON))


def _hours(device: str, fleet: SeededFleet) -> Iterator[Rollup]:
    rng = random.Random(device)
    begin = (fleet.now - timedelta(days=DAYS)).replace(minute=0, second=0, microsecond=0)
    ends = FAILED.get(device) or SAVED.get(device) or 0
    for hour in range(DAYS * 24 - 2):
        age_d = DAYS - hour / 24
        wear = max(0.0, 1 - (age_d - ends) / 10) if age_d >= ends else 0.0
        score = min(1.0, abs(rng.gauss(0.06, 0.02)) + 0.8 * wear**2)
        start = begin + timedelta(hours=hour)
        yield Rollup(
            device_id=device,
            width_s=3600,
            start=start,
            event_time=start + timedelta(minutes=59),
            summaries=180,
            scored_count=720,
            score_mean=score * 0.8,
            score_max=score,
            confidence=1.0,
            state=2,
        )


def _forecasts(fleet: SeededFleet) -> Iterator[MadeForecast]:
    rng = random.Random(3)
    for device, days in {**FAILED, **SAVED}.items():
        for age in range(DAYS - 5, 0, -1):
            left_h = (age - days) * 24.0 if age >= days else (age - days + 70) * 24.0
            middle = min(1400.0, max(left_h * (1 + rng.gauss(0, 0.12)), 4.0))
            spread = 0.12 * middle + 20
            made = fleet.now - timedelta(days=age)
            low, high = max(middle - 1.28 * spread, 1.0), min(1440.0, middle + 1.28 * spread)
            forecast = Forecast(middle, low, middle, high, 1440.0)
            yield MadeForecast(device, "bearing", made, "7-9f86d081884c", "pump", "h", forecast)


def _case(
    session: Session,
    fleet: SeededFleet,
    device: str,
    days: tuple[int, int],
    said: tuple[Verdict, ComponentEnd],
) -> None:
    (opened, closed), (verdict, end) = days, said
    start, over = fleet.now - timedelta(days=opened), fleet.now - timedelta(days=closed)
    is_right = verdict is Verdict.TRUE
    finding = Finding(
        verdict=verdict,
        found_at=over,
        mode=FailureMode.VIBRATION if is_right else None,
        cause=FailureCause.WEAR_AND_TEAR if is_right else None,
        activity=Activity.REPLACE if is_right else None,
        component="bearing" if is_right else "",
        end=end,
    )
    row = CaseRow(
        version=3,
        device_id=device,
        symptom="bearing_outer_race",
        state="closed",
        assignee="Jo Brandt",
        opened_at=start,
        closed_at=over,
        merged_into=0,
    )
    session.add(row)
    session.flush()
    assert row.id is not None
    note_finding(session, row.id, finding, over)
    steps: list[tuple[What, str, Any, str]] = [
        (What.OPENED, "system", start, ""),
        (What.ACKNOWLEDGED, "Jo Brandt", start + timedelta(minutes=20 + opened), ""),
        (What.COMMENTED, "Jo Brandt", start + timedelta(days=1), "hear it knocking at full load"),
        (What.CLOSED, "Jo Brandt", over, str(verdict)),
    ]
    for what, who, time, why in steps:
        session.add(CaseEntryRow(case_id=row.id, time=time, who=who, what=str(what), why=why))
    if end is ComponentEnd.REPLACED:
        _order(session, fleet, row, closed)


def _order(session: Session, fleet: SeededFleet, case: CaseRow, closed: int) -> None:
    assert case.id is not None
    done = fleet.now - timedelta(days=closed)
    order = WorkOrderRow(
        version=5,
        key=order_key(case.id, 1),
        case_id=case.id,
        device_id=case.device_id,
        site="",
        title=f"{case.device_id}: replace the bearing",
        text="",
        severity=2,
        urgency=2,
        suggested_at=done - timedelta(days=7),
        state=str(OrderState.DONE),
        is_automatic=False,
        approved_at=done - timedelta(days=6),
        eam="plant",
        eam_id=f"WO-{case.id}",
        eam_url="",
        why="",
    )
    session.add(order)
    session.flush()
    assert order.id is not None
    for state, hours in ((OrderState.STARTED, 3), (OrderState.DONE, 0)):
        time = done - timedelta(hours=hours)
        session.add(
            OrderEntryRow(order_id=order.id, time=time, who="eam", what=str(Step.STATUS), why=str(state))
        )
