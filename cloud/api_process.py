"""The process that people and programs ask: API and page over the store.

Rule: the one place where it is built from settings; it needs neither stream nor broker.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from contextlib import closing
from dataclasses import replace

from cloud.access.people_desk import PeopleDesk
from cloud.access.signing_key import read_signing_key
from cloud.api.app import create_app
from cloud.api.counting import RequestCounter
from cloud.api.server import ApiServer
from cloud.api.settings import ApiSettings
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
    models = _open_catalogue(settings), _open_registry(settings)
    app = create_app(_with_signing_key(settings), database, *models, settings.eam)
    app.add_middleware(RequestCounter, metrics=ApiMetrics(monitor.registry))
    server = ApiServer(app, settings.api, takes_signals=False)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    while not server.started and not serving.done():
        await asyncio.sleep(0.01)
    host, port = listener.getsockname()[:2]
    address = f"http://{f'[{host}]' if ':' in host else host}:{port}"
    _LOG.info("ready", extra={"address": address})
    await asyncio.to_thread(_offer_setup, app.state.people, address)
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    server.stop()
    await serving


def _with_signing_key(settings: CloudSettings) -> ApiSettings:
    """What the API is told, with the key that all processes over this store sign with.

    Raises:
        ConfigError: it cannot be read or made.
    """
    key = settings.signing_key
    if key is None:
        settings.make_data_dir()
        key = read_signing_key(settings.signing_key_path)
    return replace(settings.api, signing_key=key)


def _offer_setup(people: PeopleDesk, address: str) -> None:
    """Say on standard output, and in no log, how the first administrator is made, where there is none."""
    secret = people.make_setup_link()
    if secret is not None:
        print(
            f"Nobody can sign in yet. Set up the first administrator: {address}/setup?token={secret}",
            flush=True,
        )


def _open_catalogue(settings: CloudSettings) -> Catalogue | None:
    if settings.repository is None:
        return None
    return Catalogue(settings.repository, settings.catalogue_folder)


def _open_registry(settings: CloudSettings) -> Registry | None:
    """Where `cloud rul` looks, unless it is told otherwise."""
    folder = settings.data_dir / "registry"
    return Registry(folder) if folder.is_dir() else None
