"""What every process of the cloud has in common, and the lightest of them.

Rule: a part that fails takes its process down, so that whoever started it can start it again; told to stop, a
process finishes its batches, commits, says goodbye to the broker and closes its files. Nothing here loads the
store or the web framework.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import secrets
import signal
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from cloud.ingest import Ingest
from cloud.kafka_settings import KafkaStreamConfig
from cloud.metrics import IngestMetrics, count_of
from cloud.monitor import Monitor
from cloud.mqtt import MqttLink
from cloud.settings import CloudSettings
from cloud.sqlite_stream import SqliteStream
from cloud.stream import Stream
from cloud.tracing import open_tracing
from contract.errors import ConfigError
from contract.topics import ALL_PRESENCE, ALL_UP, shared

_LOG = logging.getLogger(__name__)
GRACE_S = 10.0
"""How long a part may take to finish its batch once told to stop, in s."""
SHARE = "industrialguard"
"""The group under which the broker knows workers that share."""
SHARED_SESSION_S = 60
"""How long the broker keeps its part for a worker with a name, in s: as long as a restart takes."""
GC_THRESHOLDS = (50_000, 20, 100)
"""New objects, and young and middle collections, after which Python looks for cycles."""
Work = Coroutine[Any, Any, None]
Process = Callable[[CloudSettings, Monitor, asyncio.Event], Work]


async def run_ingest(settings: CloudSettings, monitor: Monitor, stop: asyncio.Event) -> None:
    """Broker to stream, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder cannot be used.
    """
    async with open_stream(settings) as stream:
        monitor.watch_stream(stream)
        await move_deliveries(settings, stream, monitor, stop)


async def move_deliveries(
    settings: CloudSettings, stream: Stream, monitor: Monitor, stop: asyncio.Event
) -> None:
    """Broker to a stream that somebody else closes, until told to stop.

    Raises:
        CloudError: a part failed for good.
    """
    link = open_ingest_link(settings)
    metrics = IngestMetrics(monitor.registry)
    ingest = Ingest(stream, settings.ingest_batch, settings.ingest_wait_s, metrics, monitor.tracing)
    monitor.watch_link("ingest", link)
    monitor.watch("ingest", ingest.check)
    try:
        await supervise([ingest.run(link, stop)], [link.run(), _announce_link(link)], stop)
    finally:
        await link.close()
        counts = {"accepted": count_of(metrics.accepted), "dead_lettered": count_of(metrics.dead_letters)}
        _LOG.info("ingest stopped", extra=counts)


def open_ingest_link(settings: CloudSettings) -> MqttLink:
    """The link of one worker: the only one, or one of several that share what devices say.

    Of several one that goes is soon forgotten by the broker, with what it had not acknowledged: devices send
    that again. Who is there is told to each of them, because a broker gives nothing from memory to those that
    share.
    """
    if not settings.is_shared:
        return MqttLink(settings.mqtt, "ingest", [ALL_UP])
    filters = [shared(ALL_UP, SHARE), *ALL_PRESENCE]
    if settings.member is None:
        return MqttLink(settings.mqtt, f"ingest-{secrets.token_hex(4)}", filters, session_s=0)
    return MqttLink(settings.mqtt, f"ingest-{settings.member}", filters, SHARED_SESSION_S)


async def _announce_link(link: MqttLink) -> None:
    await link.wait_connected()
    _LOG.info("ready", extra={"address": link.address})


async def run_until_told(name: str, process: Process, settings: CloudSettings) -> None:
    """Run a process until it ends or the system asks it to.

    Args:
        name: Of the process, in traces.
        process: What to run.
        settings: What it is told.

    Raises:
        CloudError: a part failed for good.
        ConfigError: a setting cannot be right.
    """
    _spare_collector()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    tracing = open_tracing(f"industrialguard-{name}", os.environ)
    monitor = Monitor(tracing)
    try:
        async with _answering(settings, monitor, stop):
            await process(settings, monitor, stop)
    finally:
        await asyncio.to_thread(tracing.close)


def _answering(
    settings: CloudSettings, monitor: Monitor, stop: asyncio.Event
) -> AbstractAsyncContextManager[None]:
    """Probes, where the settings ask for them."""
    if settings.metrics is None:
        return nullcontext()
    from cloud.monitor_server import serving  # loads uvicorn, which a process that nobody asks does without

    return serving(monitor, listen(*settings.metrics, flag="--metrics"), stop)


def listen(host: str, port: int, flag: str) -> socket.socket:
    """Bind before anything else starts, so that a taken port is one clear line.

    Raises:
        ConfigError: it is taken, or not ours.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise ConfigError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another with {flag}"
        ) from error


def _spare_collector() -> None:
    """Let the garbage collector look at what is loaded no more, and at what is new only in large portions.

    A batch is tens of thousands of objects without a cycle among them; the usual threshold of 700 made the
    collector, which walks through them again and again, half of what decoding costs.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)


async def supervise(parts: Sequence[Work], services: Sequence[Work], stop: asyncio.Event) -> None:
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
async def open_stream(settings: CloudSettings) -> AsyncIterator[Stream]:
    """The stream that the settings name: Kafka, or the one in the data folder, which is made when absent.

    Raises:
        ConfigError: the folder cannot be used, its stream has another number of partitions, or there is no
            client for Kafka.
        StreamError: the stream cannot be opened.
    """
    stream = _open_kafka(settings.kafka_stream) if settings.kafka_stream else _open_embedded(settings)
    try:
        yield stream
    finally:
        await stream.close()


def _open_kafka(config: KafkaStreamConfig) -> Stream:
    try:
        from cloud.kafka_stream import KafkaStream
    except ModuleNotFoundError as error:
        raise ConfigError("a stream in Kafka needs its client: install industrialguard[fleet]") from error
    return KafkaStream(config)


def _open_embedded(settings: CloudSettings) -> Stream:
    settings.make_data_dir()
    return SqliteStream(settings.sqlite_stream)
