"""A slice of the fuzz campaign without a broker: ingest, stream, sink and store as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from cloud import dead_letters
from cloud.acks import AckPublisher
from cloud.delivery import Delivery
from cloud.ingest import Ingest
from cloud.settings import sqlite_url
from cloud.sink import GROUP, Sink
from cloud.sqlite_stream import SqliteStream, SqliteStreamConfig
from cloud.store.database import Database, open_database
from cloud.store.writer import StoreWriter
from cloud.stream import MESSAGES
from industrialguard.bench.fuzz_inputs import FuzzInput, fuzz_inputs
from industrialguard.bench.fuzz_ledger import REPEATED, STORED, Ledger, audit

BATCH = 250


class NobodyListens:
    """A broker link where no device waits for an answer."""

    def publish(self, topic: str, payload: bytes) -> None:
        """Into the void."""


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    is_file = request.param == "sqlite"
    url = sqlite_url(tmp_path / "store.db") if is_file else request.getfixturevalue("postgresql_database")
    database = open_database(str(url))
    yield database
    database.close()


async def run_road(folder: Path, database: Database, inputs: Sequence[FuzzInput]) -> None:
    """Everything through ingest, then everything through the sink."""
    stream = SqliteStream(SqliteStreamConfig(folder / "stream.db"))
    ingest = Ingest(stream, BATCH, 0.0)
    sink = Sink(stream, StoreWriter(database), AckPublisher(NobodyListens()), BATCH)
    for start in range(0, len(inputs), BATCH):
        batch = inputs[start : start + BATCH]
        await ingest.take([Delivery(i.topic.decode(), i.payload) for i in batch])
    messages, letters = [await stream.subscribe(topic, GROUP) for topic in (MESSAGES, dead_letters.TOPIC)]
    while records := await messages.poll(BATCH, 0.0):
        await sink.store_messages(messages, records)
    while records := await letters.poll(BATCH, 0.0):
        await sink.store_dead_letters(letters, records)
    assert await messages.lag() == await letters.lag() == 0, "nothing stopped a partition"
    await messages.close()
    await letters.close()
    await stream.close()


def decodable(inputs: Iterator[FuzzInput]) -> list[FuzzInput]:
    """What a broker would hand over: topics are text."""
    found = []
    for each in inputs:
        try:
            each.topic.decode()
        except UnicodeDecodeError:
            continue
        found.append(each)
    return found


def test_every_input_is_stored_once_or_kept_as_a_dead_letter(tmp_path: Path, database: Database) -> None:
    inputs = decodable(fuzz_inputs(6000, seed=1))
    ledger = Ledger()
    for each in inputs:
        ledger.note_delivered(each)
    asyncio.run(run_road(tmp_path, database, inputs))

    found = audit(database, ledger)
    assert found.is_balanced, found.examples
    assert sum(fates.total() for fates in ledger.fates.values()) == len(inputs)
    assert ledger.count(STORED) == ledger.n_stored > 1000
    assert ledger.count(REPEATED) > 10
    assert ledger.n_letters > 3000
