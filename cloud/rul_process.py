"""The process that forecasts: stream and store in, forecasts out.

Rule: the one place where it is built from settings; nothing else of the cloud loads a model runtime.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import closing

from cloud.metrics import RulMetrics, count_of
from cloud.monitor import Monitor
from cloud.processes import open_stream, supervise
from cloud.rul import GROUP, RulSettings, RulWorker
from cloud.settings import CloudSettings
from cloud.store.database import open_database
from cloud.stream import MESSAGES

_LOG = logging.getLogger(__name__)


async def run_rul(settings: RulSettings, cloud: CloudSettings, monitor: Monitor, stop: asyncio.Event) -> None:
    """Stream to forecasts, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder cannot be used.
    """
    async with open_stream(cloud) as stream:
        monitor.watch_stream(stream)
        with closing(open_database(cloud.prepare_store())) as database:
            monitor.watch_store(database)
            metrics = RulMetrics(monitor.registry)
            worker = RulWorker(database, settings, metrics=metrics)
            consumer = await stream.subscribe(MESSAGES, GROUP)
            _LOG.info("ready", extra={"address": str(settings.registry)})
            lag = monitor.follow_lag(GROUP, MESSAGES, consumer)
            await supervise([worker.run(consumer, stop)], [lag], stop)
            _LOG.info("rul stopped", extra={"forecasts": count_of(metrics.forecasts)})
