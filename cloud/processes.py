"""Where the parts of the cloud meet and become processes.

Rule: the one place that builds them. A part that fails takes its process down, so that whoever started it can
start it again; told to stop, a process finishes its batches, commits, says goodbye to the broker and closes
its files.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any

from cloud import dead_letters
from cloud.acks import AckPublisher
from cloud.ingest import Ingest
from cloud.mqtt import MqttLink
from cloud.replay import ReplayCounts, replay_dead_letters
from cloud.settings import CloudSettings
from cloud.sink import GROUP, Sink
from cloud.sqlite_stream import SqliteStream
from cloud.store.database import Database, open_database, sqlite_url
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES, Stream
from contract.errors import ConfigError
from contract.topics import ALL_UP

_LOG = logging.getLogger(__name__)
GRACE_S = 10.0
"""How long a part may take to finish its batch once told to stop, in s."""
_Work = Coroutine[Any, Any, None]


async def run_ingest(settings: CloudSettings, stop: asyncio.Event) -> None:
    """Broker to stream, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder cannot be used.
    """
    async with _open_stream(settings) as stream:
        await _run_ingest(settings, stream, stop)


async def run_serve(settings: CloudSettings, stop: asyncio.Event) -> None:
    """Stream to store, alerts, API and page, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder or the address cannot be used.
    """
    async with _open_stream(settings) as stream:
        await _run_serve(settings, stream, stop)


async def run_all(settings: CloudSettings, stop: asyncio.Event) -> None:
    """Everything in one process, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder or the address cannot be used.
    """
    async with _open_stream(settings) as stream:
        parts = [_run_ingest(settings, stream, stop), _run_serve(settings, stream, stop)]
        await _supervise(parts, [], stop)


async def run_replay(settings: CloudSettings) -> ReplayCounts:
    """Give every dead letter another chance.

    Raises:
        CloudError: stream or store failed.
    """
    async with _open_stream(settings) as stream:
        database = open_database(sqlite_url(settings.store_path))
        try:
            return await replay_dead_letters(database, stream)
        finally:
            database.close()


async def _run_ingest(settings: CloudSettings, stream: Stream, stop: asyncio.Event) -> None:
    link = MqttLink(settings.mqtt, "ingest", ALL_UP)
    ingest = Ingest(stream, settings.ingest_batch, settings.ingest_wait_s)
    try:
        await _supervise([ingest.run(link, stop)], [link.run(), _announce_link(link)], stop)
    finally:
        await link.close()
        counters = ingest.counters
        _LOG.info(
            "ingest stopped", extra={"accepted": counters.accepted, "dead_lettered": counters.dead_lettered}
        )


async def _run_serve(settings: CloudSettings, stream: Stream, stop: asyncio.Event) -> None:
    listener = _listen(settings.api.host, settings.api.port)
    database = open_database(sqlite_url(settings.store_path))
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
        await _supervise(parts, [link.run()], stop)
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
    from cloud.api.app import create_app  # the web framework is loaded by who serves only
    from cloud.api.server import ApiServer

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


async def _announce_link(link: MqttLink) -> None:
    await link.wait_connected()
    _LOG.info("ready", extra={"address": link.address})


async def _supervise(parts: Sequence[_Work], services: Sequence[_Work], stop: asyncio.Event) -> None:
    """Run parts until told to stop, then let them finish; services run beside them and are ended last.

    When anything fails, everything is told to stop and the failure is raised.
    """
    working = {asyncio.create_task(part) for part in parts}
    beside = {asyncio.create_task(service) for service in services}
    stopping = asyncio.create_task(stop.wait())
    try:
        await _wait_for_end(working | beside, stopping)
        stop.set()
        await asyncio.wait(working, timeout=GRACE_S)
    finally:
        for task in working | beside | {stopping}:
            task.cancel()
        outcomes = await asyncio.gather(*working, *beside, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, Exception):
            raise outcome


async def _wait_for_end(tasks: set[asyncio.Task[None]], stopping: asyncio.Task[Any]) -> None:
    """Return when told to stop, or when a task has failed; one that has simply done its job is left alone."""
    running = set(tasks)
    while running and not stopping.done():
        done, _ = await asyncio.wait({*running, stopping}, return_when=asyncio.FIRST_COMPLETED)
        running -= done
        if any(task is not stopping and task.exception() is not None for task in done):
            return


@asynccontextmanager
async def _open_stream(settings: CloudSettings) -> AsyncIterator[SqliteStream]:
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"the data folder {settings.data_dir} cannot be made: {error.strerror}") from error
    stream = SqliteStream(settings.stream)
    try:
        yield stream
    finally:
        await stream.close()


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything else starts, so that a taken port is one clear line."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with --http"
        ) from error
