"""What the order pages show, worked out beforehand.

Rule: pure; orders in, words out. Whatever waits for a person says for what, and what a maintenance system
tells is a link only where it is a web address.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType

from cloud.store.eam_boxes import Boxes, Connection, Errand, InboxItem
from cloud.store.orders import StoredEntry, StoredOrder
from cloud.web.case_views import SEVERITIES, URGENCIES, EntryView
from cloud.work_orders import Order, OrderState, What

STATES: Mapping[OrderState, str] = MappingProxyType(
    {
        OrderState.SUGGESTED: "To decide",
        OrderState.DECLINED: "Declined",
        OrderState.APPROVED: "On its way",
        OrderState.PLACED: "Ordered",
        OrderState.STARTED: "In work",
        OrderState.DONE: "Done",
        OrderState.CANCELLED: "Cancelled there",
        OrderState.REFUSED: "Refused",
    }
)
_LEVELS = {OrderState.SUGGESTED: "soon", OrderState.REFUSED: "now"}
_WHATS: Mapping[What, str] = MappingProxyType(
    {
        What.SUGGESTED: "suggested",
        What.APPROVED: "approved",
        What.ORDERED_BY_ITSELF: "ordered without asking",
        What.DECLINED: "declined",
        What.PLACED: "ordered there",
        What.REFUSED: "refused there",
        What.STATUS: "there it is",
        What.CLOSING: "to be closed there",
        What.DOUBLED: "there twice",
    }
)
_FACTS = (
    ("missing", "Missing there", "it should have them, and does not"),
    ("doubled", "Doubled there", "it has them more than once"),
    ("unknown", "Unknown here", "it has them, and we do not"),
)


@dataclass(frozen=True, slots=True)
class OrderLine:
    """One order in a list."""

    id: int
    version: int
    case_id: int
    device_id: str
    title: str
    state: str
    level: str
    """`now`, `soon`, or empty where nobody waits."""
    urgency: str
    severity: str
    due: datetime | None
    place: str
    """The maintenance system and its number; empty: it is not there."""
    url: str
    why: str
    is_automatic: bool
    suggested_at: datetime
    can_decide: bool
    """Approve, or decline."""
    is_refused: bool
    can_close: bool


@dataclass(frozen=True, slots=True)
class OrderView:
    """One order on its own page."""

    line: OrderLine
    site: str
    key: str
    text: tuple[str, ...]
    """Its lines."""
    advice: str
    trail: tuple[EntryView, ...]
    """The newest first."""


@dataclass(frozen=True, slots=True)
class CaseOrders:
    """What a case's page shows of its orders."""

    case_id: int
    orders: tuple[OrderLine, ...]
    """The newest first."""
    advice: str
    """What to do now; empty: nothing."""
    can_suggest: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that reconciliation found."""

    title: str
    meaning: str
    keys: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class EamView:
    """How it stands with the maintenance system."""

    name: str
    """Empty: none is connected."""
    problem: str
    answered_at: datetime | None
    reconciled_at: datetime | None
    checked: int
    findings: tuple[Finding, ...]
    waiting: tuple[Errand, ...]
    letters: tuple[InboxItem, ...]
    n_dead: int


def order_line(stored: StoredOrder) -> OrderLine:
    """An order in a list."""
    order = stored.order
    state = order.state
    return OrderLine(
        id=order.id,
        version=stored.version,
        case_id=order.case_id,
        device_id=order.device_id,
        title=order.title,
        state=STATES[state],
        level=_LEVELS.get(state, ""),
        urgency=URGENCIES[order.urgency],
        severity=SEVERITIES[order.severity],
        due=order.due,
        place=f"{order.eam} {order.eam_id}".strip(),
        url=order.eam_url if order.eam_url.startswith(("https://", "http://")) else "",
        why=order.why,
        is_automatic=order.is_automatic,
        suggested_at=order.suggested_at,
        can_decide=state in (OrderState.SUGGESTED, OrderState.REFUSED),
        is_refused=state is OrderState.REFUSED,
        can_close=state in (OrderState.PLACED, OrderState.STARTED),
    )


def order_view(stored: StoredOrder, entries: Sequence[StoredEntry], eam: Connection | None) -> OrderView:
    """An order on its own page."""
    order = stored.order
    trail = [EntryView(e.entry.when, _WHATS[e.entry.what], e.entry.who, e.entry.why) for e in entries]
    return OrderView(
        line=order_line(stored),
        site=order.site,
        key=order.key,
        text=tuple(order.text.splitlines()),
        advice=advice(order, eam, is_case_open=True),
        trail=tuple(reversed(trail)),
    )


def case_orders(
    case_id: int, is_case_open: bool, found: Sequence[StoredOrder], eam: Connection | None
) -> CaseOrders:
    """A case's orders."""
    newest = found[0].order if found else None
    return CaseOrders(
        case_id=case_id,
        orders=tuple(order_line(each) for each in found),
        advice="" if newest is None else advice(newest, eam, is_case_open),
        can_suggest=is_case_open and (newest is None or newest.is_over),
    )


def advice(order: Order, eam: Connection | None, is_case_open: bool) -> str:
    """What to do about an order now; empty: nothing."""
    name = order.eam or (eam.eam if eam else "")
    if order.state is OrderState.APPROVED:
        return _wait_words(eam)
    if order.state is OrderState.REFUSED:
        return "The maintenance system refuses it: correct there what it names, then try again, or decline."
    if order.state in (OrderState.PLACED, OrderState.STARTED) and not is_case_open:
        return f"The case is closed, the order in {name} is not: have it closed there too."
    if order.state is OrderState.DONE and is_case_open:
        return "The work is done there: say what it was, and close the case."
    if order.state is OrderState.CANCELLED and is_case_open:
        return f"It was cancelled in {name}: find out why, then close the case or suggest another."
    return ""


def _wait_words(eam: Connection | None) -> str:
    if eam is None:
        return "No maintenance system is connected: the order waits here."
    return f"The order waits: {eam.eam} cannot be used now ({eam.problem})." if eam.problem else ""


def eam_view(
    eam: Connection | None, boxes: Boxes, waiting: Sequence[Errand], letters: Sequence[InboxItem]
) -> EamView:
    """How it stands."""
    report = {} if eam is None else eam.report
    return EamView(
        name="" if eam is None else eam.eam,
        problem="" if eam is None else eam.problem,
        answered_at=None if eam is None else eam.answered_at,
        reconciled_at=None if eam is None else eam.reconciled_at,
        checked=int(report.get("checked", 0)),
        findings=tuple(
            Finding(title, meaning, tuple(report[name]))
            for name, title, meaning in _FACTS
            if report.get(name)
        ),
        waiting=tuple(waiting),
        letters=tuple(letters),
        n_dead=boxes.dead_out + boxes.dead_in,
    )
