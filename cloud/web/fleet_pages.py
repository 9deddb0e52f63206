"""The home page: how the fleet stands, the worst first.

Rule: as in `cloud.web.pages`. Whoever belongs to some sites is shown these.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import HTMLResponse

from cloud.api.access import READ, PrincipalDep
from cloud.api.deps import StoreDep, utc_now
from cloud.fleet import FleetChoice, Show
from cloud.health import Health
from cloud.web.fleet_reading import FleetReader
from cloud.web.pages import Reader, Render

router = APIRouter(include_in_schema=False, dependencies=READ)
Code = Annotated[str, Query(max_length=40)]
MOST_PAGES = 10_000


def _fleet(store: StoreDep) -> FleetReader:
    return FleetReader(store, utc_now)


def _narrowed(
    health: Health | None = None,
    show: Show | None = None,
    q: Annotated[str, Query(max_length=64)] = "",
    page: Annotated[int, Query(ge=1, le=MOST_PAGES)] = 1,
) -> FleetChoice:
    return FleetChoice(health=health, show=show, search=q.strip(), page=page)


def _choice(
    narrowed: Annotated[FleetChoice, Depends(_narrowed)],
    principal: PrincipalDep,
    site: Code = "",
    area: Code = "",
    line: Code = "",
) -> FleetChoice:
    return replace(narrowed, site=site, area=area, line=line, sites=principal.sites)


Fleet = Annotated[FleetReader, Depends(_fleet)]
Choice = Annotated[FleetChoice, Depends(_choice)]


@router.get("/")
def fleet_page(fleet: Fleet, reader: Reader, render: Render, choice: Choice) -> HTMLResponse:
    """The fleet."""
    return render.page("pages/fleet", here="fleet", page=fleet.fleet(choice), ingest=reader.ingest())


@router.get("/fragments/fleet")
def fleet_part(fleet: Fleet, render: Render, choice: Choice) -> HTMLResponse:
    """What changes on the fleet page."""
    return render.page("parts/fleet", page=fleet.fleet(choice))
