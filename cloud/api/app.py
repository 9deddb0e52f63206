"""Builds the application.

Rule: the one place where the API's objects meet. Everything is built here, once, from what is passed in;
two applications with two stores fit in one process.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import APIRouter, FastAPI

from cloud.api import alerts, cases, devices, forecasts, machines, rollouts, system
from cloud.api.deps import utc_now
from cloud.api.live import LiveFeed
from cloud.api.problems import install_problems
from cloud.api.security import SecurityHeaders
from cloud.api.settings import ApiSettings
from cloud.catalogue import Catalogue
from cloud.store import queries
from cloud.store.database import Database
from cloud.web import case_pages, rollout_pages, value_pages
from cloud.web.case_reading import CaseReader
from cloud.web.pages import mount_static
from cloud.web.pages import router as web_router
from cloud.web.reading import PageReader
from cloud.web.render import Renderer
from cloud.web.rollout_reading import RolloutReader

API_PREFIX = "/api/v1"
_DESCRIPTION = """Machines, their scores and trends, and the alerts about them.

Times are aware UTC. `event_time` is the device's clock, `ingest_time` the cloud's. Units are UCUM codes.
Errors are `application/problem+json` (RFC 9457). There is no sign-in yet: the server binds to 127.0.0.1
unless told otherwise, and changes are accepted from its own pages or from programs, never from another
site's pages."""


def create_app(settings: ApiSettings, database: Database, catalogue: Catalogue | None = None) -> FastAPI:
    """The API and the page over one store.

    Args:
        settings: How to pace what is live, and which host names to answer.
        database: An open store; whoever opened it closes it.
        catalogue: The releases that can be rolled out; None: no rollout can be planned.
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
    app.state.feed = feed
    app.state.renderer = renderer
    app.state.reader = PageReader(database)
    app.state.rollout_reader = RolloutReader(database, utc_now)
    app.state.case_reader = CaseReader(database, utc_now)
    app.add_middleware(SecurityHeaders, hosts=settings.hosts)
    install_problems(app, renderer.error_page)
    api = APIRouter(prefix=API_PREFIX)
    for router in (
        machines.router,
        forecasts.router,
        alerts.router,
        cases.router,
        rollouts.router,
        devices.router,
        system.router,
    ):
        api.include_router(router)
    app.include_router(api)
    app.include_router(system.probes)
    app.include_router(web_router)
    app.include_router(rollout_pages.router)
    app.include_router(case_pages.router)
    app.include_router(value_pages.router)
    mount_static(app)
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    feed: LiveFeed = app.state.feed
    poller = asyncio.create_task(feed.run())
    try:
        yield
    finally:
        feed.close()
        await poller
