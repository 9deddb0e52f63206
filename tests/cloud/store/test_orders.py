"""Work orders and their boxes in the store, on both databases."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import text

from cloud.errors import NotFoundError, RecordRefusedError, StaleError, StoreError
from cloud.order_desk import OrderDesk
from cloud.store.database import Database
from cloud.store.eam_boxes import (
    Act,
    Connection,
    add_errand,
    count_boxes,
    list_connections,
    list_errands,
    put_off,
    read_connection,
    save_connection,
    take_errand,
)
from cloud.store.orders import OrderChoice, insert_order, list_orders, read_order, save_order
from cloud.store.writer import StoreWriter
from cloud.work_orders import Change, Order, OrderState, Place, approve, note_placed
from tests.cloud.order_samples import START, Clock, open_cases

MINUTE = timedelta(minutes=1)


@pytest.fixture
def order(writer: StoreWriter, database: Database) -> Order:
    """Suggested, of the first of two cases."""
    open_cases(writer, 2)
    return OrderDesk(database, Clock()).suggest(1, "Jo").order


def test_it_is_read_as_it_was_written(database: Database, order: Order) -> None:
    with database.transaction() as session:
        stored = read_order(session, order.id)
        assert stored.order == order
        changed = approve(order, "Jo", START).order
        changed = note_placed(changed, Place("odoo", "7", "https://odoo/7"), START).order
        assert save_order(session, stored, Change(changed)).version == 2
    with database.session() as session:
        assert read_order(session, order.id).order == changed
        with pytest.raises(NotFoundError):
            read_order(session, 99)


def test_who_comes_second_changes_nothing(database: Database, order: Order) -> None:
    with database.session() as session:
        stored = read_order(session, order.id)
    change = approve(order, "Jo", START)
    with database.transaction() as session:
        save_order(session, stored, change)
    with pytest.raises(StaleError), database.transaction() as session:
        save_order(session, stored, change)


def test_two_orders_are_never_one_record_nor_one_case_two_orders(database: Database, order: Order) -> None:
    other = OrderDesk(database, Clock()).suggest(2, "Jo").order
    there = Place("odoo", "7")
    for each, is_refused in ((order, False), (other, True)):
        with database.session() as session:
            stored = read_order(session, each.id)
        placed = note_placed(approve(each, "Jo", START).order, there, START)
        if is_refused:
            with pytest.raises(RecordRefusedError), database.transaction() as session:
                save_order(session, stored, placed)
        else:
            with database.transaction() as session:
                save_order(session, stored, placed)
    with pytest.raises(RecordRefusedError), database.transaction() as session:
        insert_order(session, Change(replace(order, key="ig-1-2")))


def test_the_trail_is_only_ever_added_to(database: Database, order: Order) -> None:
    for statement in ("UPDATE order_entry SET who = 'nobody'", "DELETE FROM order_entry"):
        with pytest.raises(StoreError), database.transaction() as session:
            session.connection().execute(text(statement))


def test_they_are_listed_by_state_machine_case_site_and_page(database: Database, order: Order) -> None:
    other = OrderDesk(database, Clock()).suggest(2, "Jo").order
    with database.session() as session:

        def ids(**choice: object) -> list[int]:
            found = list_orders(session, OrderChoice(**choice))  # type: ignore[arg-type]
            return [each.order.id for each in found]

        assert ids() == [other.id, order.id]
        assert ids(states=(OrderState.DONE,)) == []
        assert ids(device="press-2") == ids(case_id=2) == [other.id]
        assert ids(before=other.id) == [order.id]
        assert ids(sites=frozenset({"north"})) == []


def test_an_errand_is_lent_to_one_at_a_time(database: Database) -> None:
    with database.transaction() as session:
        add_errand(session, "ig-1-1", Act.PLACE, START)
        add_errand(session, "ig-1-1", Act.PLACE, START)
        first = take_errand(session, START, START + MINUTE)
        assert first is not None and first.attempts == 0, "none had begun before"
        assert take_errand(session, START, START + MINUTE) is None
    with database.transaction() as session:
        again = take_errand(session, START + MINUTE, START + 2 * MINUTE)
        assert again is not None and again.attempts == 1
        put_off(session, again, "refused", None)
    with database.transaction() as session:
        assert take_errand(session, START + 9 * MINUTE, START + 10 * MINUTE) is None
        boxes = count_boxes(session)
        assert (boxes.waiting, boxes.oldest_waiting, boxes.dead_out) == (0, None, 1)
        add_errand(session, "ig-1-1", Act.PLACE, START)
        (alive,) = list_errands(session, 10, is_dead=False)
        assert (alive.problem, alive.attempts) == ("", 2), "it may be there already"


def test_a_connection_is_kept(database: Database) -> None:
    known = Connection("odoo", START, START, "", START, {"checked": 3, "missing": ["ig-1-1"]})
    with database.transaction() as session:
        assert read_connection(session, "odoo") == Connection("odoo")
        save_connection(session, known)
        save_connection(session, Connection("old"))
    with database.session() as session:
        assert list_connections(session) == [known, Connection("old")]
