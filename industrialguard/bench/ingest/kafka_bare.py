"""Bare Kafka: as a ceiling, and to fill and to watch what a process of the cloud works on alone.

Rule: producer and consumer are set as `cloud.kafka_stream` sets them; in the benchmarks only this file
imports aiokafka.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from cloud.kafka_settings import KafkaAddress, KafkaStreamConfig
from cloud.stream import partition_of
from contract.messages import Kind
from contract.topics import UpTopic
from industrialguard.bench.errors import ProcessLostError
from industrialguard.bench.ingest.ceilings import SETTINGS, BareClock, Ceiling, batches
from industrialguard.bench.ingest.messages import BareMessage
from industrialguard.bench.ingest.places import INGEST_STAGE, KAFKA_STAGE, SINK_STAGE
from industrialguard.bench.ingest.usage import Stages

PRODUCED, CONSUMED = "Kafka produce, aiokafka", "Kafka consume, aiokafka"
LOOK_S = 0.1
STALL_S = 60.0
Ask = Callable[[], Awaitable[int]]
# It speaks of topics that are still young.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)


def measure_kafka(address: KafkaAddress, messages: Sequence[BareMessage], stages: Stages) -> list[Ceiling]:
    """Produce (idempotent, all replicas), then consume and commit, a batch at a time."""
    return asyncio.run(_measure(address, messages, stages.only(KAFKA_STAGE)))


def fill_topic(address: KafkaAddress, topic: str, messages: Sequence[BareMessage]) -> None:
    """Append messages as ingest does."""
    asyncio.run(_fill(address, topic, messages))


def follow_ends(address: KafkaAddress, topic: str, until: int, note: Callable[[int], None]) -> None:
    """Tell how many records a topic holds, again and again, until there are so many.

    Raises:
        ProcessLostError: for long there were no more.
    """
    asyncio.run(_follow_ends(address, topic, until, note))


def follow_commits(address: KafkaAddress, group: str, until: int, note: Callable[[int], None]) -> None:
    """Tell how far a group has committed, again and again, until it is so far.

    Raises:
        ProcessLostError: for long it came no further.
    """
    asyncio.run(_follow_commits(address, group, until, note))


def count_records(address: KafkaAddress, topic: str) -> int:
    """How many records a topic holds."""
    found: list[int] = []
    asyncio.run(_follow_ends(address, topic, 0, found.append))
    return found[-1]


def read_payloads(address: KafkaAddress, topic: str, prefix: str) -> list[bytes]:
    """The payloads of a topic's records whose key begins so."""
    return asyncio.run(_read_payloads(address, topic, prefix.encode()))


def make_topic(address: KafkaAddress, topic: str) -> None:
    """Make a topic that is not there yet."""
    asyncio.run(_make_one(address, topic))


async def _measure(address: KafkaAddress, messages: Sequence[BareMessage], server: Stages) -> list[Ceiling]:
    topic = f"bench-ceiling-{secrets.token_hex(4)}"
    async with _admin(address) as admin, _producer(address) as producer:
        await _make_topic(admin, topic)
        try:
            await producer.send_and_wait(topic, b"", partition=0)  # it knows the topic now
            clock = BareClock(INGEST_STAGE, server)
            await _produce(producer, topic, messages)
            produced = clock.ceiling(PRODUCED, len(messages))
            async with _consumer(address, topic, group=topic) as consumer:
                await consumer.getmany(timeout_ms=10_000, max_records=1)  # it has its partitions now
                left, clock = len(messages), BareClock(SINK_STAGE, server)
                while left > 0:
                    found = await consumer.getmany(timeout_ms=1000, max_records=SETTINGS.sink_batch)
                    left -= sum(map(len, found.values()))
                    await consumer.commit()
                consumed = clock.ceiling(CONSUMED, len(messages))
        finally:
            await admin.delete_topics([topic])
    return [produced, consumed]


async def _fill(address: KafkaAddress, topic: str, messages: Sequence[BareMessage]) -> None:
    async with _admin(address) as admin, _producer(address) as producer:
        await _make_topic(admin, topic)
        await _produce(producer, topic, messages)


async def _follow_ends(address: KafkaAddress, topic: str, until: int, note: Callable[[int], None]) -> None:
    async with _consumer(address) as consumer:
        places = [TopicPartition(topic, number) for number in range(SETTINGS.partitions)]

        async def ask() -> int:
            return sum((await consumer.end_offsets(places)).values())

        await _follow(ask, until, note)


async def _follow_commits(address: KafkaAddress, group: str, until: int, note: Callable[[int], None]) -> None:
    async with _admin(address) as admin:

        async def ask() -> int:
            offsets = await admin.list_consumer_group_offsets(group)
            return sum(max(0, each.offset) for each in offsets.values())

        await _follow(ask, until, note)


async def _follow(ask: Ask, until: int, note: Callable[[int], None]) -> None:
    most, moved_s = -1, time.monotonic()
    while most < until:
        count = await ask()
        note(count)
        if count > most:
            most, moved_s = count, time.monotonic()
        elif time.monotonic() - moved_s > STALL_S:
            raise ProcessLostError(f"{most} of {until} records came through, and none for {STALL_S:.0f} s")
        if most < until:
            await asyncio.sleep(LOOK_S)


async def _read_payloads(address: KafkaAddress, topic: str, prefix: bytes) -> list[bytes]:
    places = [TopicPartition(topic, number) for number in range(SETTINGS.partitions)]
    found: list[bytes] = []
    async with _consumer(address) as consumer:
        consumer.assign(places)
        left = sum((await consumer.end_offsets(places)).values())
        while left > 0:
            for records in (await consumer.getmany(timeout_ms=1000)).values():
                left -= len(records)
                found += [each.value for each in records if each.key and each.key.startswith(prefix)]
    return found


async def _produce(producer: AIOKafkaProducer, topic: str, messages: Sequence[BareMessage]) -> None:
    for places in batches(len(messages), SETTINGS.ingest_batch):
        sent = []
        for message in messages[places.start : places.stop]:
            topic_header = str(UpTopic(message.device_id, Kind(message.kind))).encode()
            sent.append(
                await producer.send(
                    topic,
                    message.payload,
                    message.device_id.encode(),
                    partition=partition_of(message.device_id, SETTINGS.partitions),
                    headers=[("topic", topic_header), ("retained", b"0")],
                )
            )
        await asyncio.gather(*sent)


async def _make_one(address: KafkaAddress, topic: str) -> None:
    async with _admin(address) as admin:
        await _make_topic(admin, topic)


async def _make_topic(admin: AIOKafkaAdminClient, topic: str) -> None:
    """Make it, and wait until each partition has a leader."""
    await admin.create_topics([NewTopic(topic, SETTINGS.partitions, 1)])
    while True:
        (found,) = await admin.describe_topics([topic])
        if found["partitions"] and all(each["leader"] >= 0 for each in found["partitions"]):
            return
        await asyncio.sleep(0.05)


@asynccontextmanager
async def _admin(address: KafkaAddress) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address.servers)
    try:
        await admin.start()
        yield admin
    finally:
        await admin.close()


@asynccontextmanager
async def _producer(address: KafkaAddress) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=address.servers,
        acks="all",
        enable_idempotence=True,
        linger_ms=0,
        max_batch_size=2**18,
    )
    try:
        await producer.start()
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def _consumer(
    address: KafkaAddress, *topics: str, group: str | None = None
) -> AsyncIterator[AIOKafkaConsumer]:
    consumer = AIOKafkaConsumer(
        *topics,
        bootstrap_servers=address.servers,
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
        max_partition_fetch_bytes=KafkaStreamConfig(address).max_record_bytes,
        fetch_max_wait_ms=100,
    )
    try:
        await consumer.start()
        yield consumer
    finally:
        await consumer.stop()
