"""Whoever sends rubbish fills a bounded part of the store; every letter is kept or counted."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from cloud.dead_letters import DeadLetter, write_letter
from cloud.delivery import Delivery
from cloud.store import letter_bounds, queries
from cloud.store.database import Database
from cloud.store.letters import drop_letters, mark_attempts
from cloud.store.writer import StoreWriter
from contract.errors import DecodeError, SchemaVersionError
from tests.cloud.samples import INGEST

RUBBISH = b"\xff" * 1024
ROOM = 10 * (1024 + letter_bounds.LETTER_BYTES)
DAY = timedelta(days=1)


def letter(device: str = "noisy", payload: bytes = RUBBISH, is_retained: bool = False) -> DeadLetter:
    return write_letter(Delivery(f"ig/v1/{device}/up/summary", payload, is_retained), DecodeError("noise"))


def write(writer: StoreWriter, *letters: DeadLetter, days: int = 0) -> int:
    return writer.write_dead_letters([(each, INGEST + days * DAY) for each in letters])


def counted(database: Database) -> tuple[int, int, int]:
    """Letters that are kept, that are only counted, and all of them."""
    with database.session() as session:
        health, counts = queries.ingest_health(session), queries.message_counts(session)
        return health.dead_letters, health.dropped_letters, counts.total.dead_lettered


@pytest.fixture(autouse=True)
def _little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(letter_bounds, "ORIGIN_BYTES", ROOM)


def test_beyond_its_room_letters_of_an_origin_are_only_counted(
    writer: StoreWriter, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        assert write(writer, *(letter() for _ in range(7))) == 0
        assert write(writer, *(letter() for _ in range(7)), letter("press-1")) == 4
        assert write(writer, letter(), letter("press-1")) == 1
    assert counted(database) == (12, 5, 17)
    with database.session() as session:
        by_device = queries.message_counts(session).devices
        assert (by_device["noisy"].dead_lettered, by_device["press-1"].dead_lettered) == (15, 2)
    (said,) = caplog.records  # once, though it happens again
    assert vars(said)["device"] == "noisy"


def test_small_letters_leave_room_for_more(writer: StoreWriter, database: Database) -> None:
    assert write(writer, *(letter(payload=b"x") for _ in range(25))) == 25 - ROOM // (
        1 + letter_bounds.LETTER_BYTES
    )
    assert write(writer, letter("giant", b"x" * 100_000)) == 1


def test_a_letter_that_is_known_is_neither_kept_nor_counted_again(
    writer: StoreWriter, database: Database
) -> None:
    retained = letter(is_retained=True)
    assert write(writer, *(letter() for _ in range(9)), retained, retained) == 0
    assert write(writer, retained) == 0
    assert counted(database) == (10, 0, 10)


def test_a_replay_makes_room(writer: StoreWriter, database: Database) -> None:
    write(writer, *(letter() for _ in range(11)))
    with database.transaction() as session:
        ids = [each.id for each in queries.list_dead_letters(session)]
        mark_attempts(session, ids[:4], {ids[4]: SchemaVersionError("still")})
    assert write(writer, *(letter() for _ in range(5))) == 1
    assert counted(database) == (10, 2, 12)


def test_letters_without_a_device_share_one_bound(writer: StoreWriter, database: Database) -> None:
    nowhere = [replace(letter(), letter_id=str(n), topic=f"t{n}", device_id="") for n in range(12)]
    assert write(writer, *nowhere) == 2
    assert counted(database) == (10, 2, 12)


def test_what_is_old_is_dropped_and_what_was_not_replayed_stays_counted(
    writer: StoreWriter, database: Database
) -> None:
    write(writer, *(letter() for _ in range(4)))
    write(writer, *(letter() for _ in range(3)), days=5)
    with database.transaction() as session:
        newest, *_, oldest = (each.id for each in queries.list_dead_letters(session))
        mark_attempts(session, [newest, oldest], {})
    with database.transaction() as session:
        assert drop_letters(session, INGEST - DAY, INGEST, limit=9) == 0
        assert drop_letters(session, INGEST + DAY, INGEST, limit=3) == 3
        assert drop_letters(session, INGEST + DAY, INGEST, limit=3) == 1
        assert drop_letters(session, INGEST + DAY, INGEST, limit=3) == 0
    assert counted(database) == (2, 3, 5)
    with database.transaction() as session:
        assert drop_letters(session, INGEST + DAY, INGEST + 9000 * DAY, limit=9) == 1  # that was replayed
    assert counted(database) == (2, 3, 5)
