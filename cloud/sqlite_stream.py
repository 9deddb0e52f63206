"""The embedded stream: one SQLite file, several processes.

Rule: the event loop never waits for the disk; each connection has one thread. Space is a bound, age a wish:
consumed records go when they are older than `retention_s`, and at once when the log is full. A group has one
consumer at a time, which reads all partitions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from cloud.errors import StreamClosedError, StreamFullError
from cloud.group_lock import GroupLock
from cloud.sqlite_log import SqliteLog
from cloud.stream import Record, StoredRecord

_T = TypeVar("_T")
_TRIM_PERIOD_S = 60.0
_SHORTEST_WAIT_S = 0.02
_LONGEST_WAIT_S = 0.1


@dataclass(frozen=True, slots=True)
class SqliteStreamConfig:
    """Where the log lies and how much it keeps."""

    path: Path
    partitions: int = 8
    """Fixed when the file is made; bounds how many consumers can share the work of a bigger log."""
    retention_s: float = 86_400.0
    """How long records stay after every group has consumed them, in s."""
    max_bytes: int | None = None
    """Size of the file at which appends are refused; None: no bound but the disk."""


class SqliteStream:
    """A `Stream` in one SQLite file.

    Raises:
        ConfigError: the file was made with another number of partitions.
        StreamError: it cannot be opened.
    """

    def __init__(self, config: SqliteStreamConfig) -> None:
        self._config = config
        self._worker = _Worker(SqliteLog(config.path, config.partitions, config.max_bytes))
        self._consumers: list[SqliteConsumer] = []
        self._trimmed_at_s = time.monotonic()

    async def append(self, topic: str, records: Sequence[Record]) -> None:
        """See `cloud.stream.Stream.append`."""
        if not records:
            return
        await self._worker.run(lambda log: self._append(log, topic, records))

    async def subscribe(self, topic: str, group: str) -> SqliteConsumer:
        """See `cloud.stream.Stream.subscribe`."""
        path = self._config.path
        lock = GroupLock(path.with_name(f"{path.name}.{topic}.{group}.lock"))
        worker = _Worker(SqliteLog(path, self._config.partitions))
        consumer = SqliteConsumer(worker, topic, group, lock)
        await consumer.seek_committed()
        self._consumers.append(consumer)
        return consumer

    async def trim(self, retention_s: float) -> int:
        """Delete records that every group has consumed and that are older than this; returns how many."""
        return await self._worker.run(lambda log: log.trim(retention_s))

    async def ping(self) -> None:
        """See `cloud.stream.Stream.ping`."""
        await self._worker.run(lambda log: log.data_version())

    async def close(self) -> None:
        """See `cloud.stream.Stream.close`."""
        for consumer in self._consumers:
            await consumer.close()
        await self._worker.close()

    def _append(self, log: SqliteLog, topic: str, records: Sequence[Record]) -> None:
        try:
            log.append(topic, records)
        except StreamFullError:
            if not log.trim(retention_s=0.0):
                raise
            log.append(topic, records)
        if time.monotonic() - self._trimmed_at_s > _TRIM_PERIOD_S:
            self._trimmed_at_s = time.monotonic()
            log.trim(self._config.retention_s)


class SqliteConsumer:
    """A `Consumer` of every partition of one topic; made by `SqliteStream.subscribe`."""

    def __init__(self, worker: _Worker, topic: str, group: str, lock: GroupLock) -> None:
        self._worker = worker
        self._topic = topic
        self._group = group
        self._lock = lock
        self._positions: dict[int, int] = {}
        self._first = 0

    async def seek_committed(self) -> None:
        """Go to where the group last committed."""
        self._positions = await self._worker.run(lambda log: log.committed(self._topic, self._group))

    async def poll(self, limit: int, timeout_s: float) -> list[StoredRecord]:
        """See `cloud.stream.Consumer.poll`.

        Other processes cannot wake us, so an idle poll asks SQLite whether anybody committed: first after 20
        ms, then every 100.
        """
        deadline_s = time.monotonic() + timeout_s
        wait_s = _SHORTEST_WAIT_S
        version: int | None = None
        while True:
            found = await self._worker.run(partial(self._read, limit, version))
            if isinstance(found, list):
                return found
            version = found
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return []
            await asyncio.sleep(min(wait_s, left_s))
            wait_s = min(wait_s * 2, _LONGEST_WAIT_S)

    async def commit(self, records: Sequence[StoredRecord]) -> None:
        """See `cloud.stream.Consumer.commit`."""
        positions: dict[int, int] = {}
        for record in records:
            positions[record.partition] = max(record.offset, positions.get(record.partition, 0))
        if positions:
            await self._worker.run(lambda log: log.commit(self._topic, self._group, positions))

    def turns(self) -> Mapping[int, int]:
        """See `cloud.stream.Consumer.turns`; nobody else can have one while this consumer lives."""
        return dict.fromkeys(self._positions, 0)

    async def lag(self) -> int:
        """See `cloud.stream.Consumer.lag`."""
        return await self._worker.run(lambda log: log.count_after(self._topic, self._positions))

    async def close(self) -> None:
        """See `cloud.stream.Consumer.close`."""
        await self._worker.close()
        self._lock.release()

    def _read(self, limit: int, version: int | None, log: SqliteLog) -> list[StoredRecord] | int:
        """Records, or the data version at which there were none."""
        current = log.data_version()
        if current == version:
            return current
        found: list[StoredRecord] = []
        partitions = sorted(self._positions)
        self._first = (self._first + 1) % len(partitions)
        for partition in partitions[self._first :] + partitions[: self._first]:
            if len(found) == limit:
                break
            records = log.read(self._topic, partition, self._positions[partition], limit - len(found))
            if records:
                self._positions[partition] = records[-1].offset
                found += records
        return found or current


class _Worker:
    """One connection and the one thread that uses it."""

    def __init__(self, log: SqliteLog) -> None:
        self._log = log
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="stream")
        self._is_closed = False

    async def run(self, work: Callable[[SqliteLog], _T]) -> _T:
        if self._is_closed:
            raise StreamClosedError("the stream is closed")
        return await asyncio.get_running_loop().run_in_executor(self._thread, work, self._log)

    async def close(self) -> None:
        if self._is_closed:
            return
        self._is_closed = True
        await asyncio.get_running_loop().run_in_executor(self._thread, self._log.close)
        self._thread.shutdown()
