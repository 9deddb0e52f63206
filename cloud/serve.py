"""The processes behind the stream: store, alerts, API and page.

Rule: the one place where they are built from settings and meet.
"""

from __future__ import annotations

import asyncio
import logging
import socket

from cloud import dead_letters
from cloud.acks import AckPublisher
from cloud.api.app import create_app
from cloud.api.server import ApiServer, listen
from cloud.mqtt import MqttLink
from cloud.processes import move_deliveries, open_stream, supervise
from cloud.replay import ReplayCounts, replay_dead_letters
from cloud.settings import CloudSettings
from cloud.sink import GROUP, Sink
from cloud.store.database import Database, open_database
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES, Stream

_LOG = logging.getLogger(__name__)


async def run_serve(settings: CloudSettings, stop: asyncio.Event) -> None:
    """Stream to store, alerts, API and page, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder or the address cannot be used.
    """
    async with open_stream(settings) as stream:
        await _serve(settings, stream, stop)


async def run_all(settings: CloudSettings, stop: asyncio.Event) -> None:
    """Everything in one process, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder or the address cannot be used.
    """
    async with open_stream(settings) as stream:
        parts = [move_deliveries(settings, stream, stop), _serve(settings, stream, stop)]
        await supervise(parts, [], stop)


async def run_replay(settings: CloudSettings) -> ReplayCounts:
    """Give every dead letter another chance.

    Raises:
        CloudError: stream or store failed.
    """
    async with open_stream(settings) as stream:
        database = open_database(settings.store_url)
        try:
            return await replay_dead_letters(database, stream)
        finally:
            database.close()


async def _serve(settings: CloudSettings, stream: Stream, stop: asyncio.Event) -> None:
    listener = listen(settings.api.host, settings.api.port)
    database = open_database(settings.store_url)
    link = MqttLink(settings.mqtt, "sink")
    sink = Sink(stream, StoreWriter(database), AckPublisher(link), settings.sink_batch)
    try:
        messages = await stream.subscribe(MESSAGES, GROUP)
        letters = await stream.subscribe(dead_letters.TOPIC, GROUP)
        parts = [
            sink.run_messages(messages, stop),
            sink.run_dead_letters(letters, stop),
            _run_api(settings, database, listener, stop),
        ]
        await supervise(parts, [link.run()], stop)
    finally:
        await link.close()
        database.close()
        listener.close()
        _LOG.info(
            "sink stopped", extra={"stored": sink.counters.stored, "redelivered": sink.counters.redelivered}
        )


async def _run_api(
    settings: CloudSettings, database: Database, listener: socket.socket, stop: asyncio.Event
) -> None:
    server = ApiServer(create_app(settings.api, database), settings.api, takes_signals=False)
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
