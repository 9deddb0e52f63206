"""Replaying dead letters: what passes now travels on, the rest stays."""

from __future__ import annotations

import asyncio
from pathlib import Path

from cloud.acks import AckPublisher
from cloud.dead_letters import write_letter
from cloud.delivery import Delivery
from cloud.replay import ReplayCounts, replay_dead_letters
from cloud.sink import GROUP, Sink
from cloud.sqlite_stream import SqliteStream, SqliteStreamConfig
from cloud.store import queries
from cloud.store.database import Database
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES
from contract.codec import encode
from contract.errors import DecodeError, SchemaVersionError
from tests.cloud.samples import INGEST, death, summary
from tests.cloud.test_acks import Wire

TOPIC = "ig/v1/press-1/up/summary"


def test_replay(tmp_path: Path, database: Database, writer: StoreWriter) -> None:
    cured = [
        write_letter(Delivery(TOPIC, encode(summary(n))), SchemaVersionError("newer")) for n in range(1, 4)
    ]
    lost = [
        write_letter(Delivery(TOPIC, b"\xff"), DecodeError("noise")),
        write_letter(Delivery("nowhere", b""), DecodeError("?")),
    ]
    giant = write_letter(Delivery(TOPIC, b"x" * 100_000), DecodeError("long"))
    old = write_letter(Delivery("ig/v1/press-1/up/death", encode(death())), SchemaVersionError("newer"))
    writer.write_dead_letters([(letter, INGEST) for letter in [*cured, *lost, giant, old]])

    async def main() -> ReplayCounts:
        stream = SqliteStream(SqliteStreamConfig(tmp_path / "stream.db"))
        counts = await replay_dead_letters(database, stream)
        assert await replay_dead_letters(database, stream) == ReplayCounts(0, 2, 1)
        consumer = await stream.subscribe(MESSAGES, GROUP)
        sink = Sink(stream, writer, AckPublisher(Wire()), 100)
        await sink.store_messages(consumer, await consumer.poll(100, 1.0))
        await stream.close()
        return counts

    assert asyncio.run(main()) == ReplayCounts(passed=4, still_dead=2, incomplete=1)
    with database.session() as session:
        counts = queries.message_counts(session).total
        left = queries.list_dead_letters(session)
        assert queries.ingest_health(session).dead_letters == 3
    assert (counts.stored, counts.dead_lettered) == (3, 3)
    assert [(letter.error, letter.attempts) for letter in left] == [
        ("DecodeError", 1),
        ("TopicError", 3),
        ("DecodeError", 3),
    ]


def test_dead_letters_page_newest_first(database: Database, writer: StoreWriter) -> None:
    writer.write_dead_letters(
        [(write_letter(Delivery(f"t{n}", b""), DecodeError("?")), INGEST) for n in range(5)]
    )
    writer.write_dead_letters([])
    with database.session() as session:
        everything = queries.list_dead_letters(session)
        assert [letter.topic for letter in everything] == ["t4", "t3", "t2", "t1", "t0"]
        assert queries.list_dead_letters(session, limit=2, before=everything[1].id) == everything[2:4]
