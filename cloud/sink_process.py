"""The process behind the stream: stream in, store and acknowledgements out.

Rule: the one place where it is built from settings; it loads the store, and no web framework.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from contextlib import closing

from cloud import dead_letters
from cloud.acks import AckPublisher
from cloud.housekeeping import Housekeeper
from cloud.metrics import AckMetrics, SinkMetrics, count_of
from cloud.monitor import Monitor
from cloud.mqtt import MqttLink
from cloud.processes import open_stream, supervise
from cloud.settings import CloudSettings
from cloud.sink import GROUP, LETTERS_GROUP, Sink
from cloud.store.database import Database, open_database
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES, Stream

_LOG = logging.getLogger(__name__)


async def run_sink(settings: CloudSettings, monitor: Monitor, stop: asyncio.Event) -> None:
    """Stream to store, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder cannot be used.
    """
    async with open_stream(settings) as stream:
        monitor.watch_stream(stream)
        with closing(open_database(settings.prepare_store())) as database:
            monitor.watch_store(database)
            await store_records(settings, stream, database, monitor, stop)


async def store_records(
    settings: CloudSettings, stream: Stream, database: Database, monitor: Monitor, stop: asyncio.Event
) -> None:
    """Stream to store, both of which somebody else closes, until told to stop.

    Raises:
        CloudError: a part failed for good.
    """
    link = MqttLink(settings.mqtt, f"sink-{settings.member or secrets.token_hex(4)}")
    acks = AckPublisher(link, AckMetrics(monitor.registry))
    metrics = SinkMetrics(monitor.registry)
    writer = StoreWriter(database, settings.member or "")
    sink = Sink(stream, writer, acks, settings.sink_batch, metrics, monitor.tracing)
    monitor.watch_link("sink", link)
    monitor.watch("sink", sink.check)
    try:
        messages = await stream.subscribe(MESSAGES, GROUP)
        letters = await stream.subscribe(dead_letters.TOPIC, LETTERS_GROUP)
        parts = [
            sink.run_messages(messages, stop),
            sink.run_dead_letters(letters, stop),
            Housekeeper(database, settings.keeping).run(stop),
        ]
        services = [
            link.run(),
            monitor.follow_lag(GROUP, MESSAGES, messages, sink.note_lag),
            monitor.follow_lag(LETTERS_GROUP, dead_letters.TOPIC, letters),
        ]
        _LOG.info("ready", extra={"address": link.address})
        await supervise(parts, services, stop)
    finally:
        await link.close()
        counts = {"stored": count_of(metrics.stored), "redelivered": count_of(metrics.redelivered)}
        _LOG.info("sink stopped", extra=counts)
