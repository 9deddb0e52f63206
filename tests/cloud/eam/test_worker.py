"""Orders reach the maintenance system effectively once, and what becomes of them comes back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.eam.contract import Capabilities
from cloud.eam.worker import LEASE, OVERLAP, WAIT_CAP, EamWorker, Outcome, WorkerSettings
from cloud.errors import EamAccessError, EamRefusedError, EamUnavailableError
from cloud.order_desk import OrderDesk
from cloud.store.database import Database
from cloud.store.eam_boxes import (
    InboxState,
    count_boxes,
    list_errands,
    list_inbox,
    read_connection,
    receive,
    revive,
    take_errand,
)
from cloud.store.orders import list_order_entries, read_order
from cloud.store.writer import StoreWriter
from cloud.work_orders import Order, OrderState, Said, What
from tests.cloud.order_samples import Clock, FakeEam, open_cases

SECOND, HOUR, DAY = timedelta(seconds=1), timedelta(hours=1), timedelta(days=1)
DOWN = EamUnavailableError("odoo.plant does not answer")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def eam(clock: Clock) -> FakeEam:
    return FakeEam(clock)


@pytest.fixture
def desk(database: Database, clock: Clock) -> OrderDesk:
    return OrderDesk(database, clock)


def make_worker(database: Database, eam: FakeEam) -> EamWorker:
    return EamWorker(database, eam, WorkerSettings("fake", link="https://guard.plant"), eam.clock)


@pytest.fixture
def worker(database: Database, eam: FakeEam) -> EamWorker:
    return make_worker(database, eam)


@pytest.fixture
def order(writer: StoreWriter, desk: OrderDesk) -> int:
    """Id of an order that was approved."""
    open_cases(writer)
    suggested = desk.suggest(1, "Jo").order
    return desk.approve(suggested.id, "Jo").order.id


def read(database: Database, order_id: int) -> Order:
    with database.session() as session:
        return read_order(session, order_id).order


def trail(database: Database, order_id: int) -> list[What]:
    with database.session() as session:
        return [each.entry.what for each in list_order_entries(session, order_id, 100)]


def until_quiet(worker: EamWorker, clock: Clock, span: timedelta = DAY) -> None:
    """Step until a day has gone by."""
    end = clock.now + span
    while clock.now < end:
        worker.step()
        clock.advance(10 * timedelta(minutes=1))


def test_an_order_is_placed_done_and_told(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, order: int
) -> None:
    worker.step()
    placed = read(database, order)
    assert (placed.state, placed.eam, placed.eam_id) == (OrderState.PLACED, "fake", "WO-1")
    assert placed.eam_url == "https://eam.example/0"
    for state in (OrderState.STARTED, OrderState.DONE):
        clock.advance(HOUR)
        eam.tell("WO-1", state)
        worker.step()
        assert read(database, order).state is state
    assert eam.asked.count("upsert ig-1-1") == 1
    assert trail(database, order) == [What.SUGGESTED, What.APPROVED, What.PLACED, What.STATUS, What.STATUS]
    with database.session() as session:
        assert (count_boxes(session).waiting, list_errands(session, 10)) == (0, [])


def test_a_suggestion_goes_nowhere(
    database: Database, writer: StoreWriter, worker: EamWorker, eam: FakeEam, desk: OrderDesk
) -> None:
    open_cases(writer)
    desk.suggest(1, "Jo")
    worker.step()
    assert eam.records == []


def test_what_may_have_been_made_is_looked_for_first(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, order: int
) -> None:
    """The connection broke after the system had made it, and before it had said so."""
    eam.fails_after = DOWN
    assert worker.step().failed == 1
    assert len(eam.records) == 1
    eam.fails_after = None
    until_quiet(worker, clock)
    assert read(database, order).eam_id == "WO-1"
    assert (len(eam.records), eam.asked.count("upsert ig-1-1")) == (1, 1)


def test_a_worker_that_died_at_any_moment_is_taken_up(
    database: Database, eam: FakeEam, clock: Clock, order: int
) -> None:
    """It had taken the errand; whether the system has it nobody knows."""
    with database.transaction() as session:
        assert take_errand(session, clock.now, clock.now + LEASE) is not None
    eam.records.append(Said("ig-1-1", "WO-9", OrderState.PLACED, clock.now))
    another = make_worker(database, eam)
    clock.advance(LEASE - SECOND)
    with database.session() as session:
        assert list_errands(session, 10)[0].attempts == 1
    another.step()
    assert "upsert ig-1-1" not in eam.asked, "somebody may still be at it"
    clock.advance(2 * SECOND)
    another.step()
    assert (read(database, order).eam_id, len(eam.records)) == ("WO-9", 1)


def test_a_system_that_is_down_for_long_gets_it_once(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, order: int
) -> None:
    eam.fails_before = DOWN
    until_quiet(worker, clock)
    attempts = eam.asked.count("find ig-1-1") + eam.asked.count("upsert ig-1-1")
    assert 24 <= attempts <= 60, "back off, but not for ever"
    with database.session() as session:
        assert read_connection(session, "fake").problem == str(DOWN)
        assert list_errands(session, 10)[0].problem == str(DOWN)
    eam.fails_before = None
    until_quiet(worker, clock, WAIT_CAP + 2 * LEASE)
    assert (read(database, order).state, len(eam.records)) == (OrderState.PLACED, 1)
    with database.session() as session:
        assert read_connection(session, "fake").problem == ""


def test_one_that_it_refuses_waits_for_a_person_and_no_other_does(
    database: Database, worker: EamWorker, eam: FakeEam, desk: OrderDesk, writer: StoreWriter, order: int
) -> None:
    eam.fails_before = EamRefusedError("no such asset")
    outcome = worker.step()
    assert (outcome.refused, read(database, order).why) == (1, "no such asset")
    with database.session() as session:
        assert count_boxes(session).dead_out == 1
    eam.fails_before = None
    assert worker.step().sent == 0
    desk.approve(order, "Jo")
    assert worker.step().sent == 1
    assert read(database, order).state is OrderState.PLACED


def test_without_access_nothing_is_lost_and_nothing_is_tried_in_vain(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, writer: StoreWriter, desk: OrderDesk
) -> None:
    open_cases(writer, 5)
    for case in range(1, 6):
        desk.approve(desk.suggest(case, "Jo").order.id, "Jo")
    eam.fails_before = EamAccessError("the secret is not right")
    outcome = worker.step()
    assert (outcome.failed, outcome.problem) == (1, "the secret is not right")
    eam.fails_before = None
    until_quiet(worker, clock)
    assert sorted(each.key for each in eam.records) == [f"ig-{n}-1" for n in range(1, 6)]


def test_a_change_that_shows_late_is_not_missed(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, order: int
) -> None:
    """Its transaction began before and ended after the last look."""
    worker.step()
    clock.advance(HOUR)
    eam.records.append(Said("ig-9-9", "WO-77", OrderState.PLACED, clock.now))
    worker.step()
    clock.now -= OVERLAP - SECOND
    eam.tell("WO-1", OrderState.DONE)
    clock.now += OVERLAP
    worker.step()
    assert read(database, order).state is OrderState.DONE


def test_what_cannot_be_taken_stays_with_its_reason(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, order: int
) -> None:
    worker.step()
    two = Said("ig-1-1", "WO-2", OrderState.PLACED, clock.now)
    with database.transaction() as session:
        assert receive(session, "fake", [two, two], clock.now) == 1
        assert receive(session, "fake", [two], clock.now) == 0, "once"
    assert worker.step().dead == 1
    with database.session() as session:
        (dead,) = list_inbox(session, InboxState.DEAD, 10)
    assert dead.problem == "ig-1-1 is WO-1, and now WO-2"
    with database.transaction() as session:
        assert revive(session, dead.id) and not revive(session, dead.id)
    assert worker.step().dead == 1


def test_what_is_there_twice_is_said(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, order: int
) -> None:
    with database.transaction() as session:
        take_errand(session, clock.now, clock.now)
    eam.records += [Said("ig-1-1", each, OrderState.PLACED, clock.now) for each in ("WO-1", "WO-2")]
    worker.step()
    assert What.DOUBLED in trail(database, order)
    report = worker.reconcile()
    assert report.doubled == ("ig-1-1",)


def test_both_sides_are_compared_every_night(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, order: int
) -> None:
    until_quiet(worker, clock)
    with database.session() as session:
        first = read_connection(session, "fake")
    assert first.report["missing"] == [] and first.report["checked"] == 1
    eam.records = [Said("ig-5-1", "WO-5", OrderState.PLACED, clock.now)]
    until_quiet(worker, clock)
    with database.session() as session:
        second = read_connection(session, "fake")
    assert (second.report["missing"], second.report["unknown"]) == (["ig-1-1"], ["ig-5-1"])
    assert first.reconciled_at is not None and second.reconciled_at is not None
    assert second.reconciled_at - first.reconciled_at == DAY


def test_it_is_closed_there_when_somebody_asks_for_it(
    database: Database, worker: EamWorker, eam: FakeEam, clock: Clock, desk: OrderDesk, order: int
) -> None:
    worker.step()
    clock.advance(HOUR)
    desk.close(order, "Jo", "greased")
    worker.step()
    assert eam.asked.count("close WO-1") == 1
    assert read(database, order).state is OrderState.DONE


def test_a_system_that_only_calls_in_is_never_searched(
    database: Database, clock: Clock, writer: StoreWriter, desk: OrderDesk, order: int
) -> None:
    eam = FakeEam(clock, Capabilities(is_keyed=True, can_find=False, can_list=False))
    worker = make_worker(database, eam)
    eam.fails_before = DOWN
    worker.step()
    eam.fails_before = None
    clock.advance(HOUR)
    worker.step()
    assert set(eam.asked) == {"upsert ig-1-1"}
    with database.transaction() as session:
        said = Said("ig-1-1", "WO-1", OrderState.DONE, clock.now + SECOND)
        receive(session, "fake", [said], clock.now)
    worker.step()
    assert read(database, order).state is OrderState.DONE


def test_what_it_did_is_told(worker: EamWorker, order: int) -> None:
    outcome = worker.step()
    assert replace(outcome, received=0, taken=0) == Outcome(sent=1)
    assert not outcome.has_more
