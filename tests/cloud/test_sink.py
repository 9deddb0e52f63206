"""The sink: store, commit, acknowledge; a crash anywhere in between costs nothing."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from cloud import dead_letters
from cloud.acks import AckPublisher, Key
from cloud.errors import CloudError, StreamError
from cloud.ingest import Ingest
from cloud.metrics import count_of
from cloud.sink import GROUP, Sink
from cloud.sqlite_stream import SqliteConsumer, SqliteStream, SqliteStreamConfig
from cloud.store import engines, queries
from cloud.store.database import Database
from cloud.store.rows import DeviceCounts
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES, Record, StoredRecord
from contract.codec import decode_ack
from contract.messages import Message
from tests.cloud.samples import BOOT, alarm, birth, deliver, record, summary

BATCH = 50


class Devices:
    """Where acknowledgements arrive: notes keys by verdict."""

    def __init__(self) -> None:
        self.stored: list[Key] = []
        self.rejected: list[Key] = []

    def publish(self, topic: str, payload: bytes) -> None:
        device = topic.split("/")[2]
        for boot in decode_ack(payload).boots:
            self.stored += [(device, boot.boot_id, s) for s in sorted(boot.stored)]
            self.rejected += [(device, boot.boot_id, s) for s in sorted(boot.rejected)]


class Rig:
    """A stream, a sink and its consumers."""

    def __init__(self, stream: SqliteStream, writer: StoreWriter, devices: Devices) -> None:
        self.stream = stream
        self.devices = devices
        self.sink = Sink(stream, writer, AckPublisher(devices), BATCH)

    async def send(self, *messages: Message) -> None:
        await self.stream.append(MESSAGES, [record(m) for m in messages])

    async def drain(self) -> None:
        """Store everything that waits, then close the consumers."""
        messages = await self.stream.subscribe(MESSAGES, GROUP)
        while records := await messages.poll(BATCH, 0.0):
            await self.sink.store_messages(messages, records)
        await messages.close()
        letters = await self.stream.subscribe(dead_letters.TOPIC, GROUP)
        while records := await letters.poll(BATCH, 0.0):
            await self.sink.store_dead_letters(letters, records)
        await letters.close()


Use = Callable[[Callable[[Rig], Awaitable[None]]], None]


@pytest.fixture
def devices() -> Devices:
    return Devices()


@pytest.fixture
def use(tmp_path: Path, writer: StoreWriter, devices: Devices) -> Use:
    def run(test: Callable[[Rig], Awaitable[None]]) -> None:
        async def main() -> None:
            stream = SqliteStream(SqliteStreamConfig(tmp_path / "stream.db"))
            try:
                await test(Rig(stream, writer, devices))
            finally:
                await stream.close()

        asyncio.run(main())

    return run


def total(database: Database) -> DeviceCounts:
    with database.session() as session:
        return queries.message_counts(session).total


def test_messages_are_stored_committed_and_acknowledged(
    use: Use, database: Database, devices: Devices
) -> None:
    async def test(rig: Rig) -> None:
        await rig.send(birth(), *(summary(n) for n in range(1, 121)), alarm(121, 7))
        await rig.drain()
        await rig.drain()  # nothing comes twice

    use(test)
    assert total(database).stored == 121
    assert total(database).redelivered == 0
    assert devices.stored == [("press-1", BOOT, n) for n in range(1, 122)]  # a Birth needs no answer
    with database.session() as session:
        assert len(queries.list_alerts(session)) == 1


def test_a_repeated_message_is_acknowledged_again(use: Use, database: Database, devices: Devices) -> None:
    async def test(rig: Rig) -> None:
        await rig.send(summary(1))
        await rig.drain()
        await rig.send(summary(1))
        await rig.drain()

    use(test)
    assert devices.stored == [("press-1", BOOT, 1)] * 2
    assert (total(database).stored, total(database).redelivered, total(database).duplicated) == (1, 1, 0)


class CommitFails:
    """A consumer whose commit fails: the process died between the store and the stream."""

    def __init__(self, consumer: SqliteConsumer) -> None:
        self._consumer = consumer

    async def poll(self, limit: int, timeout_s: float) -> list[StoredRecord]:
        return await self._consumer.poll(limit, timeout_s)

    async def commit(self, records: Sequence[StoredRecord]) -> None:
        raise StreamError("killed")

    def turns(self) -> Mapping[int, int]:
        return self._consumer.turns()

    async def lag(self) -> int:
        return await self._consumer.lag()

    async def close(self) -> None:
        await self._consumer.close()


def test_a_crash_between_store_and_commit_is_harmless(use: Use, database: Database, devices: Devices) -> None:
    async def test(rig: Rig) -> None:
        await rig.send(birth(), summary(1), alarm(2, 7), alarm(3, 7, "cleared"), summary(4))
        consumer = await rig.stream.subscribe(MESSAGES, GROUP)
        records = await consumer.poll(BATCH, 1.0)
        with pytest.raises(StreamError, match="killed"):
            await rig.sink.store_messages(CommitFails(consumer), records)
        assert devices.stored == []  # not before the commit
        await consumer.close()
        await rig.drain()

    use(test)
    assert (total(database).stored, total(database).redelivered, total(database).duplicated) == (4, 4, 0)
    assert len(devices.stored) == 4
    with database.session() as session:
        (alert,) = queries.list_alerts(session)
        assert (alert.status, alert.occurrences) == ("cleared", 1)


def test_one_poisoned_record_is_isolated_and_blocks_nobody(
    use: Use, database: Database, devices: Devices
) -> None:
    with database.transaction() as session:
        session.connection().exec_driver_sql(
            "CREATE TRIGGER poison BEFORE INSERT ON summary WHEN NEW.regime = 'poison'"
            " BEGIN SELECT RAISE(ABORT, 'poisoned'); END"
        )

    async def test(rig: Rig) -> None:
        regimes = {5: "poison", 31: "poison"}
        await rig.send(*(summary(n, regime=regimes.get(n, "full_load")) for n in range(1, 101)))
        await rig.drain()
        assert count_of(rig.sink.metrics.dead_letters) == 2

    use(test)
    assert (total(database).stored, total(database).dead_lettered) == (98, 2)
    assert devices.rejected == [("press-1", BOOT, 5), ("press-1", BOOT, 31)]
    assert set(devices.stored) == {("press-1", BOOT, n) for n in range(1, 101)} - set(devices.rejected)
    with database.session() as session:
        letter, _ = queries.list_dead_letters(session)
        assert (letter.error, letter.device_id, letter.topic) == (
            "RecordRefusedError",
            "press-1",
            "ig/v1/press-1/up/summary",
        )


def test_a_record_this_version_cannot_read_becomes_a_dead_letter(use: Use, database: Database) -> None:
    async def test(rig: Rig) -> None:
        await rig.stream.append(
            MESSAGES, [Record("press-1", b"\xff\xff", {"topic": "ig/v1/press-1/up/alarm"})]
        )
        await rig.send(summary(1))
        await rig.drain()

    use(test)
    assert (total(database).stored, total(database).dead_lettered) == (1, 1)


def test_a_rejected_message_is_acknowledged_as_rejected(
    use: Use, database: Database, devices: Devices
) -> None:
    async def test(rig: Rig) -> None:
        liar = deliver(summary(9))
        ingest = Ingest(rig.stream, BATCH, 0.0)
        await ingest.take([type(liar)("ig/v1/press-2/up/summary", liar.payload), deliver(summary(1))])
        await rig.drain()
        assert count_of(rig.sink.metrics.stored) == 1

    use(test)
    assert devices.rejected == [("press-2", BOOT, 9)]
    assert devices.stored == [("press-1", BOOT, 1)]


def test_dead_letters_stored_twice_are_kept_once(use: Use, database: Database) -> None:
    async def test(rig: Rig) -> None:
        await Ingest(rig.stream, BATCH, 0.0).take([type(deliver(birth()))("nowhere", b"?")])
        consumer = await rig.stream.subscribe(dead_letters.TOPIC, GROUP)
        records = await consumer.poll(BATCH, 1.0)
        with pytest.raises(StreamError):
            await rig.sink.store_dead_letters(CommitFails(consumer), records)
        await consumer.close()
        await rig.drain()

    use(test)
    assert total(database).dead_lettered == 1


def test_an_unavailable_store_is_waited_for(
    tmp_path: Path, use: Use, devices: Devices, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "BUSY_TIMEOUT_MS", 10)
    impatient = Database(database.url)
    other = sqlite3.connect(tmp_path / "store.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def test(rig: Rig) -> None:
        sink = Sink(rig.stream, StoreWriter(impatient), AckPublisher(devices), BATCH)
        await rig.send(summary(1))
        consumer = await rig.stream.subscribe(MESSAGES, GROUP)
        stop = asyncio.Event()
        running = asyncio.create_task(sink.run_messages(consumer, stop))
        while not count_of(sink.metrics.store_failures):
            await asyncio.sleep(0.01)
        with pytest.raises(CloudError, match="locked"):
            await sink.check()
        assert devices.stored == []
        other.execute("ROLLBACK")
        while not devices.stored:
            await asyncio.sleep(0.01)
        stop.set()
        await running
        await sink.check()

    use(test)
    other.close()
    impatient.close()
    assert total(database).stored == 1


def test_lag_is_written_with_the_batch(use: Use, database: Database) -> None:
    async def test(rig: Rig) -> None:
        await rig.send(*(summary(n) for n in range(1, 101)))
        rig.sink.note_lag(7)
        await rig.drain()

    use(test)
    with database.session() as session:
        health = queries.ingest_health(session)
    assert (health.messages_stored, health.stream_lag) == (100, 7)
    assert health.messages_per_s == 10.0  # 100 within the last 10 s
