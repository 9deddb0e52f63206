"""From a case to an order in the company's maintenance system, and back to what became of it.

Rule: pure. People order; this software only suggests, unless somebody has said from when on it may order by
itself, and even then no more than so many a day for each site. An order has a key of its own from the moment
it is suggested, so that however often it is sent it is one order. What the maintenance system says of it
counts by the time at which it was said there, whatever arrives first.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from cloud.errors import OrderError
from cloud.triage import Assessment, Severity, Urgency

MAX_TITLE, MAX_TEXT = 120, 4000
"""Characters; what the narrowest of the known systems takes."""
DAY = timedelta(days=1)
KEY_PREFIX = "ig-"
_KEY = re.compile(rf"(?<![\w-]){KEY_PREFIX}\d+-\d+(?![\w-])")
SYSTEM, EAM = "system", "eam"
"""Who did what no person did here."""


class OrderState(StrEnum):
    """Where an order stands."""

    SUGGESTED = "suggested"
    """A person has to say yes."""
    DECLINED = "declined"
    APPROVED = "approved"
    """It is on its way to the maintenance system, which may not know it yet."""
    PLACED = "placed"
    """The maintenance system has it."""
    STARTED = "started"
    DONE = "done"
    CANCELLED = "cancelled"
    """There, by somebody."""
    REFUSED = "refused"
    """The maintenance system does not take it; somebody has to look."""


OVER = frozenset({OrderState.DECLINED, OrderState.DONE, OrderState.CANCELLED})
UNDER_WAY = frozenset({OrderState.APPROVED, OrderState.PLACED, OrderState.STARTED})
_RANK = {OrderState.PLACED: 0, OrderState.STARTED: 1, OrderState.CANCELLED: 2, OrderState.DONE: 3}
"""Which of two that were said in the same second counts."""
_THERE = frozenset(_RANK)
"""What a maintenance system can say of an order."""


class What(StrEnum):
    """What happened to an order."""

    SUGGESTED = "suggested"
    APPROVED = "approved"
    ORDERED_BY_ITSELF = "ordered_by_itself"
    DECLINED = "declined"
    PLACED = "placed"
    REFUSED = "refused"
    STATUS = "status"
    CLOSING = "closing"
    """The maintenance system was asked to close it."""
    DOUBLED = "doubled"
    """It is there more than once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One step, for the audit trail."""

    what: What
    who: str
    when: datetime
    why: str = ""


@dataclass(frozen=True, slots=True)
class Order:
    """As it stands; times are aware UTC."""

    key: str
    """Ours, for ever the same; the maintenance system keeps it, and is searched by it."""
    case_id: int
    device_id: str
    site: str
    """Empty: the machine belongs to none."""
    title: str
    text: str
    severity: Severity
    urgency: Urgency
    suggested_at: datetime
    due: datetime | None = None
    """Latest date at the risk that was chosen; None: nobody can say."""
    state: OrderState = OrderState.SUGGESTED
    is_automatic: bool = False
    approved_at: datetime | None = None
    eam: str = ""
    """Name of the maintenance system that has it; empty: none yet."""
    eam_id: str = ""
    """What the maintenance system calls it; empty: not known yet."""
    eam_url: str = ""
    """Where people see it there; empty: nobody knows."""
    said_at: datetime | None = None
    """When the newest status was set there, by its clock."""
    why: str = ""
    """It was declined or refused."""
    id: int = 0
    """0: it is not stored yet."""

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do about it."""
        return self.state in OVER


@dataclass(frozen=True, slots=True)
class Place:
    """Where an order is in a maintenance system."""

    eam: str
    """Name of the system."""
    id: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """What a maintenance system says of one order."""

    key: str
    eam_id: str
    state: OrderState
    said_at: datetime
    """By its clock, aware UTC."""
    url: str = ""
    message_id: str = ""
    """The same when it is said again; empty: what it says is."""


@dataclass(frozen=True, slots=True)
class Change:
    """An order after something happened to it."""

    order: Order
    entries: tuple[Entry, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """When this software may order by itself."""

    severity: Severity | None = None
    """From which severity, and ...; None: never."""
    urgency: Urgency = Urgency.SOON
    """... from which urgency."""
    per_site_and_day: int = 3
    """No more than these within 24 hours; the rest is suggested."""

    def allows(self, assessment: Assessment, site: str, orders: Iterable[Order], now: datetime) -> bool:
        """Whether it may order this without asking.

        Args:
            assessment: Of the case.
            site: Of the machine; nothing is ordered for a machine that belongs to none.
            orders: Of the last 24 hours at least, of all sites.
            now: Cloud time.
        """
        if self.severity is None or not site:
            return False
        if assessment.severity < self.severity or assessment.urgency < self.urgency:
            return False
        own = [order for order in orders if order.is_automatic and order.site == site]
        recent = [order for order in own if order.approved_at is not None and now - order.approved_at < DAY]
        return len(recent) < self.per_site_and_day


def order_key(case_id: int, number: int) -> str:
    """The key of a case's first, second … order.

    >>> order_key(41, 2)
    'ig-41-2'
    """
    return f"{KEY_PREFIX}{case_id}-{number}"


def find_key(text: str) -> str:
    """The first key in a text that a maintenance system keeps it in; empty: there is none.

    >>> find_key("[ig-41-2] Pump 7 looks like imbalance")
    'ig-41-2'
    """
    found = _KEY.search(text)
    return found.group() if found else ""


def suggest(order: Order, who: str, now: datetime) -> Change:
    """Put an order before the people.

    Raises:
        OrderError: it says too little or too much.
    """
    _require(0 < len(order.title.strip()) <= MAX_TITLE, f"a title has 1 to {MAX_TITLE} characters")
    _require(len(order.text) <= MAX_TEXT, f"a description has at most {MAX_TEXT} characters")
    _require(order.state is OrderState.SUGGESTED, "an order begins as a suggestion")
    return Change(order, (Entry(What.SUGGESTED, who, now),))


def approve(order: Order, who: str, now: datetime) -> Change:
    """Order it; again changes nothing. One that was refused is tried again.

    Raises:
        OrderError: it was declined, or is over.
    """
    if order.state in UNDER_WAY:
        return Change(order)
    _require(order.state in (OrderState.SUGGESTED, OrderState.REFUSED), f"it is {order.state} already")
    approved = replace(order, state=OrderState.APPROVED, approved_at=now, why="")
    return _done(approved, What.APPROVED, who, now)


def order_by_itself(order: Order, now: datetime) -> Change:
    """Order it without asking, where the policy allows that.

    Raises:
        OrderError: it is no suggestion any more.
    """
    _require(order.state is OrderState.SUGGESTED, f"it is {order.state} already")
    approved = replace(order, state=OrderState.APPROVED, approved_at=now, is_automatic=True)
    return Change(approved, (Entry(What.ORDERED_BY_ITSELF, SYSTEM, now),))


def decline(order: Order, who: str, why: str, now: datetime) -> Change:
    """Do not order it.

    Raises:
        OrderError: it is on its way, or no reason was given.
    """
    _require(order.state in (OrderState.SUGGESTED, OrderState.REFUSED), f"it is {order.state} already")
    _require(bool(why.strip()), "say why it is not needed")
    return _done(replace(order, state=OrderState.DECLINED, why=why.strip()), What.DECLINED, who, now, why)


def note_placed(order: Order, there: Place, now: datetime) -> Change:
    """The maintenance system has it, whatever was believed here; again changes nothing.

    Raises:
        OrderError: it has it under another name already: two were made of one.
    """
    known = (order.eam, order.eam_id)
    _require(
        not order.eam_id or known == (there.eam, there.id),
        f"{order.key} is {order.eam_id}, and now {there.id}",
    )
    if order.eam_id:
        return Change(order)
    state = order.state if order.state in _THERE else OrderState.PLACED
    placed = replace(order, state=state, eam=there.eam, eam_id=there.id, eam_url=there.url, why="")
    return Change(placed, (Entry(What.PLACED, EAM, now, there.id),))


def note_refused(order: Order, why: str, now: datetime) -> Change:
    """The maintenance system does not take it; one that it has already cannot be refused any more."""
    if order.state is not OrderState.APPROVED:
        return Change(order)
    refused = replace(order, state=OrderState.REFUSED, why=why)
    return Change(refused, (Entry(What.REFUSED, EAM, now, why),))


def note_status(order: Order, state: OrderState, said_at: datetime, now: datetime) -> Change:
    """Take what the maintenance system says; what is older than what is known changes nothing.

    Raises:
        OrderError: no state that it can say, or of an order that it does not have.
    """
    _require(state in _THERE, f"a maintenance system cannot say {state}")
    _require(bool(order.eam_id), f"{order.key} is not known there")
    if order.said_at is not None and (said_at, _RANK[state]) <= (order.said_at, _RANK[order.state]):
        return Change(order)
    told = replace(order, said_at=said_at)
    if state is order.state:
        return Change(told)
    return Change(replace(told, state=state), (Entry(What.STATUS, EAM, now, str(state)),))


def ask_to_close(order: Order, who: str, why: str, now: datetime) -> Change:
    """Have the maintenance system close it; it is over when that says so.

    Raises:
        OrderError: it is not there, or is over.
    """
    _require(order.state in (OrderState.PLACED, OrderState.STARTED), f"it is {order.state}")
    return _done(order, What.CLOSING, who, now, why)


def note_doubled(order: Order, others: Iterable[str], now: datetime) -> Change:
    """The maintenance system has it more than once; somebody has to look there."""
    return Change(order, (Entry(What.DOUBLED, EAM, now, ", ".join(others)),))


def _done(order: Order, what: What, who: str, now: datetime, why: str = "") -> Change:
    _require(bool(who.strip()), "say who you are")
    return Change(order, (Entry(what, who.strip(), now, why.strip()),))


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise OrderError(message)
