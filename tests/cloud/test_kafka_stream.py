"""What is Kafka's own: members share, outages pass, and what was appended is there whatever was killed."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from dataclasses import replace

import pytest

from cloud.errors import StreamClosedError, StreamError, StreamRefusedError
from cloud.kafka_settings import KafkaAddress, KafkaStreamConfig
from cloud.kafka_stream import KafkaConsumer, KafkaStream
from cloud.stream import Record
from contract.errors import ConfigError
from tests.conftest import obtain
from tools.servers.kafka import Kafka
from tools.servers.process import free_port

pytestmark = pytest.mark.slow

N_RECORDS, BATCH = 3000, 50
KILLS = 2
PATIENCE_S = 120.0


@pytest.fixture
def config(kafka: str) -> KafkaStreamConfig:
    return KafkaStreamConfig(KafkaAddress(kafka, secrets.token_hex(4)), session_s=6.0)


@pytest.fixture
def topic() -> str:
    return "messages"


def records(first: int, n: int) -> list[Record]:
    return [Record(f"press-{k % 40}", k.to_bytes(4, "big")) for k in range(first, first + n)]


async def persist(stream: KafkaStream, topic: str, batch: list[Record]) -> None:
    """Append as ingest does: again, until it is there."""
    while True:
        try:
            await stream.append(topic, batch)
        except StreamError as error:
            assert error.retriable, error
            await asyncio.sleep(0.1)
        else:
            return


async def consume(consumer: KafkaConsumer, seen: Counter[int], is_done: asyncio.Event) -> None:
    """Read as the sink does: a poll, a commit, and again."""
    while not is_done.is_set():
        try:
            found = await consumer.poll(200, 0.5)
            seen.update(int.from_bytes(record.value, "big") for record in found)
            await consumer.commit(found)
        except StreamError as error:
            assert error.retriable, error
            await asyncio.sleep(0.1)
        if len(seen) == N_RECORDS:
            is_done.set()


def test_nothing_that_was_appended_is_lost_when_kafka_is_killed(topic: str) -> None:
    broker = obtain(Kafka)

    async def main() -> Counter[int]:
        config = KafkaStreamConfig(KafkaAddress(broker.url), session_s=6.0, request_s=5.0)
        stream, seen, is_done = KafkaStream(config), Counter[int](), asyncio.Event()
        consumers = [await stream.subscribe(topic, "sink") for _ in range(2)]
        reading = [asyncio.create_task(consume(each, seen, is_done)) for each in consumers]
        for first in range(0, N_RECORDS, BATCH):
            if first and first % (N_RECORDS // (KILLS + 1)) == 0:
                restart = asyncio.to_thread(restart_killed, broker)
                await asyncio.gather(restart, persist(stream, topic, records(first, BATCH)))
            else:
                await persist(stream, topic, records(first, BATCH))
        await asyncio.wait_for(is_done.wait(), PATIENCE_S)
        await asyncio.gather(*reading)
        await stream.close()
        return seen

    with broker:
        seen = asyncio.run(main())
    assert sorted(seen) == list(range(N_RECORDS))


def restart_killed(broker: Kafka) -> None:
    broker.kill()
    broker.start()


def test_members_of_a_group_share_the_work(config: KafkaStreamConfig, topic: str) -> None:
    async def main() -> None:
        stream = KafkaStream(config)
        first = await stream.subscribe(topic, "sink")
        second = await stream.subscribe(topic, "sink")
        await stream.append(topic, records(0, 200))
        seen: list[set[int]] = [set(), set()]
        async with asyncio.timeout(PATIENCE_S):
            while len(seen[0] | seen[1]) < 200:
                for place, consumer in zip(seen, (first, second), strict=True):
                    found = await consumer.poll(200, 0.5)
                    place |= {int.from_bytes(record.value, "big") for record in found}
                    await consumer.commit(found)
        assert all(seen)
        assert await first.lag() == await second.lag() == 0
        await stream.close()

    asyncio.run(main())


def test_what_a_member_may_no_longer_commit_comes_again(config: KafkaStreamConfig, topic: str) -> None:
    async def main() -> None:
        stream = KafkaStream(config)
        await stream.append(topic, records(0, 100))
        first = await stream.subscribe(topic, "sink")
        found = await first.poll(100, 10.0)
        joining = asyncio.create_task(stream.subscribe(topic, "sink"))
        async with asyncio.timeout(PATIENCE_S):
            while not joining.done():
                await first.poll(100, 0.2)
        second = joining.result()
        await first.commit(found)  # of what it has lost, nothing is noted and nothing breaks
        again: set[int] = set()
        async with asyncio.timeout(PATIENCE_S):
            while not again:
                again |= {r.offset for r in await second.poll(100, 0.5)}
        await stream.close()

    asyncio.run(main())


def test_a_member_that_comes_back_keeps_its_place(config: KafkaStreamConfig, topic: str) -> None:
    async def main() -> None:
        named = replace(config, member="sink-1")
        stream = KafkaStream(named)
        await stream.append(topic, records(0, 10))
        first = await stream.subscribe(topic, "sink")
        found = await first.poll(10, 10.0)
        await first.commit(found)
        await stream.close()
        later = KafkaStream(named)
        await later.append(topic, records(10, 1))
        async with asyncio.timeout(PATIENCE_S):
            again = await (await later.subscribe(topic, "sink")).poll(10, 30.0)
        assert [int.from_bytes(record.value, "big") for record in again] == [10]
        await later.close()

    asyncio.run(main())


def test_a_record_beyond_all_bounds_is_refused(config: KafkaStreamConfig, topic: str) -> None:
    async def main() -> None:
        stream = KafkaStream(replace(config, max_record_bytes=10_000))
        with pytest.raises(StreamRefusedError, match="appends nothing"):
            await stream.append(topic, [Record("press-1", b"x" * 20_000)])
        await stream.append(topic, records(0, 1))
        await stream.close()
        with pytest.raises(StreamClosedError):
            await stream.append(topic, records(1, 1))

    asyncio.run(main())


def test_no_kafka_is_an_error_that_may_pass() -> None:
    async def main() -> None:
        stream = KafkaStream(KafkaStreamConfig(KafkaAddress(f"127.0.0.1:{free_port()}")))
        with pytest.raises(StreamError, match="Kafka") as caught:
            await stream.append("messages", records(0, 1))
        assert caught.value.retriable
        with pytest.raises(StreamError):
            await stream.subscribe("messages", "sink")
        with pytest.raises(StreamError, match="does not answer"):
            await stream.ping()
        await stream.close()

    asyncio.run(main())


@pytest.mark.parametrize(
    "url", ["kafka://", "kafka://host", "http://host:1", "kafka://a:1,b", "kafka://:9092", "kafka://a:1/b/c"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="write kafka://HOST:PORT"):
        KafkaAddress.parse(url)


def test_a_turn_goes_on_unless_somebody_else_has_been_there(config: KafkaStreamConfig, topic: str) -> None:
    async def main() -> None:
        stream = KafkaStream(config)
        await stream.append(topic, records(0, 200))
        first = await stream.subscribe(topic, "rul")
        await read_all(first, 200)
        alone = first.turns()
        assert len(alone) == config.partitions
        joining = asyncio.create_task(stream.subscribe(topic, "rul"))
        second = await alive(first, joining)
        both = first.turns(), second.turns()
        assert both[0].items() < alone.items()  # what it kept goes on
        assert not both[0].keys() & both[1].keys()
        await stream.append(topic, records(200, 200))
        await read_all(second, 1)
        await second.close()
        async with asyncio.timeout(PATIENCE_S):
            while len(first.turns()) < config.partitions:
                await first.commit(await first.poll(200, 0.2))
        again = first.turns()
        assert {place for place in alone if again[place] != alone[place]} == both[1].keys()
        await stream.close()

    asyncio.run(main())


async def read_all(consumer: KafkaConsumer, n: int) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while n > 0:
            found = await consumer.poll(200, 0.5)
            await consumer.commit(found)
            n -= len(found)


def _is_unsettled(one: KafkaConsumer, other: KafkaConsumer) -> bool:
    """Whether the newcomer has nothing yet, or both believe that they have the same."""
    return not other.turns() or bool(one.turns().keys() & other.turns().keys())


async def alive(consumer: KafkaConsumer, joining: asyncio.Task[KafkaConsumer]) -> KafkaConsumer:
    """Poll until another one has joined and everybody knows what is whose."""
    async with asyncio.timeout(PATIENCE_S):
        while not joining.done() or _is_unsettled(consumer, joining.result()):
            await consumer.commit(await consumer.poll(200, 0.2))
    return joining.result()
