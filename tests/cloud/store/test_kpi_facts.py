"""What figures are made of, as both databases tell it."""

from __future__ import annotations

from datetime import timedelta

from cloud.assets import Asset, Place
from cloud.kpis import Period, Share, count
from cloud.machine_events import MachineEvent
from cloud.store.assets import save_assets
from cloud.store.database import Database
from cloud.store.kpi_facts import Belongs, read_belongings, read_facts
from cloud.store.machine_events import store_events
from contract.labels import ComponentEnd, Verdict
from contract.life_log import LogKind
from tests.browser.seeded_fleet import SeededFleet
from tests.browser.seeded_lives import FAILED, FALSE, SAVED, WATCHED, fill_lives

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def test_a_hundred_days_of_a_fleet(database: Database) -> None:
    fleet = SeededFleet(database)
    fleet.fill()
    fill_lives(fleet)
    period = Period(fleet.now - 95 * DAY, fleet.now + HOUR)
    with database.session() as session:
        facts = read_facts(session, period)
    assert {each.device_id for each in facts.watches} == set(WATCHED)
    assert all(each.since < fleet.now - 99 * DAY < each.until for each in facts.watches)
    assert {each.device_id for each in facts.failures} == set(FAILED)
    assert all((each.repaired_at or each.at) - each.at == 7 * HOUR for each in facts.failures)
    assert facts.planned_h == (3.0, 3.0)
    judged = [each for each in facts.cases if each.verdict is not None]
    assert sum(each.verdict is Verdict.FALSE_ALARM for each in judged) == len(FALSE)
    assert sum(each.end is ComponentEnd.REPLACED for each in judged) == len(SAVED)
    assert all(each.seen_at is not None and each.seen_at > each.raised_at for each in judged)
    kpis = count(facts, period)
    assert kpis.recall == Share(len(FAILED) - 1, len(FAILED))
    assert kpis.avoided.hours == len(SAVED) * 4.0
    assert kpis.not_checked == 1


def test_a_failure_knows_the_life_before_it_and_the_repair_after_it(database: Database) -> None:
    fleet = SeededFleet(database)
    start = fleet.now - 50 * DAY

    def event(days: float, kind: LogKind, component: str = "bearing", code: str = "") -> MachineEvent:
        return MachineEvent("pump-01", component, start + days * DAY, kind, code)

    log = [
        event(0, LogKind.REPLACEMENT),
        event(5, LogKind.REPLACEMENT, "seal"),
        event(20, LogKind.FAILURE),
        event(21, LogKind.REPLACEMENT, "seal"),
        event(22, LogKind.MAINTENANCE, "", "overhaul"),
        event(40, LogKind.FAILURE),
        event(48, LogKind.REPLACEMENT),
    ]
    with database.transaction() as session:
        store_events(session, log, fleet.now)
    with database.session() as session:
        first, second = read_facts(session, Period(start, fleet.now)).failures
    assert (first.installed_at, first.repaired_at) == (start, start + 22 * DAY)
    assert (second.installed_at, second.repaired_at) == (start + 20 * DAY, None)


def test_whoever_belongs_to_a_site_sees_its_machines_alone(database: Database) -> None:
    fleet = SeededFleet(database)
    fleet.fill()
    with database.transaction() as session:
        save_assets(session, [Asset("P-1", Place("north"), device_id="pump-01")])
        save_assets(session, [Asset("P-2", Place("south"), device_id="pump-02")])
    with database.session() as session:
        everything = read_belongings(session, None)
        north = read_belongings(session, frozenset({"north"}))
    assert everything["pump-02"] == Belongs("south", "pump") and everything["pump-03"] == Belongs("", "pump")
    assert north == {"pump-01": Belongs("north", "pump")}
