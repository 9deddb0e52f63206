"""What each stage could at best do: the same libraries and servers, bare, on as many bytes.

Rule: nothing between the library and the server but a loop; batches, durability and bytes are the road's.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import logging
import os
import secrets
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloud.kafka_settings import KafkaAddress
from cloud.settings import CloudSettings
from cloud.sqlite_wal import use_wal
from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.ingest.clients import PUBLISH, READY, SUBSCRIBE
from industrialguard.bench.ingest.reader import StoreReader

_SETTINGS = CloudSettings(Path())
BATCH = _SETTINGS.sink_batch
PARTITIONS = _SETTINGS.partitions
CLIENT_S = 120.0
COPIED_ROWS = 20_000


@dataclass(frozen=True, slots=True)
class Ceiling:
    """One measured."""

    name: str
    messages_per_s: float
    client_cpu_s_per_1000: float
    """Of the client's process alone."""


class _Clock:
    """Wall and processor time of this process."""

    def __init__(self) -> None:
        self._wall_s, self._cpu_s = time.perf_counter(), time.process_time()

    def ceiling(self, name: str, messages: int) -> Ceiling:
        wall_s, cpu_s = time.perf_counter() - self._wall_s, time.process_time() - self._cpu_s
        return Ceiling(name, messages / wall_s, 1000 * cpu_s / messages)


def measure_mqtt(url: str, messages: int, size: int) -> list[Ceiling]:
    """Publish to nobody, then publish to one subscriber, QoS 1, with each library that is installed."""
    found = []
    for client in [name for name in ("paho", "aiomqtt") if name == "paho" or importlib.util.find_spec(name)]:
        publishing = _finish(_start_client(client, PUBLISH, url, (messages, size)))
        found.append(_client_ceiling(f"MQTT publish, {client}", publishing, messages))
        subscriber = _start_client(client, SUBSCRIBE, url, (messages, size))
        publisher = _start_client(client, PUBLISH, url, (messages, size))
        _finish(publisher)
        found.append(_client_ceiling(f"MQTT publish and subscribe, {client}", _finish(subscriber), messages))
    return found


def _start_client(client: str, role: str, url: str, load: tuple[int, int]) -> subprocess.Popen[str]:
    """A client in a process of its own, which is connected when this returns."""
    line = [sys.executable, "-m", "industrialguard.bench.ingest.clients", client, role, url, *map(str, load)]
    process = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
    if process.stdout is None or process.stdout.readline().strip() != READY:
        raise ProcessLostError(f"the bare {client} client did not connect")
    return process


def _finish(process: subprocess.Popen[str]) -> dict[str, float]:
    try:
        said, _ = process.communicate(timeout=CLIENT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise ProcessLostError(f"a bare MQTT client took over {CLIENT_S:.0f} s") from None
    if process.returncode != 0:
        raise ProcessLostError("a bare MQTT client failed; see above")
    result: dict[str, float] = json.loads(said)
    return result


def _client_ceiling(name: str, result: dict[str, float], messages: int) -> Ceiling:
    return Ceiling(name, messages / result["seconds"], 1000 * result["cpu_s"] / messages)


def measure_kafka(stream: str, messages: int, size: int) -> list[Ceiling]:
    """Produce (idempotent, all replicas) and consume."""
    return asyncio.run(_measure_kafka(KafkaAddress.parse(stream), messages, size))


async def _measure_kafka(address: KafkaAddress, messages: int, size: int) -> list[Ceiling]:
    from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
    from aiokafka.admin import AIOKafkaAdminClient, NewTopic

    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it speaks of a topic that is still young
    topic, payload = f"bench-ceiling-{secrets.token_hex(4)}", os.urandom(size)
    admin = AIOKafkaAdminClient(bootstrap_servers=address.servers)
    producer = AIOKafkaProducer(bootstrap_servers=address.servers, acks="all", enable_idempotence=True)
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address.servers, auto_offset_reset="earliest")
    try:
        await admin.start()
        await admin.create_topics([NewTopic(topic, PARTITIONS, 1)])
        await _wait_for_leaders(admin, topic)
        await producer.start()
        await producer.send_and_wait(topic, payload, partition=0)  # it knows the topic now
        clock = _Clock()
        for start in range(0, messages, BATCH):
            sent = [
                await producer.send(topic, payload, b"device", partition=n % PARTITIONS)
                for n in range(start, min(start + BATCH, messages))
            ]
            await asyncio.gather(*sent)
        produced = clock.ceiling("Kafka produce, aiokafka", messages)
        await consumer.start()
        clock, left = _Clock(), messages
        while left > 0:
            batches = await consumer.getmany(timeout_ms=1000, max_records=BATCH)
            left -= sum(map(len, batches.values()))
        return [produced, clock.ceiling("Kafka consume, aiokafka", messages)]
    finally:
        for client in (consumer, producer):
            await client.stop()
        await admin.delete_topics([topic])
        await admin.close()


async def _wait_for_leaders(admin: Any, topic: str) -> None:
    while True:
        (found,) = await admin.describe_topics([topic])
        if found["partitions"] and all(each["leader"] >= 0 for each in found["partitions"]):
            return
        await asyncio.sleep(0.05)


def measure_copy(store: str) -> list[Ceiling]:
    """COPY the summaries that are there into a table of the same kind, a transaction a batch."""
    import psycopg

    table = f"bench_ceiling_{secrets.token_hex(4)}"
    with psycopg.connect(store, autocommit=True) as connection:
        columns = "device_id, event_time, boot_id, sequence, ingest_time"
        batches: list[list[bytes]] = []
        total = min(COPIED_ROWS, _count(connection.execute("SELECT count(*) FROM summary").fetchone()))
        for start in range(0, total - BATCH + 1, BATCH):
            query = f"SELECT * FROM summary ORDER BY {columns} LIMIT {BATCH} OFFSET {start}"  # noqa: S608
            with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT BINARY)") as rows:
                batches.append([bytes(row) for row in rows])
        connection.execute(f"CREATE TABLE {table} (LIKE summary INCLUDING INDEXES)")
        try:
            clock = _Clock()
            for batch in batches:
                with connection.cursor().copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as rows:
                    for row in batch:
                        rows.write(row)
            return [clock.ceiling("PostgreSQL COPY, psycopg", BATCH * len(batches))] if batches else []
        finally:
            connection.execute(f"DROP TABLE {table}")


def _count(row: Any) -> int:
    return int(row[0])


def measure_sqlite(store: str, folder: Path) -> list[Ceiling]:
    """Insert the summaries that are there into a file of its own, a transaction a batch, each on the disk."""
    with StoreReader(store) as reader:
        ((statement,),) = reader.ask("SELECT sql FROM sqlite_master WHERE name = 'summary'")
        rows = reader.ask(f"SELECT * FROM summary LIMIT {COPIED_ROWS}")  # noqa: S608
    if not rows:
        return []
    connection = sqlite3.connect(folder / "ceiling.db", isolation_level=None)
    try:
        use_wal(connection, 5.0)
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=OFF")
        connection.execute(statement)
        insertion = f"INSERT INTO summary VALUES ({', '.join('?' * len(rows[0]))})"  # noqa: S608
        clock = _Clock()
        for batch in _batches(rows):
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insertion, batch)
            connection.execute("COMMIT")
        return [clock.ceiling("SQLite insert, sqlite3", len(rows))]
    finally:
        connection.close()


def _batches(rows: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(rows), BATCH):
        yield rows[start : start + BATCH]


Measurement = Callable[[], list[Ceiling]]
