"""The order pages: what is to be decided, what is under way, and how it stands with the maintenance system.

Rule: as in `cloud.web.pages`. A change asked for here is the API's own, by whoever is signed in; the version
that the page showed goes with it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import HTMLResponse
from starlette.concurrency import run_in_threadpool

from cloud.api.access import PLAN, READ, PrincipalDep
from cloud.api.deps import StoreDep
from cloud.api.eam import post_retry
from cloud.api.work_orders import read_seen
from cloud.errors import NotFoundError
from cloud.order_desk import OrderDesk
from cloud.people import Principal
from cloud.store.assets import site_of
from cloud.store.cases import read_case
from cloud.store.database import Database
from cloud.web.order_reading import OrderReader, read_case_orders
from cloud.web.order_views import CaseOrders
from cloud.web.pages import Reader, Render, read_form

router = APIRouter(include_in_schema=False)


def _orders(store: StoreDep, who: PrincipalDep) -> OrderReader:
    return OrderReader(store, who)


Orders = Annotated[OrderReader, Depends(_orders)]
Id = Annotated[int, Path(ge=1, le=2**63 - 1)]
Action = Annotated[str, Path(pattern="^(suggest|approve|decline|close)$")]
Over = Annotated[bool, Query()]


@router.get("/orders", dependencies=READ)
def orders_page(orders: Orders, reader: Reader, render: Render, over: Over = False) -> HTMLResponse:
    """The list."""
    return render.page("pages/orders", here="orders", page=orders.orders(over), ingest=reader.ingest())


@router.get("/fragments/orders", dependencies=READ)
def orders_part(orders: Orders, render: Render, over: Over = False) -> HTMLResponse:
    """What changes in the list."""
    return render.page("parts/orders", page=orders.orders(over))


@router.get("/orders/{order_id}", dependencies=READ)
def order_page(order_id: Id, orders: Orders, reader: Reader, render: Render) -> HTMLResponse:
    """One order."""
    return render.page("pages/order", here="order", page=orders.order(order_id), ingest=reader.ingest())


@router.get("/fragments/orders/{order_id}", dependencies=READ)
def order_part(order_id: Id, orders: Orders, render: Render) -> HTMLResponse:
    """What changes on an order's page."""
    return render.page("parts/order", page=orders.order(order_id))


@router.post("/orders/{order_id}/{action}", dependencies=PLAN)
async def change(
    *, order_id: Id, action: Action, request: Request, who: PrincipalDep, store: StoreDep, render: Render
) -> HTMLResponse:
    """Do what a button says; answers with the order as it now stands."""
    form = await read_form(request)
    await run_in_threadpool(_change, store, order_id, action, who, form)
    page = await run_in_threadpool(OrderReader(store, who).order, order_id)
    return render.page("parts/order", page=page)


@router.post("/cases/{case_id}/orders/{action}", dependencies=PLAN)
async def change_of_case(
    *, case_id: Id, action: Action, request: Request, who: PrincipalDep, store: StoreDep, render: Render
) -> HTMLResponse:
    """The same on the page of a case; answers with its orders."""
    form = await read_form(request)
    orders = await run_in_threadpool(_change_of_case, store, case_id, action, who, form)
    return render.page("parts/case_orders", orders=orders)


@router.post("/eam/letters/{letter_id}/retry", dependencies=PLAN)
async def retry_letter(letter_id: Id, store: StoreDep, orders: Orders, render: Render) -> HTMLResponse:
    """Take something again that could not be taken."""
    await run_in_threadpool(post_retry, letter_id, store)
    return render.page("parts/orders", page=await run_in_threadpool(orders.orders, False))


def _change_of_case(
    store: Database, case_id: int, action: str, who: Principal, form: dict[str, str]
) -> CaseOrders:
    with store.session() as session:
        case = read_case(session, case_id).case
        is_seen = who.sees(site_of(session, case.device_id))
    if not is_seen:
        raise NotFoundError(f"there is no case {case_id}")
    if action == "suggest":
        OrderDesk(store).suggest(case_id, who.name)
    else:
        number = form.get("order", "")
        _change(store, int(number) if number.isdecimal() else 0, action, who, form)
    with store.session() as session:
        return read_case_orders(session, case_id, case.is_open)


def _change(store: Database, order_id: int, action: str, who: Principal, form: dict[str, str]) -> None:
    read_seen(store, order_id, who)
    version = form.get("order_version", "")
    seen = int(version) if version.isdecimal() else None
    desk, why = OrderDesk(store), form.get("why", "")
    if action == "approve":
        desk.approve(order_id, who.name, seen)
    elif action == "decline":
        desk.decline(order_id, who.name, why, seen)
    else:
        desk.close(order_id, who.name, why, seen)
