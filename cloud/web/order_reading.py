"""Reads from the store what an order page shows.

Rule: as in `cloud.web.reading`: one session for each page, looks elsewhere. Nobody is shown an order of a
site that they do not see.
"""

from __future__ import annotations

from dataclasses import dataclass

from cloud.errors import NotFoundError
from cloud.people import Principal
from cloud.store.cases import count_unseen
from cloud.store.database import Database
from cloud.store.eam_boxes import (
    Connection,
    InboxState,
    count_boxes,
    list_connections,
    list_errands,
    list_inbox,
)
from cloud.store.orders import OrderChoice, list_order_entries, list_orders, read_order
from cloud.store.queries import Session
from cloud.web.order_views import (
    CaseOrders,
    EamView,
    OrderLine,
    OrderView,
    case_orders,
    eam_view,
    order_line,
    order_view,
)
from cloud.work_orders import OVER, OrderState

ORDERS_SHOWN, ENTRIES_SHOWN, BOX_SHOWN, OF_CASE_SHOWN = 200, 200, 50, 10
_OPEN = tuple(state for state in OrderState if state not in OVER)


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """Orders: those that wait for a person first."""

    orders: tuple[OrderLine, ...]
    is_over: bool
    """Whether these are those that are over."""
    eam: EamView
    open_count: int
    """Cases that nobody has seen yet."""


@dataclass(frozen=True, slots=True)
class OrderPage:
    """One order."""

    order: OrderView
    open_count: int


class OrderReader:
    """Reads the order pages.

    Args:
        database: An open store.
        who: Who looks.
    """

    def __init__(self, database: Database, who: Principal) -> None:
        self._database = database
        self._who = who

    def orders(self, is_over: bool) -> OrdersPage:
        """The list, and how it stands with the maintenance system."""
        choice = OrderChoice(tuple(OVER) if is_over else _OPEN, sites=self._who.sites)
        with self._database.session() as session:
            lines = [order_line(each) for each in list_orders(session, choice, ORDERS_SHOWN)]
            eam = eam_view(
                _connection(session),
                count_boxes(session),
                list_errands(session, BOX_SHOWN),
                list_inbox(session, InboxState.DEAD, BOX_SHOWN),
            )
            open_count = count_unseen(session)
        lines.sort(key=lambda line: ("now", "soon", "").index(line.level))
        return OrdersPage(tuple(lines), is_over, eam, open_count)

    def order(self, order_id: int) -> OrderPage:
        """One of them.

        Raises:
            NotFoundError: there is none that they see.
        """
        with self._database.session() as session:
            stored = read_order(session, order_id)
            if not self._who.sees(stored.order.site):
                raise NotFoundError(f"there is no work order {order_id}")
            entries = list_order_entries(session, order_id, ENTRIES_SHOWN)
            return OrderPage(order_view(stored, entries, _connection(session)), count_unseen(session))


def read_case_orders(session: Session, case_id: int, is_case_open: bool) -> CaseOrders:
    """What a case's page shows of its orders."""
    found = list_orders(session, OrderChoice(case_id=case_id), OF_CASE_SHOWN)
    return case_orders(case_id, is_case_open, found, _connection(session))


def _connection(session: Session) -> Connection | None:
    found = list_connections(session)
    return found[0] if found else None
