"""Several parts of the cloud in one process, for one machine.

Rule: only what `processes`, `sink_process`, `api_process` and `releases_process` build is put together here,
over one stream and one store.
"""

from __future__ import annotations

import asyncio
from contextlib import closing

from cloud.api_process import answer_people, listen_for_people
from cloud.monitor import Monitor
from cloud.processes import move_deliveries, open_stream, supervise
from cloud.replay import ReplayCounts, replay_dead_letters
from cloud.settings import CloudSettings
from cloud.sink_process import store_records
from cloud.store.database import open_database
from cloud.stream import Stream


async def run_serve(settings: CloudSettings, monitor: Monitor, stop: asyncio.Event) -> None:
    """Sink, API and page, and rollouts where there is a key for them, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder or the address cannot be used.
    """
    async with open_stream(settings) as stream:
        monitor.watch_stream(stream)
        await _serve(settings, stream, monitor, stop)


async def run_all(settings: CloudSettings, monitor: Monitor, stop: asyncio.Event) -> None:
    """Ingest, sink, API and page, until told to stop.

    Raises:
        CloudError: a part failed for good.
        ConfigError: the data folder or the address cannot be used.
    """
    async with open_stream(settings) as stream:
        monitor.watch_stream(stream)
        parts = [move_deliveries(settings, stream, monitor, stop), _serve(settings, stream, monitor, stop)]
        await supervise(parts, [], stop)


async def run_replay(settings: CloudSettings) -> ReplayCounts:
    """Give every dead letter another chance.

    Raises:
        CloudError: stream or store failed.
    """
    async with open_stream(settings) as stream:
        with closing(open_database(settings.prepare_store())) as database:
            return await replay_dead_letters(database, stream)


async def _serve(settings: CloudSettings, stream: Stream, monitor: Monitor, stop: asyncio.Event) -> None:
    with (
        closing(listen_for_people(settings)) as listener,
        closing(open_database(settings.prepare_store())) as database,
    ):
        monitor.watch_store(database)
        parts = [
            store_records(settings, stream, database, monitor, stop),
            answer_people(settings, database, listener, monitor, stop),
        ]
        if settings.director_keys:
            from cloud.releases_process import carry_out  # loads the signing of releases

            parts.append(carry_out(settings, database, monitor, stop))
        if settings.eam is not None:
            from cloud.eam_process import serve_orders  # loads the adapters

            parts.append(serve_orders(settings.eam, database, monitor, stop))
        await supervise(parts, [], stop)
