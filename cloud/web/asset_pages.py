"""The plant's page: its machines, what watches them, and taking a list over.

Rule: as in `cloud.web.pages`; works without scripts. A change asked for here is the API's own, and a list is
shown with what it would change before anything does.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from starlette.concurrency import run_in_threadpool

from cloud.api.access import ADMINISTER, READ, PrincipalDep
from cloud.api.deps import StoreDep
from cloud.api.problems import sentence
from cloud.api.sites import require_site
from cloud.asset_desk import import_assets, plan_words
from cloud.asset_import import COLUMNS, EXAMPLE, ImportPlan
from cloud.errors import AssetError, NotFoundError
from cloud.people import Permission, Principal
from cloud.store.assets import map_device, read_asset
from cloud.store.database import Database
from cloud.web.asset_reading import ListShown, read_assets
from cloud.web.forms import read_fields
from cloud.web.pages import Reader, Render
from cloud.web.reading import PageReader
from cloud.web.render import Renderer

router = APIRouter(include_in_schema=False)
_REFUSED = 422


@router.get("/assets", dependencies=READ)
def assets_page(
    store: StoreDep,
    render: Render,
    principal: PrincipalDep,
    reader: Reader,
    show: Annotated[str, Query(pattern="^(|unwatched)$")] = "",
    page: Annotated[int, Query(ge=1, le=10_000)] = 1,
) -> HTMLResponse:
    """The plant."""
    found = read_assets(store, principal.sites, show == "unwatched", page)
    may = principal.may(Permission.ADMINISTER)
    return render.page(
        "pages/assets", here="assets", page=found, said="", can_change=may, ingest=reader.ingest()
    )


@router.post("/assets/map", dependencies=ADMINISTER)
async def post_mapping(
    request: Request, store: StoreDep, render: Render, principal: PrincipalDep, reader: Reader
) -> Response:
    """Say what a device watches; an empty device takes the asset's away."""
    fields = await read_fields(request)
    said = await run_in_threadpool(_map, store, principal, fields.get("tag", ""), fields.get("device", ""))
    if not said:
        return RedirectResponse("/assets", status_code=303)
    found = await run_in_threadpool(read_assets, store, principal.sites, False, 1)
    return render.page(
        "pages/assets",
        _REFUSED,
        here="assets",
        page=found,
        said=said,
        can_change=True,
        ingest=reader.ingest(),
    )


@router.get("/assets/import", dependencies=READ)
def list_page(render: Render, reader: Reader) -> HTMLResponse:
    """Where a list is put in."""
    return _list_page(render, reader, ListShown("", ImportPlan()), "")


@router.post("/assets/import", dependencies=ADMINISTER)
async def post_list(
    request: Request, store: StoreDep, render: Render, principal: PrincipalDep, reader: Reader
) -> Response:
    """Show what a list would change, or take it over."""
    fields = await read_fields(request)
    text, is_dry = fields.get("list", ""), fields.get("do") != "import"
    plan = await run_in_threadpool(import_assets, store, text, is_dry, principal.sites)
    if not is_dry and not plan.faults:
        return RedirectResponse("/assets", status_code=303)
    return _list_page(render, reader, ListShown(text, plan), plan_words(plan, is_dry))


def _map(store: Database, principal: Principal, tag: str, device: str) -> str:
    """What is wrong with it; empty: it was done."""
    try:
        with store.transaction() as session:
            require_site(principal, read_asset(session, tag).place.site)
            map_device(session, tag, device or None)
    except (AssetError, NotFoundError) as error:
        return sentence(error)
    return ""


def _list_page(render: Renderer, reader: PageReader, shown: ListShown, said: str) -> HTMLResponse:
    status = _REFUSED if shown.plan.faults else 200
    example, columns = EXAMPLE, ", ".join(COLUMNS)
    return render.page(
        "pages/asset_import",
        status,
        here="assets",
        shown=shown,
        said=said,
        example=example,
        columns=columns,
        ingest=reader.ingest(),
    )
