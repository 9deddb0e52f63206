"""The process that people and programs ask: API and page over the store.

Rule: the one place where it is built from settings; it needs neither stream nor broker.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import closing

from cloud.api.app import create_app
from cloud.api.counting import RequestCounter
from cloud.api.server import ApiServer
from cloud.catalogue import Catalogue
from cloud.metrics import ApiMetrics
from cloud.monitor import Monitor
from cloud.processes import listen
from cloud.settings import CloudSettings
from cloud.store.database import Database, open_database
from contract.registry import Registry

_LOG = logging.getLogger(__name__)


async def run_api(settings: CloudSettings, monitor: Monitor, stop: asyncio.Event) -> None:
    """API and page, until told to stop.

    Raises:
        CloudError: the store cannot be opened.
        ConfigError: the data folder or the address cannot be used.
    """
    with (
        closing(listen_for_people(settings)) as listener,
        closing(open_database(settings.prepare_store())) as database,
    ):
        monitor.watch_store(database)
        await answer_people(settings, database, listener, monitor, stop)


def listen_for_people(settings: CloudSettings) -> socket.socket:
    """Take the address of API and page.

    Raises:
        ConfigError: it is taken, or not ours.
    """
    return listen(settings.api.host, settings.api.port, flag="--http")


async def answer_people(
    settings: CloudSettings,
    database: Database,
    listener: socket.socket,
    monitor: Monitor,
    stop: asyncio.Event,
) -> None:
    """API and page over a store and at an address that somebody else closes, until told to stop.

    Raises:
        ConfigError: the repository of releases cannot be one.
    """
    app = create_app(settings.api, database, _open_catalogue(settings), _open_registry(settings))
    app.add_middleware(RequestCounter, metrics=ApiMetrics(monitor.registry))
    server = ApiServer(app, settings.api, takes_signals=False)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    host, port = listener.getsockname()[:2]
    _LOG.info("ready", extra={"address": f"http://{f'[{host}]' if ':' in host else host}:{port}"})
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.stop()
    await serving


def _open_catalogue(settings: CloudSettings) -> Catalogue | None:
    if settings.repository is None:
        return None
    return Catalogue(settings.repository, settings.catalogue_folder)


def _open_registry(settings: CloudSettings) -> Registry | None:
    """Where `cloud rul` looks, unless it is told otherwise."""
    folder = settings.data_dir / "registry"
    return Registry(folder) if folder.is_dir() else None
