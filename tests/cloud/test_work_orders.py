"""An order is suggested, approved, placed and done, once, whatever arrives first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloud.errors import OrderError
from cloud.triage import Assessment, Severity, Urgency
from cloud.work_orders import (
    UNDER_WAY,
    Change,
    Order,
    OrderState,
    Place,
    Policy,
    approve,
    decline,
    note_placed,
    note_refused,
    note_status,
    order_by_itself,
    order_key,
    suggest,
)

NOW = datetime(2026, 3, 2, 8, tzinfo=UTC)
THERE = Place("odoo", "WO-1")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
ORDER = Order(
    order_key(41, 1), 41, "pump-7", "north", "Grease pump-7", "", Severity.CRITICAL, Urgency.SOON, NOW
)


def states(change: Change) -> tuple[OrderState, int]:
    return change.order.state, len(change.entries)


def test_an_order_goes_its_way() -> None:
    order = suggest(ORDER, "system", NOW).order
    approved = approve(order, "Jo", NOW)
    assert states(approved) == (OrderState.APPROVED, 1)
    assert approve(approved.order, "Kim", NOW) == Change(approved.order), "again changes nothing"
    placed = note_placed(approved.order, THERE, NOW)
    assert states(placed) == (OrderState.PLACED, 1)
    assert note_placed(placed.order, THERE, NOW) == Change(placed.order)
    started = note_status(placed.order, OrderState.STARTED, NOW, NOW).order
    done = note_status(started, OrderState.DONE, NOW + HOUR, NOW).order
    assert (done.state, done.is_over, done.key, done.eam_id) == (OrderState.DONE, True, "ig-41-1", "WO-1")


def test_an_order_that_was_refused_is_tried_again_or_declined() -> None:
    refused = note_refused(approve(ORDER, "Jo", NOW).order, "no such asset", NOW).order
    assert (refused.state, refused.why) == (OrderState.REFUSED, "no such asset")
    assert approve(refused, "Jo", NOW).order.state is OrderState.APPROVED
    assert decline(refused, "Jo", "done by hand", NOW).order.is_over


def test_one_that_is_there_cannot_be_refused_any_more() -> None:
    """Its creation timed out, was found the next time, and the first answer comes at last."""
    placed = note_placed(approve(ORDER, "Jo", NOW).order, THERE, NOW).order
    assert note_refused(placed, "time-out", NOW) == Change(placed)


def test_two_of_one_are_not_hidden() -> None:
    placed = note_placed(approve(ORDER, "Jo", NOW).order, THERE, NOW).order
    with pytest.raises(OrderError, match="is WO-1, and now WO-2"):
        note_placed(placed, Place("odoo", "WO-2"), NOW)


SAID = ((OrderState.STARTED, 1), (OrderState.DONE, 3), (OrderState.STARTED, 2))


@pytest.mark.parametrize("order", list(permutations(range(3))), ids=str)
def test_the_newest_status_counts_whatever_arrives_first(order: tuple[int, ...]) -> None:
    found = note_placed(approve(ORDER, "Jo", NOW).order, THERE, NOW).order
    for place in order:
        state, minute = SAID[place]
        found = note_status(found, state, NOW + minute * MINUTE, NOW).order
    assert (found.state, found.said_at) == (OrderState.DONE, NOW + 3 * MINUTE)


@pytest.mark.parametrize(
    ("ask", "sentence"),
    [
        (lambda: suggest(replace(ORDER, title=" "), "Jo", NOW), "title"),
        (lambda: suggest(replace(ORDER, text="x" * 4001), "Jo", NOW), "4000"),
        (lambda: approve(ORDER, " ", NOW), "who you are"),
        (lambda: approve(decline(ORDER, "Jo", "no", NOW).order, "Jo", NOW), "declined already"),
        (lambda: decline(ORDER, "Jo", " ", NOW), "why"),
        (lambda: decline(approve(ORDER, "Jo", NOW).order, "Jo", "no", NOW), "approved already"),
        (lambda: order_by_itself(approve(ORDER, "Jo", NOW).order, NOW), "approved already"),
        (lambda: note_status(ORDER, OrderState.DONE, NOW, NOW), "not known there"),
        (lambda: note_status(replace(ORDER, eam_id="1"), OrderState.REFUSED, NOW, NOW), "cannot say"),
    ],
    ids=range(9),
)
def test_what_cannot_be_done_is_said(ask: object, sentence: str) -> None:
    with pytest.raises(OrderError, match=sentence):
        ask()  # type: ignore[operator]


def assessment(severity: Severity, urgency: Urgency) -> Assessment:
    return Assessment(severity, urgency, ("", ""))


def test_nothing_is_ordered_without_asking_unless_somebody_said_so() -> None:
    assert not Policy().allows(assessment(Severity.CRITICAL, Urgency.NOW), "north", [], NOW)


@pytest.mark.parametrize(
    ("severity", "urgency", "site", "expected"),
    [
        (Severity.CRITICAL, Urgency.NOW, "north", True),
        (Severity.CRITICAL, Urgency.PLAN, "north", False),
        (Severity.DEGRADED, Urgency.NOW, "north", False),
        (Severity.CRITICAL, Urgency.NOW, "", False),
    ],
    ids=["both", "not urgent", "not severe", "nobody's"],
)
def test_only_above_the_threshold(severity: Severity, urgency: Urgency, site: str, expected: bool) -> None:
    policy = Policy(Severity.CRITICAL, Urgency.SOON)
    assert policy.allows(assessment(severity, urgency), site, [], NOW) is expected


@given(st.lists(st.tuples(st.integers(0, 72), st.sampled_from(("north", "south"))), max_size=60))
def test_no_day_has_more_automatic_orders_of_a_site_than_were_allowed(cases: list[tuple[int, str]]) -> None:
    policy = Policy(Severity.DEGRADED, Urgency.PLAN, per_site_and_day=3)
    orders: list[Order] = []
    for number, (hour, site) in enumerate(sorted(cases)):
        now = NOW + hour * HOUR
        if policy.allows(assessment(Severity.CRITICAL, Urgency.NOW), site, orders, now):
            order = replace(ORDER, key=order_key(number, 1), site=site)
            orders.append(order_by_itself(order, now).order)
    for site in ("north", "south"):
        times = [o.approved_at for o in orders if o.site == site and o.approved_at is not None]
        for start in times:
            assert sum(timedelta() <= time - start < timedelta(days=1) for time in times) <= 3


EVENTS = st.lists(
    st.sampled_from(["approve", "decline", "itself", "placed", "refused", "started", "done", "cancelled"]),
    max_size=12,
)


@given(EVENTS)
def test_what_the_maintenance_system_has_is_never_lost(events: list[str]) -> None:
    order = ORDER
    asks: dict[str, Callable[[Order, datetime], Change]] = {
        "approve": lambda o, at: approve(o, "Jo", at),
        "decline": lambda o, at: decline(o, "Jo", "no", at),
        "itself": order_by_itself,
        "placed": lambda o, at: note_placed(o, THERE, at),
        "refused": lambda o, at: note_refused(o, "no", at),
        "started": lambda o, at: note_status(o, OrderState.STARTED, at, at),
        "done": lambda o, at: note_status(o, OrderState.DONE, at, at),
        "cancelled": lambda o, at: note_status(o, OrderState.CANCELLED, at, at),
    }
    for number, event in enumerate(events):
        before = order
        try:
            order = asks[event](order, NOW + number * MINUTE).order
        except OrderError:
            continue
        assert (order.key, order.case_id) == (ORDER.key, ORDER.case_id)
        assert not before.eam_id or order.eam_id == before.eam_id
        if before.eam_id and before.state in UNDER_WAY:
            assert order.state not in (OrderState.REFUSED, OrderState.SUGGESTED, OrderState.DECLINED)
