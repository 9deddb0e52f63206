"""The process that forecasts: stream and store in, forecasts out.

Rule: the one place where it is built from settings; nothing else of the cloud loads a model runtime.
"""

from __future__ import annotations

import asyncio
import logging

from cloud.processes import open_stream
from cloud.rul import GROUP, RulSettings, RulWorker
from cloud.settings import CloudSettings
from cloud.store.database import open_database
from cloud.stream import MESSAGES

_LOG = logging.getLogger(__name__)


async def run_rul(settings: RulSettings, cloud: CloudSettings, stop: asyncio.Event) -> None:
    """Stream to forecasts, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder cannot be used.
    """
    async with open_stream(cloud) as stream:
        database = open_database(cloud.store_url)
        try:
            worker = RulWorker(database, settings)
            consumer = await stream.subscribe(MESSAGES, GROUP)
            _LOG.info("ready", extra={"address": str(settings.registry)})
            await worker.run(consumer, stop)
            _LOG.info("rul stopped", extra={"forecasts": worker.counters.forecasts})
        finally:
            database.close()
