"""Builds the application.

Rule: the one place where the API's objects meet. Everything is built here, once, from what is passed in;
two applications with two stores fit in one process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from cloud.access.desk import AccessDesk
from cloud.access.people_desk import PeopleDesk
from cloud.access.throttle import Throttle
from cloud.access.tokens import Signer
from cloud.api import (
    alerts,
    assets,
    cases,
    devices,
    eam,
    forecasts,
    kpis,
    machines,
    maintenance_log,
    people,
    planned_stops,
    planning,
    rollouts,
    system,
    tokens,
    work_orders,
)
from cloud.api.audit_trail import AuditTrail
from cloud.api.deps import utc_now
from cloud.api.idempotency import Idempotency
from cloud.api.limits import BodyLimit
from cloud.api.live import LiveFeed
from cloud.api.problems import install_problems
from cloud.api.schemas import Problem, Responses
from cloud.api.security import SecurityHeaders
from cloud.api.settings import ApiSettings
from cloud.catalogue import Catalogue
from cloud.eam.settings import EamSettings
from cloud.store import queries
from cloud.store.database import Database
from cloud.web import (
    access_pages,
    asset_pages,
    case_pages,
    figure_pages,
    fleet_pages,
    order_pages,
    people_pages,
    planning_pages,
    rollout_pages,
    value_pages,
)
from cloud.web.pages import mount_static
from cloud.web.pages import router as web_router
from cloud.web.reading import Sparks
from cloud.web.render import Renderer
from contract.registry import Registry

API_PREFIX = "/api/v1"
_DESCRIPTION = """Machines, their scores and trends, and the alerts about them.

Times are aware UTC. `event_time` is the device's clock, `ingest_time` the cloud's. Units are UCUM codes.
Errors are `application/problem+json` (RFC 9457).

A person signs in at `POST /tokens` and sends the access token as `Authorization: Bearer`; a program sends its
key as `X-API-Key`. What a role may do, and of which sites, is in docs/operations.md. A `POST` that makes
something may carry an `Idempotency-Key`: asked again within a day, it gives the same answer and does nothing
twice."""
_REFUSALS: Responses = {
    401: {"model": Problem, "description": "Nobody was recognised: no sign-in, or one that is over"},
    403: {
        "model": Problem,
        "description": "The caller's role or sites, or the page that asks, do not allow it",
    },
    429: {"model": Problem, "description": "More than one caller may ask"},
}


def create_app(
    settings: ApiSettings,
    database: Database,
    catalogue: Catalogue | None = None,
    registry: Registry | None = None,
    maintenance: EamSettings | None = None,
) -> FastAPI:
    """The API and the page over one store.

    Args:
        settings: How to pace what is live, and which host names to answer.
        database: An open store; whoever opened it closes it.
        catalogue: The releases that can be rolled out; None: no rollout can be planned.
        registry: Of published models; None: only what runs is known.
        maintenance: The company's maintenance system, which may call in; None: it may not.
    """

    def read_marker() -> str:
        with database.session() as session:
            return str(queries.change_marker(session))

    feed = LiveFeed(read_marker, settings)
    app = FastAPI(
        title="IndustrialGuard",
        version="1",
        description=_DESCRIPTION,
        openapi_url=f"{API_PREFIX}/openapi.json",
        docs_url=None,  # both viewers load scripts from elsewhere
        redoc_url=None,
        lifespan=_lifespan,
    )
    renderer = Renderer(settings.operator)
    app.state.settings = settings
    app.state.database = database
    app.state.catalogue = catalogue
    app.state.registry = registry
    app.state.eam = maintenance
    app.state.feed = feed
    app.state.renderer = renderer
    app.state.sparks = Sparks()
    _add_access(app, settings, database)
    install_problems(app, renderer.error_page)
    _add_routes(app)
    mount_static(app)
    return app


def _add_routes(app: FastAPI) -> None:
    api = APIRouter(prefix=API_PREFIX, responses=_REFUSALS)
    for router in (
        machines.router,
        forecasts.router,
        alerts.router,
        cases.router,
        assets.router,
        planned_stops.router,
        planning.router,
        maintenance_log.router,
        work_orders.router,
        eam.router,
        rollouts.router,
        devices.router,
        system.router,
        tokens.router,
        people.router,
        kpis.router,
    ):
        api.include_router(router)
    app.include_router(api)
    for page_router in (
        system.probes,
        fleet_pages.router,
        planning_pages.router,
        asset_pages.router,
        web_router,
        rollout_pages.router,
        case_pages.router,
        order_pages.router,
        figure_pages.router,
        value_pages.router,
        access_pages.router,
        people_pages.router,
    ):
        app.include_router(page_router)


def _add_access(app: FastAPI, settings: ApiSettings, database: Database) -> None:
    """Who is let in, how much may be asked, what is written down of it; what is added last comes first."""
    app.state.access = AccessDesk(database, Signer(settings.signing_key), utc_now)
    app.state.people = PeopleDesk(database, utc_now)
    app.state.requests = Throttle(2 * settings.requests_per_s, settings.requests_per_s)
    app.add_middleware(Idempotency, database=database, clock=utc_now)
    app.add_middleware(AuditTrail, database=database, clock=utc_now)
    app.add_middleware(BodyLimit, max_bytes=settings.max_body_bytes)
    app.add_middleware(SecurityHeaders, hosts=settings.hosts)


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    feed: LiveFeed = app.state.feed
    poller = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        feed.close()
        await poller
