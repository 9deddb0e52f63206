"""A road under measurement: the cloud's own processes between a broker and a store.

Rule: real processes; where several share a stage, each has a name that it keeps.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from types import TracebackType
from typing import Self

from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from cloud.store.queries import ingest_health, message_counts
from cloud.store.rows import DeviceCounts
from industrialguard.bench.ingest.parts import Parts
from industrialguard.bench.ingest.places import INGEST_STAGE, SINK_STAGE, BrokerPlace, Places
from industrialguard.bench.ingest.plan import Workers
from industrialguard.bench.ingest.reader import StoreReader
from industrialguard.bench.ingest.usage import Stages

MEMBER, SHARED = "INDUSTRIALGUARD_MEMBER", "INDUSTRIALGUARD_SHARED"


class Road:
    """Broker to store; as a context manager it runs inside the block.

    Args:
        places: Where.
        folder: For what is embedded, and for logs; it exists.
        workers: How many processes of each kind.
    """

    def __init__(self, places: Places, folder: Path, workers: Workers | None = None) -> None:
        self.places = places
        self.workers = workers or Workers()
        self._folder = folder
        self._running = ExitStack()
        self._parts = Parts(places, folder)
        self.store_url = places.store or sqlite_url(folder / "store.db")

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()

    @property
    def broker(self) -> BrokerPlace:
        """Where the load goes."""
        return self._parts.broker

    def stages(self) -> Stages:
        """Its processes, as far as they can be seen."""
        return self._parts.stages()

    def require_alive(self) -> None:
        """See that every part still runs.

        Raises:
            ProcessLostError: one does not; the message ends with the last lines of its log.
        """
        self._parts.require_alive()

    def count(self, devices: Sequence[str]) -> DeviceCounts:
        """What the store has of some devices, counted in its tables."""
        return _count(self.database, devices)

    def knows(self, devices: Sequence[str]) -> bool:
        """Whether the store has heard the Birth of all of them."""
        query = "SELECT count(*) FROM machine WHERE device_id BETWEEN ? AND ? AND is_connected IS NOT NULL"
        with StoreReader(self.store_url) as reader:
            ((n_known,),) = reader.ask(query, (devices[0], devices[-1]))
        return bool(n_known == len(devices))

    def lag(self) -> int:
        """Records that wait in the stream, as the sink last saw them."""
        with self.database.session() as session:
            return ingest_health(session).stream_lag

    def log_bytes(self) -> int | None:
        """Size of the embedded stream; None: it is not embedded."""
        if self.places.stream:
            return None
        return sum(path.stat().st_size for path in self._folder.glob("stream.db*"))

    def _start(self) -> None:
        parts, workers = self._running.enter_context(self._parts), self.workers
        names = []
        for stage, n_processes in ((INGEST_STAGE, workers.ingests), (SINK_STAGE, workers.sinks)):
            for number in range(n_processes):
                names.append(name := stage if n_processes == 1 else f"{stage}-{number + 1}")
                several = {MEMBER: name, SHARED: "1"} if n_processes > 1 else {}
                parts.start(stage, name, several)
        for name in names:
            parts.wait_ready(name)
        self.database: Database = open_database(self.store_url)
        self._running.callback(self.database.close)


def count_devices(store_url: str, devices: Sequence[str]) -> DeviceCounts:
    """What a store has of some devices, counted in its tables."""
    with closing(open_database(store_url)) as database:
        return _count(database, devices)


def _count(database: Database, devices: Sequence[str]) -> DeviceCounts:
    with database.session() as session:
        found = message_counts(session).devices
    some = [found[device] for device in devices if device in found]
    return DeviceCounts(
        stored=sum(each.stored for each in some),
        duplicated=sum(each.duplicated for each in some),
        redelivered=sum(each.redelivered for each in some),
        dead_lettered=sum(each.dead_lettered for each in some),
    )
