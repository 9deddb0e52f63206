"""End to end: what the devices say becomes cases in the store, orders, visits and findings."""

from __future__ import annotations

import pytest

from cloud.cases import Case, CaseState, Entry, What
from cloud.store.cases import list_cases, list_entries
from contract.labels import ComponentEnd, Verdict
from simulators.year.by_calendar import RunToFailure
from simulators.year.course import Course
from simulators.year.ledger import Ledger
from simulators.year.ours import Ours
from simulators.year.plant import Plant
from tests.simulators.year.small_plant import small_plant

Lived = tuple[Ledger, list[tuple[Case, list[Entry]]]]


@pytest.fixture(scope="module")
def plant() -> Plant:
    return small_plant(seed=3, days=60)


@pytest.fixture(scope="module")
def lived(plant: Plant) -> Lived:
    """Two machines for two months that age twenty times as fast."""
    with Ours(plant) as ours:
        ledger = Course(plant, RunToFailure()).run(ours)
        with ours.database.session() as session:
            cases = list_cases(session, limit=100)
            told = {each.case.id: list_entries(session, each.case.id, 50) for each in cases}
    return ledger, [(each.case, [entry.entry for entry in told[each.case.id]]) for each in cases]


def test_alarms_become_visits_and_visits_findings(lived: Lived) -> None:
    ledger, cases = lived
    closed = [case for case, _ in cases if case.state is CaseState.CLOSED and case.finding is not None]
    assert ledger.orders >= 1 and closed
    found = [case.finding for case in closed if case.finding is not None]
    replaced = [each for each in found if each.end is not ComponentEnd.RUNS_ON]
    assert replaced, "something was found before it failed"
    assert all(each.component for each in replaced)
    false = [each for each in found if each.verdict is Verdict.FALSE_ALARM]
    assert len(false) <= ledger.false_orders + ledger.missed


def test_there_is_no_order_without_a_case_and_all_is_written_down(lived: Lived) -> None:
    ledger, cases = lived
    assigned = [case for case, entries in cases if What.ASSIGNED in {entry.what for entry in entries}]
    assert ledger.orders <= len(assigned)
    for case, entries in cases:
        assert entries[0].what is What.OPENED
        assert [entry.when for entry in entries] == sorted(entry.when for entry in entries)
        if case.finding is not None:
            assert entries[-1].what is What.CLOSED


def test_the_same_plant_again_is_the_same(plant: Plant, lived: Lived) -> None:
    with Ours(plant) as ours:
        assert Course(plant, RunToFailure()).run(ours) == lived[0]
