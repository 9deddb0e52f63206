"""What every stream must do; a Kafka stream runs through the same class."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cloud.errors import GroupBusyError, StreamClosedError, StreamError, StreamFullError
from cloud.kafka_settings import KafkaAddress, KafkaStreamConfig
from cloud.kafka_stream import KafkaStream
from cloud.sqlite_stream import SqliteStream, SqliteStreamConfig
from cloud.stream import Consumer, Record, StoredRecord, Stream, partition_of
from contract.errors import ConfigError

OpenStream = Callable[[], Stream]
POLL_S = 5.0
IDLE_S = 0.05


def record(number: int, key: str = "press-1") -> Record:
    return Record(key, number.to_bytes(4, "big"), {"n": str(number)})


async def drain(consumer: Consumer, limit: int = 100, idle_s: float = IDLE_S) -> list[StoredRecord]:
    found: list[StoredRecord] = []
    while batch := await consumer.poll(limit, idle_s):
        found += batch
    return found


def values(records: list[StoredRecord]) -> list[int]:
    return [int.from_bytes(r.value, "big") for r in records]


class StreamContract:
    """The promises of `cloud.stream.Stream`; a subclass gives the fixture `open_stream`."""

    idle_s = IDLE_S
    """Who has brought nothing for so long has nothing, in s."""

    async def drain(self, consumer: Consumer, limit: int = 100) -> list[StoredRecord]:
        return await drain(consumer, limit, self.idle_s)

    def run(self, open_stream: OpenStream, test: Callable[[Stream], Awaitable[None]]) -> None:
        async def main() -> None:
            stream = open_stream()
            try:
                await test(stream)
            finally:
                await stream.close()

        asyncio.run(main())

    def test_what_goes_in_comes_out(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            await stream.append("messages", [Record("press-1", b"\x00\xff", {"a": "ä", "b": ""})])
            consumer = await stream.subscribe("messages", "sink")
            (found,) = await consumer.poll(10, POLL_S)
            assert (found.key, found.value, dict(found.headers)) == (
                "press-1",
                b"\x00\xff",
                {"a": "ä", "b": ""},
            )
            assert found.topic == "messages"
            assert abs(datetime.now(UTC) - found.append_time) < timedelta(minutes=5)

        self.run(open_stream, test)

    def test_records_of_a_key_stay_in_order(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            keys = [f"press-{n % 5}" for n in range(200)]
            for start in range(0, 200, 7):
                await stream.append(
                    "messages", [record(n, keys[n]) for n in range(start, min(200, start + 7))]
                )
            consumer = await stream.subscribe("messages", "sink")
            found = await self.drain(consumer, limit=13)
            assert sorted(values(found)) == list(range(200))
            for key in set(keys):
                mine = [r for r in found if r.key == key]
                assert values(mine) == sorted(values(mine))
                assert len({r.partition for r in mine}) == 1
                assert [r.offset for r in mine] == sorted({r.offset for r in mine})

        self.run(open_stream, test)

    def test_topics_do_not_mix(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            await stream.append("messages", [record(1)])
            await stream.append("dead-letters", [record(2)])
            assert values(await self.drain(await stream.subscribe("messages", "sink"))) == [1]
            assert values(await self.drain(await stream.subscribe("dead-letters", "sink"))) == [2]

        self.run(open_stream, test)

    def test_every_group_reads_everything(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            await stream.append("messages", [record(n) for n in range(10)])
            for group in ("sink", "archive"):
                consumer = await stream.subscribe("messages", group)
                found = await self.drain(consumer)
                await consumer.commit(found)
                assert values(found) == list(range(10))

        self.run(open_stream, test)

    def test_a_new_consumer_starts_at_what_was_committed(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            await stream.append("messages", [record(n) for n in range(10)])
            first = await stream.subscribe("messages", "sink")
            found = await first.poll(10, POLL_S)
            await first.commit(found[:4])
            await first.close()
            again = await stream.subscribe("messages", "sink")
            assert values(await self.drain(again)) == list(range(4, 10))

        self.run(open_stream, test)

    def test_a_commit_never_goes_back(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            await stream.append("messages", [record(n) for n in range(10)])
            first = await stream.subscribe("messages", "sink")
            found = await first.poll(10, POLL_S)
            await first.commit(found)
            await first.commit(found[:2])
            await first.close()
            assert await self.drain(await stream.subscribe("messages", "sink")) == []

        self.run(open_stream, test)

    def test_a_waiting_poll_gets_what_is_appended(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            consumer = await stream.subscribe("messages", "sink")
            waiting = asyncio.create_task(consumer.poll(10, POLL_S))
            await asyncio.sleep(0.1)
            assert not waiting.done()
            await stream.append("messages", [record(1)])
            assert values(await waiting) == [1]

        self.run(open_stream, test)

    def test_lag_counts_what_was_not_polled(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            await stream.append("messages", [record(n, f"press-{n}") for n in range(10)])
            consumer = await stream.subscribe("messages", "sink")
            assert await consumer.lag() == 10
            await consumer.poll(4, POLL_S)
            assert await consumer.lag() == 6

        self.run(open_stream, test)

    def test_an_empty_append_and_an_empty_commit_are_nothing(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            await stream.append("messages", [])
            consumer = await stream.subscribe("messages", "sink")
            await consumer.commit([])
            assert await consumer.poll(10, self.idle_s) == []

        self.run(open_stream, test)


class TestSqliteStream(StreamContract):
    """The embedded log."""

    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        return tmp_path / "stream.db"

    @pytest.fixture
    def open_stream(self, path: Path) -> OpenStream:
        return lambda: SqliteStream(SqliteStreamConfig(path))

    def test_a_reopened_log_still_has_everything(self, open_stream: OpenStream) -> None:
        async def write(stream: Stream) -> None:
            await stream.append("messages", [record(n) for n in range(5)])

        async def read(stream: Stream) -> None:
            assert values(await drain(await stream.subscribe("messages", "sink"))) == list(range(5))

        self.run(open_stream, write)
        self.run(open_stream, read)

    def test_a_group_has_one_living_consumer(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            first = await stream.subscribe("messages", "sink")
            with pytest.raises(GroupBusyError, match="another process"):
                await stream.subscribe("messages", "sink")
            await first.close()
            await stream.subscribe("messages", "sink")

        self.run(open_stream, test)

    def test_the_number_of_partitions_is_fixed(self, path: Path, open_stream: OpenStream) -> None:
        self.run(open_stream, lambda stream: stream.append("messages", [record(1)]))
        with pytest.raises(ConfigError, match="has 8 partitions, not 4"):
            SqliteStream(SqliteStreamConfig(path, partitions=4))

    def test_a_file_that_is_no_log_is_refused(self, path: Path) -> None:
        path.write_bytes(b"something else entirely" * 100)
        with pytest.raises(StreamError, match="the stream failed"):
            SqliteStream(SqliteStreamConfig(path))

    def test_a_closed_stream_says_so(self, open_stream: OpenStream) -> None:
        async def test(stream: Stream) -> None:
            await stream.ping()
            await stream.close()
            with pytest.raises(StreamClosedError):
                await stream.ping()
            with pytest.raises(StreamClosedError):
                await stream.append("messages", [record(1)])

        self.run(open_stream, test)

    def test_consumed_records_go_once_they_are_old(self, path: Path) -> None:
        async def main() -> None:
            stream = SqliteStream(SqliteStreamConfig(path))
            await stream.append("messages", [record(n) for n in range(20)])
            await stream.append("unread", [record(99)])
            consumer = await stream.subscribe("messages", "sink")
            slow = await stream.subscribe("messages", "archive")
            await consumer.commit(await consumer.poll(20, POLL_S))
            assert await stream.trim(0.0) == 0  # the other group has read nothing
            await slow.commit((await slow.poll(20, POLL_S))[:15])
            assert await stream.trim(3600.0) == 0  # too young
            assert await stream.trim(0.0) == 15
            await slow.close()
            assert values(await drain(await stream.subscribe("messages", "archive"))) == list(range(15, 20))
            assert values(await drain(await stream.subscribe("unread", "sink"))) == [99]
            await stream.close()

        asyncio.run(main())

    def test_a_full_log_refuses_whole_batches_and_takes_more_once_consumed(self, path: Path) -> None:
        async def main() -> None:
            stream = SqliteStream(SqliteStreamConfig(path, max_bytes=400_000))
            consumer = await stream.subscribe("messages", "sink")
            batch = [Record("press-1", b"x" * 1000) for _ in range(50)]
            taken = 0
            with pytest.raises(StreamFullError, match="full"):
                while taken < 1000:
                    await stream.append("messages", batch)
                    taken += 1
            assert taken > 2
            found = await drain(consumer)
            assert len(found) == 50 * taken  # nothing of the refused batch
            await consumer.commit(found)
            await stream.append("messages", batch)  # makes room by itself
            assert len(await drain(consumer)) == 50
            await stream.close()

        asyncio.run(main())

    def test_appended_records_survive_sigkill(self, path: Path) -> None:
        program = (
            "import asyncio, sys; from pathlib import Path\n"
            "from cloud.sqlite_stream import SqliteStream, SqliteStreamConfig\n"
            "from cloud.stream import Record\n"
            "async def main():\n"
            "    stream = SqliteStream(SqliteStreamConfig(Path(sys.argv[1])))\n"
            "    for n in range(10**9):\n"
            "        await stream.append('messages', [Record('k', n.to_bytes(4, 'big'))] * 3)\n"
            "        print(n, flush=True)\n"
            "asyncio.run(main())\n"
        )
        child = subprocess.Popen(
            [sys.executable, "-c", program, str(path)], stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        confirmed = [int(child.stdout.readline()) for _ in range(50)]
        child.send_signal(signal.SIGKILL)
        confirmed += [int(line) for line in child.stdout.read().splitlines() if line.strip()]
        child.wait()
        child.stdout.close()

        async def main() -> list[int]:
            stream = SqliteStream(SqliteStreamConfig(path))
            found = values(await drain(await stream.subscribe("messages", "sink")))
            await stream.close()
            return found

        found = asyncio.run(main())
        assert found[: 3 * len(confirmed)] == [n for n in confirmed for _ in range(3)]
        assert len(found) % 3 == 0  # a batch is all or nothing

    def test_another_process_may_hold_the_lock_for_a_while(self, path: Path) -> None:
        async def main() -> None:
            stream = SqliteStream(SqliteStreamConfig(path))
            other = sqlite3.connect(path, isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            appending = asyncio.create_task(stream.append("messages", [record(1)]))
            await asyncio.sleep(0.2)
            assert not appending.done()
            other.execute("ROLLBACK")
            other.close()
            await appending
            await stream.close()

        asyncio.run(main())


@pytest.mark.slow
class TestKafkaStream(StreamContract):
    """Kafka, which all tests of a run share: each has topics of its own."""

    idle_s = 1.5

    @pytest.fixture
    def open_stream(self, kafka: str) -> OpenStream:
        config = KafkaStreamConfig(KafkaAddress(kafka, secrets.token_hex(4)), session_s=6.0)
        return lambda: KafkaStream(config)


def test_partitions_are_the_same_for_ever() -> None:
    assert [partition_of(key, 8) for key in ("press-7", "", "ü")] == [1, 0, 5]
    assert {partition_of(f"press-{n}", 8) for n in range(100)} == set(range(8))
