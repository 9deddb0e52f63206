"""Work orders: suggested, approved or declined here, done in the company's maintenance system."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from cloud.api.access import PLAN, READ, PrincipalDep
from cloud.api.deps import StoreDep
from cloud.api.order_schemas import (
    OrderEntryPage,
    OrderOut,
    OrderPage,
    OrderReason,
    Suggest,
    order_entry_out,
    order_out,
)
from cloud.api.problems import ProblemError, sentence
from cloud.api.schemas import Problem, Responses
from cloud.api.versions import SeenVersion, etag
from cloud.errors import NotFoundError, StaleError
from cloud.order_desk import OrderDesk
from cloud.people import Principal
from cloud.store.assets import site_of
from cloud.store.cases import read_case
from cloud.store.database import Database
from cloud.store.orders import OrderChoice, StoredOrder, list_order_entries, list_orders, read_order
from cloud.work_orders import OrderState

router = APIRouter(prefix="/work-orders", tags=["work orders"])
OrderId = Annotated[int, Path(description="Id of the order", ge=1, le=2**63 - 1, examples=[7])]
_NOT_FOUND: Responses = {404: {"model": Problem, "description": "No such order"}}
_REFUSALS: Responses = {
    **_NOT_FOUND,
    403: {"model": Problem, "description": "Your role does not allow it, or another site's page asks"},
    409: {"model": Problem, "description": "Its state does not allow that; the detail says why"},
    412: {"model": Problem, "description": "It has changed since you looked at it"},
}
Do = Callable[[OrderDesk, int | None], StoredOrder]


@router.get("", dependencies=READ)
def list_all(
    *,
    who: PrincipalDep,
    store: StoreDep,
    state: Annotated[list[OrderState] | None, Query(description="Only in one of these states")] = None,
    device: Annotated[
        str | None, Query(max_length=64, description="Only of this machine", examples=["pump-07"])
    ] = None,
    case: Annotated[int | None, Query(ge=1, le=2**63 - 1, description="Only of this case")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="Orders per page")] = 100,
    before: Annotated[
        int | None, Query(ge=1, le=2**63 - 1, description="Only ids below this one: `next_before`")
    ] = None,
) -> OrderPage:
    """Orders, newest first."""
    choice = OrderChoice(tuple(state or ()), device, case, before, who.sites)
    with store.session() as session:
        found = list_orders(session, choice, limit)
    next_before = found[-1].order.id if len(found) == limit else None
    return OrderPage(orders=[order_out(each) for each in found], next_before=next_before)


@router.post("", dependencies=PLAN, responses=_REFUSALS, status_code=201)
def post_suggest(body: Suggest, who: PrincipalDep, store: StoreDep, response: Response) -> OrderOut:
    """Suggest an order for a case; where it has one that is not over, it is that one."""
    with store.session() as session:
        site = site_of(session, read_case(session, body.case_id).case.device_id)
    if not who.sees(site):
        raise NotFoundError(f"there is no case {body.case_id}")
    return _answer(OrderDesk(store).suggest(body.case_id, who.name), response)


@router.get("/{order_id}", dependencies=READ, responses=_NOT_FOUND)
def get_order(order_id: OrderId, who: PrincipalDep, store: StoreDep, response: Response) -> OrderOut:
    """One order; its version is the `ETag`."""
    return _answer(read_seen(store, order_id, who), response)


@router.get("/{order_id}/entries", dependencies=READ, responses=_NOT_FOUND)
def list_trail(
    order_id: OrderId,
    who: PrincipalDep,
    store: StoreDep,
    limit: Annotated[int, Query(ge=1, le=500, description="Entries per page")] = 100,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="Only later ones: `next_after`")] = 0,
) -> OrderEntryPage:
    """Who did what to it, when and why; oldest first."""
    read_seen(store, order_id, who)
    with store.session() as session:
        found = list_order_entries(session, order_id, limit, after)
    next_after = found[-1].id if len(found) == limit else None
    return OrderEntryPage(entries=[order_entry_out(each) for each in found], next_after=next_after)


@router.post("/{order_id}/approve", dependencies=PLAN, responses=_REFUSALS)
def post_approve(
    order_id: OrderId, who: PrincipalDep, store: StoreDep, response: Response, seen: SeenVersion
) -> OrderOut:
    """Have it ordered; a second time changes nothing."""
    return _act(
        store, order_id, who, seen, response, lambda desk, seen: desk.approve(order_id, who.name, seen)
    )


@router.post("/{order_id}/retry", dependencies=PLAN, responses=_REFUSALS)
def post_retry(
    order_id: OrderId, who: PrincipalDep, store: StoreDep, response: Response, seen: SeenVersion
) -> OrderOut:
    """Send an order again that the maintenance system refused; there it is still one."""
    return _act(
        store, order_id, who, seen, response, lambda desk, seen: desk.approve(order_id, who.name, seen)
    )


@router.post("/{order_id}/decline", dependencies=PLAN, responses=_REFUSALS)
def post_decline(
    order_id: OrderId,
    body: OrderReason,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> OrderOut:
    """Do not order it; says why."""

    def decline(desk: OrderDesk, seen: int | None) -> StoredOrder:
        return desk.decline(order_id, who.name, body.why, seen)

    return _act(store, order_id, who, seen, response, decline)


@router.post("/{order_id}/close", dependencies=PLAN, responses=_REFUSALS)
def post_close(
    order_id: OrderId,
    body: OrderReason,
    who: PrincipalDep,
    store: StoreDep,
    response: Response,
    seen: SeenVersion,
) -> OrderOut:
    """Have the maintenance system close it; it is done when that says so."""

    def close(desk: OrderDesk, seen: int | None) -> StoredOrder:
        return desk.close(order_id, who.name, body.why, seen)

    return _act(store, order_id, who, seen, response, close)


def read_seen(store: Database, order_id: int, who: Principal) -> StoredOrder:
    """An order of a site that the caller sees.

    Raises:
        NotFoundError: there is none.
    """
    with store.session() as session:
        stored = read_order(session, order_id)
    if not who.sees(stored.order.site):
        raise NotFoundError(f"there is no work order {order_id}")
    return stored


def _act(
    store: Database, order_id: int, who: Principal, seen: int | None, response: Response, do: Do
) -> OrderOut:
    read_seen(store, order_id, who)
    try:
        return _answer(do(OrderDesk(store), seen), response)
    except StaleError as error:
        raise ProblemError(412, sentence(error)) from error


def _answer(stored: StoredOrder, response: Response) -> OrderOut:
    response.headers["ETag"] = etag(stored.version)
    return order_out(stored)
