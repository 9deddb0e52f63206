"""The stream in Apache Kafka, for when one machine is outgrown.

Rule: the only importer of aiokafka. A batch is durable when every record was acknowledged by all in-sync
replicas; when one was not, the producer is thrown away, because an idempotent one may never recover, and the
whole batch is appended again: whoever reads drops what came twice.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRebalanceListener, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError, TopicAlreadyExistsError

from cloud.errors import StreamClosedError, StreamError, StreamRefusedError
from cloud.kafka_settings import KafkaStreamConfig
from cloud.stream import Record, StoredRecord, partition_of

_LOG = logging.getLogger(__name__)
# It tells every attempt to reach a Kafka that is away, dozens a second; what matters reaches us as an error.
logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
_CLOSE_S = 5.0
"""How long a client may take to say goodbye, in s; after an outage it would wait for its broker."""
_LONGEST_WORK_S = 3600.0
"""Between two polls, in s: forecasts of a whole fleet, or a store that is away; the dead are found sooner."""
_MOVED = (CommitFailedError, IllegalStateError)
"""What is asked after the group has dealt the partitions to somebody else."""


class KafkaStream:
    """A `Stream` in Kafka. It connects when it is first used.

    Args:
        config: Where.
    """

    def __init__(self, config: KafkaStreamConfig) -> None:
        self._config = config
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._partitions: dict[str, int] = {}
        self._consumers: list[KafkaConsumer] = []
        self._is_closed = False

    async def append(self, topic: str, records: Sequence[Record]) -> None:
        """See `cloud.stream.Stream.append`."""
        if self._is_closed:
            raise StreamClosedError("the stream is closed")
        if not records:
            return
        self._require_room(records)
        name = self._config.address.name(topic)
        partitions = await self._find_topic(name)
        producer = await self._connect()
        try:
            await _send(producer, name, records, partitions)
        except (KafkaError, TimeoutError) as error:
            await self._throw_away(producer)
            raise _translated("appends nothing", error) from error

    async def subscribe(self, topic: str, group: str) -> KafkaConsumer:
        """See `cloud.stream.Stream.subscribe`."""
        if self._is_closed:
            raise StreamClosedError("the stream is closed")
        await self._find_topic(self._config.address.name(topic))
        consumer = KafkaConsumer(self._config, topic, group)
        await consumer.join()
        self._consumers.append(consumer)
        return consumer

    async def ping(self) -> None:
        """See `cloud.stream.Stream.ping`."""
        if self._is_closed:
            raise StreamClosedError("the stream is closed")
        async with self._admin("does not answer"):
            pass  # it has connected and read where the partitions are

    async def close(self) -> None:
        """See `cloud.stream.Stream.close`."""
        self._is_closed = True
        for consumer in self._consumers:
            await consumer.close()
        if self._producer is not None:
            await self._throw_away(self._producer)

    def _require_room(self, records: Sequence[Record]) -> None:
        """Kafka itself looks at packed batches only, which may hold anything."""
        largest, limit = max(len(record.value) for record in records), self._config.max_record_bytes
        if largest > limit:
            raise StreamRefusedError(
                f"Kafka appends nothing: a record of {largest} bytes, of at most {limit}"
            )

    async def _connect(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    bootstrap_servers=self._config.address.servers,
                    acks="all",
                    enable_idempotence=True,
                    linger_ms=0,
                    compression_type="zstd",  # most of a message are names that are in the next one too
                    max_batch_size=2**18,
                    max_request_size=self._config.max_record_bytes,
                    request_timeout_ms=round(self._config.request_s * 1000),
                )
                try:
                    await producer.start()
                except (KafkaError, TimeoutError) as error:
                    await _stop(producer)
                    raise _translated("cannot be reached", error) from error
                self._producer = producer
            return self._producer

    async def _throw_away(self, producer: AIOKafkaProducer) -> None:
        """Stop a producer; the next append makes another one."""
        if self._producer is producer:
            self._producer = None
        await _stop(producer)

    async def _find_topic(self, topic: str) -> int:
        """How many partitions it has; it is made where there is none."""
        if topic not in self._partitions:
            async with self._admin(f"cannot be asked about its topic {topic}") as admin:
                self._partitions[topic] = await self._make_topic(admin, topic)
        return self._partitions[topic]

    @asynccontextmanager
    async def _admin(self, what: str) -> AsyncIterator[AIOKafkaAdminClient]:
        admin = AIOKafkaAdminClient(
            bootstrap_servers=self._config.address.servers,
            request_timeout_ms=round(self._config.request_s * 1000),
        )
        try:
            await admin.start()
            yield admin
        except (KafkaError, TimeoutError) as error:
            raise _translated(what, error) from error
        finally:
            await _stop(admin)

    async def _make_topic(self, admin: AIOKafkaAdminClient, topic: str) -> int:
        config = self._config
        settings = {
            "retention.ms": str(round(config.retention_s * 1000)),
            "max.message.bytes": str(config.max_record_bytes),
            "min.insync.replicas": str(max(1, config.replicas - 1)),
        }
        if topic not in await admin.list_topics():
            made = NewTopic(topic, config.partitions, config.replicas, topic_configs=settings)
            with suppress(TopicAlreadyExistsError):
                await admin.create_topics([made])
        while True:
            (found,) = await admin.describe_topics([topic])
            if found["partitions"] and all(each["leader"] >= 0 for each in found["partitions"]):
                return len(found["partitions"])
            await asyncio.sleep(0.05)


class KafkaConsumer:
    """A `Consumer` of one topic, which shares its partitions with the group's other members.

    Args:
        config: Where.
        topic: What it reads.
        group: For whom.
    """

    def __init__(self, config: KafkaStreamConfig, topic: str, group: str) -> None:
        self._topic, self._name = topic, config.address.name(topic)
        self._is_closed = False
        self._client = AIOKafkaConsumer(
            bootstrap_servers=config.address.servers,
            group_id=config.address.name(group),
            group_instance_id=None if config.member is None else f"{config.member}-{topic}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            session_timeout_ms=round(config.session_s * 1000),
            heartbeat_interval_ms=round(config.session_s * 1000 / 3),
            request_timeout_ms=round((config.request_s + config.session_s) * 1000),
            max_poll_interval_ms=round(_LONGEST_WORK_S * 1000),
            max_partition_fetch_bytes=config.max_record_bytes,
            fetch_max_wait_ms=100,
        )
        self._turns = _Turns(self._client)

    async def join(self) -> None:
        """Become a member of the group.

        Raises:
            StreamError: Kafka cannot be reached.
        """
        try:
            self._client.subscribe([self._name], listener=self._turns)
            await self._client.start()
        except (KafkaError, TimeoutError) as error:
            await _stop(self._client)
            raise _translated("cannot be reached", error) from error

    async def poll(self, limit: int, timeout_s: float) -> list[StoredRecord]:
        """See `cloud.stream.Consumer.poll`."""
        self._require_open()
        try:
            found = await self._client.getmany(timeout_ms=round(timeout_s * 1000), max_records=limit)
        except (KafkaError, TimeoutError) as error:
            raise _translated("cannot be read", error) from error
        return [_stored(self._topic, record) for records in found.values() for record in records]

    async def commit(self, records: Sequence[StoredRecord]) -> None:
        """See `cloud.stream.Consumer.commit`; of partitions that others read by now nothing is noted."""
        self._require_open()
        ours = self._client.assignment()
        reached: dict[TopicPartition, int] = {}
        for record in records:
            place = TopicPartition(self._name, record.partition)
            reached[place] = max(record.offset + 1, reached.get(place, 0))
        newer = {
            place: offset
            for place, offset in reached.items()
            if place in ours and self._turns.is_new(place, offset)
        }
        if not newer:
            return
        try:
            await self._client.commit(newer)
        except _MOVED as error:
            _LOG.warning("records will come again: the group moved", extra={"reason": str(error)[:200]})
        except (KafkaError, TimeoutError) as error:
            raise _translated("notes no offsets", error) from error
        else:
            self._turns.note(newer)

    def turns(self) -> Mapping[int, int]:
        """See `cloud.stream.Consumer.turns`; until partitions are dealt anew, those of the last deal."""
        return self._turns.numbers

    async def lag(self) -> int:
        """See `cloud.stream.Consumer.lag`."""
        self._require_open()
        try:
            places = self._client.assignment()
            ends = await self._client.end_offsets(places) if places else {}
            positions = {place: await self._client.position(place) for place in places}
        except _MOVED as error:
            raise StreamError("the group is dealing its partitions anew") from error
        except (KafkaError, TimeoutError) as error:
            raise _translated("cannot be asked", error) from error
        return sum(max(0, ends[place] - position) for place, position in positions.items())

    async def close(self) -> None:
        """See `cloud.stream.Consumer.close`."""
        if not self._is_closed:
            self._is_closed = True
            await _stop(self._client)

    def _require_open(self) -> None:
        if self._is_closed:
            raise StreamClosedError("the consumer is closed")


class _Turns(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka is untyped
    """What this member reads, in which turn, and what is committed there: a commit never goes back."""

    def __init__(self, client: AIOKafkaConsumer) -> None:
        self._client = client
        self._offsets: dict[TopicPartition, int] = {}
        self._deals = 0
        self.numbers: Mapping[int, int] = {}

    def is_new(self, place: TopicPartition, offset: int) -> bool:
        return offset > self._offsets.get(place, 0)

    def note(self, offsets: dict[TopicPartition, int]) -> None:
        self._offsets |= offsets

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to note: most of them come back at once."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """A turn goes on where we were until now and nobody else has committed."""
        self._deals += 1
        numbers: dict[int, int] = {}
        offsets: dict[TopicPartition, int] = {}
        for place in assigned:
            found = await self._committed(place)
            is_same = place in self._offsets and found == self._offsets[place]
            numbers[place.partition] = self.numbers[place.partition] if is_same else self._deals
            offsets[place] = found or 0
        self.numbers, self._offsets = numbers, offsets

    async def _committed(self, place: TopicPartition) -> int | None:
        """What the group has committed there; None where Kafka does not say."""
        try:
            return await self._client.committed(place) or 0
        except (KafkaError, TimeoutError):
            return None


async def _send(producer: AIOKafkaProducer, topic: str, records: Sequence[Record], partitions: int) -> None:
    """Send a batch and wait for all of it."""
    placed: dict[int, list[Record]] = {}
    for record in records:
        placed.setdefault(partition_of(record.key, partitions), []).append(record)
    sent: list[asyncio.Future[Any]] = []
    try:
        for place, some in placed.items():
            for batch in _pack(producer, some):
                sent.append(await producer.send_batch(batch, topic, partition=place))
    finally:
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome


def _pack(producer: AIOKafkaProducer, records: Iterable[Record]) -> Iterator[Any]:
    """In as few of Kafka's own batches as hold them; a future for each record would cost the most."""
    batch = producer.create_batch()
    for record in records:
        if not _add(batch, record):
            yield batch
            batch = producer.create_batch()
            _add(batch, record)
    batch.close()
    yield batch


def _add(batch: Any, record: Record) -> bool:
    """Whether there was room; the first record always has."""
    headers = [(name, value.encode()) for name, value in record.headers.items()]
    key = record.key.encode()
    return batch.append(timestamp=None, key=key, value=record.value, headers=headers) is not None


def _stored(topic: str, record: Any) -> StoredRecord:
    return StoredRecord(
        record.key.decode() if record.key is not None else "",
        record.value or b"",
        {name: value.decode() for name, value in record.headers},
        topic,
        record.partition,
        record.offset,
        datetime.fromtimestamp(record.timestamp / 1000, UTC),
    )


async def _stop(client: Any) -> None:
    """Say goodbye, but not for ever."""
    stop = client.close if isinstance(client, AIOKafkaAdminClient) else client.stop
    with suppress(KafkaError, TimeoutError):
        await asyncio.wait_for(stop(), _CLOSE_S)


def _translated(what: str, error: Exception) -> StreamError:
    reason = str(error)[:300] or type(error).__name__
    kind = (
        StreamError
        if getattr(error, "retriable", True) or isinstance(error, TimeoutError)
        else StreamRefusedError
    )
    return kind(f"Kafka {what}: {reason}")
