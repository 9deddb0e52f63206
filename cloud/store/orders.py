"""Work orders as rows, and their audit trail.

Rule: `cloud.work_orders` decides, this file stores. Whoever changes an order holds its machine's row and says
which version of the order was read; another one's change in between makes that a `StaleError`.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, func, select
from sqlmodel import Session

from cloud.errors import NotFoundError, StaleError
from cloud.store.machine_rows import lock_machines
from cloud.store.news import mark_change
from cloud.store.order_tables import OrderEntryRow, WorkOrderRow
from cloud.store.statements import insert_rows, is_one_of
from cloud.store.tables import table_of
from cloud.triage import Severity, Urgency
from cloud.work_orders import OVER, Change, Entry, Order, OrderState, What

_ORDER, _ENTRY = table_of(WorkOrderRow), table_of(OrderEntryRow)
_COPIED = [each.name for each in fields(Order) if each.name not in {"id", "severity", "urgency", "state"}]
"""What is the same in the row and in the order."""


@dataclass(frozen=True, slots=True)
class StoredOrder:
    """An order, and which version of it this is."""

    order: Order
    version: int


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry of an order's audit trail."""

    id: int
    entry: Entry


@dataclass(frozen=True, slots=True)
class OrderChoice:
    """Which orders; what is empty or None chooses all."""

    states: tuple[OrderState, ...] = ()
    device: str | None = None
    case_id: int | None = None
    before: int | None = None
    """Only ids below it, to page on."""
    sites: frozenset[str] | None = None
    """Only of machines of these sites."""


def read_order(session: Session, order_id: int) -> StoredOrder:
    """One order.

    Raises:
        NotFoundError: there is none.
    """
    found = _read(session, select(_ORDER).where(_ORDER.c.id == order_id))
    if not found:
        raise NotFoundError(f"there is no work order {order_id}")
    return found[0]


def find_orders(session: Session, keys: Collection[str]) -> dict[str, StoredOrder]:
    """Orders by their keys; those that there are."""
    found = _read(session, select(_ORDER).where(is_one_of(session, _ORDER.c.key, keys)))
    return {each.order.key: each for each in found}


def list_orders(session: Session, choice: OrderChoice = OrderChoice(), limit: int = 100) -> list[StoredOrder]:
    """Orders, the newest first."""
    columns = _ORDER.c
    query = select(_ORDER).order_by(columns.id.desc()).limit(limit)
    if choice.states:
        query = query.where(columns.state.in_([str(state) for state in choice.states]))
    if choice.device is not None:
        query = query.where(columns.device_id == choice.device)
    if choice.case_id is not None:
        query = query.where(columns.case_id == choice.case_id)
    if choice.sites is not None:
        query = query.where(columns.site.in_(sorted(choice.sites)))
    if choice.before is not None:
        query = query.where(columns.id < choice.before)
    return _read(session, query)


def open_order_of(session: Session, case_id: int) -> StoredOrder | None:
    """The order of a case that is not over."""
    is_open = _ORDER.c.state.not_in([str(state) for state in OVER])
    found = _read(session, select(_ORDER).where(_ORDER.c.case_id == case_id, is_open))
    return found[0] if found else None


def orders_approved_since(session: Session, since: datetime) -> list[Order]:
    """For the cap on orders that nobody approved."""
    return [each.order for each in _read(session, select(_ORDER).where(_ORDER.c.approved_at >= since))]


def orders_known_to(session: Session, eam: str) -> list[StoredOrder]:
    """All that a maintenance system has, and that are not over."""
    is_open = _ORDER.c.state.not_in([str(state) for state in OVER])
    return _read(session, select(_ORDER).where(_ORDER.c.eam == eam, is_open).order_by(_ORDER.c.id))


def count_orders(session: Session, case_id: int) -> int:
    """How many a case has had."""
    query = select(func.count()).where(_ORDER.c.case_id == case_id)
    return int(session.connection().execute(query).scalar_one())


def cases_with_orders(session: Session, case_ids: Collection[int]) -> frozenset[int]:
    """Which of these cases have had any."""
    query = select(_ORDER.c.case_id).where(is_one_of(session, _ORDER.c.case_id, case_ids)).distinct()
    return frozenset(session.connection().execute(query).scalars())


def list_order_entries(session: Session, order_id: int, limit: int, after: int = 0) -> list[StoredEntry]:
    """An order's audit trail, oldest first."""
    columns = _ENTRY.c
    query = select(_ENTRY).where(columns.order_id == order_id, columns.id > after)
    rows = session.connection().execute(query.order_by(columns.id).limit(limit))
    return [StoredEntry(row.id, Entry(What(row.what), row.who, row.time, row.why)) for row in rows]


def insert_order(session: Session, change: Change) -> StoredOrder:
    """Store a suggestion; its machine's row is held."""
    made = session.connection().execute(
        _ORDER.insert().returning(_ORDER.c.id), _values(change.order) | {"version": 1}
    )
    order_id = int(made.scalar_one())
    _add_entries(session, order_id, change.entries)
    mark_change(session)
    return read_order(session, order_id)


def save_order(session: Session, before: StoredOrder, change: Change) -> StoredOrder:
    """Store what happened to an order.

    Raises:
        StaleError: it has changed since it was read.
    """
    order, version = change.order, before.version
    lock_machines(session, [order.device_id])
    if order != before.order:
        at = (_ORDER.c.id == order.id) & (_ORDER.c.version == version)
        version += 1
        done = session.connection().execute(
            _ORDER.update().where(at).values(**_values(order), version=version)
        )
        if done.rowcount == 0:
            raise StaleError(f"work order {order.id} has changed meanwhile; look at it and ask again")
    if change.entries or order != before.order:
        mark_change(session)
    _add_entries(session, order.id, change.entries)
    return StoredOrder(order, version)


def _read(session: Session, query: Select[Any]) -> list[StoredOrder]:
    return [StoredOrder(_order(row), row.version) for row in session.connection().execute(query)]


def _order(row: Row[Any]) -> Order:
    return Order(
        id=row.id,
        severity=Severity(row.severity),
        urgency=Urgency(row.urgency),
        state=OrderState(row.state),
        **{name: getattr(row, name) for name in _COPIED},
    )


def _values(order: Order) -> dict[str, Any]:
    return {name: getattr(order, name) for name in _COPIED} | {
        "severity": int(order.severity),
        "urgency": int(order.urgency),
        "state": str(order.state),
    }


def _add_entries(session: Session, order_id: int, entries: Sequence[Entry]) -> None:
    rows = [
        {"order_id": order_id, "time": each.when, "who": each.who, "what": str(each.what), "why": each.why}
        for each in entries
    ]
    insert_rows(session, _ENTRY, rows)
