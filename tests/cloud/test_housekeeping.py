"""Rounds of housekeeping: nothing is dropped that is young, not rolled up, or not in the lake."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from cloud import housekeeping
from cloud.dead_letters import DeadLetter, write_letter
from cloud.delivery import Delivery
from cloud.errors import LakeError, StoreUnavailableError
from cloud.housekeeping import Housekeeper
from cloud.keeping import Keeping
from cloud.lake import count_in_lake
from cloud.store import queries
from cloud.store.database import Database
from cloud.store.days import count_day
from cloud.store.writer import StoreWriter
from contract.errors import ConfigError, DecodeError
from tests.cloud.samples import INGEST, arrive, at, summary

DAY = INGEST.date()


def stored(database: Database) -> int:
    with database.session() as session:
        return count_day(session, DAY)


def test_a_day_lives_goes_to_the_lake_and_is_dropped(
    database: Database, writer: StoreWriter, tmp_path: Path
) -> None:
    lake = tmp_path / "lake"
    keeper = Housekeeper(database, Keeping(summary_days=5, lake=lake))
    writer.write(arrive(*(summary(n) for n in (1, 2, 3))))
    keeper.keep_house(INGEST + timedelta(days=1))
    assert (stored(database), count_in_lake(lake, DAY)) == (3, None)
    keeper.keep_house(INGEST + timedelta(days=2))
    assert (stored(database), count_in_lake(lake, DAY)) == (3, 3)
    writer.write(arrive(summary(4)))
    keeper.keep_house(INGEST + timedelta(days=5))
    assert (stored(database), count_in_lake(lake, DAY)) == (4, 3), "compared once, and before it is dropped"
    Housekeeper(database, Keeping(lake=lake)).keep_house(INGEST + timedelta(days=5))
    assert count_in_lake(lake, DAY) == 4
    writer.write(arrive(summary(5)))
    keeper.keep_house(INGEST + timedelta(days=6))
    assert (stored(database), count_in_lake(lake, DAY)) == (0, 5)
    keeper.keep_house(INGEST + timedelta(days=7))
    assert count_in_lake(lake, DAY) == 5
    with database.session() as session:
        points = queries.score_trend(session, "press-1", since=at(0))
    assert len(points) == 5, "charts are drawn from its minutes"


def letters(database: Database) -> tuple[int, int]:
    """Kept, and only counted."""
    with database.session() as session:
        health = queries.ingest_health(session)
        return health.dead_letters, health.dropped_letters


def test_without_a_word_everything_is_kept(database: Database, writer: StoreWriter) -> None:
    writer.write(arrive(summary(1)))
    writer.write_dead_letters([(rubbish(), INGEST)])
    Housekeeper(database, Keeping()).keep_house(INGEST + timedelta(days=4000))
    assert stored(database) == 1
    assert letters(database) == (1, 0)


def test_dead_letters_have_an_end(
    database: Database, writer: StoreWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(housekeeping, "LETTERS_AT_ONCE", 2)
    writer.write_dead_letters([(rubbish(), INGEST) for _ in range(5)])
    writer.write_dead_letters([(rubbish(), INGEST + timedelta(days=1))])
    keeper = Housekeeper(database, Keeping(letter_days=90))
    stop = asyncio.Event()
    stop.set()
    keeper.keep_house(INGEST + timedelta(days=90), stop)
    assert letters(database) == (6, 0)
    keeper.keep_house(INGEST + timedelta(days=90.5))
    assert letters(database) == (1, 5)


def rubbish() -> DeadLetter:
    return write_letter(Delivery("ig/v1/noisy/up/summary", b"rubbish"), DecodeError("noise"))


def test_a_lake_that_cannot_be_written_keeps_the_day(
    database: Database, writer: StoreWriter, tmp_path: Path
) -> None:
    writer.write(arrive(summary(1)))
    (tmp_path / "lake").write_text("no folder")
    keeper = Housekeeper(database, Keeping(summary_days=2, lake=tmp_path / "lake"))
    with pytest.raises(LakeError):
        keeper.keep_house(INGEST + timedelta(days=9))
    assert stored(database) == 1


def test_what_is_not_rolled_up_is_not_dropped(
    database: Database, writer: StoreWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer.write(arrive(summary(1)))
    keeper = Housekeeper(database, Keeping(summary_days=2))
    monkeypatch.setattr(housekeeping, "roll_up_due", lambda *_: 0)
    keeper.keep_house(INGEST + timedelta(days=9))
    assert stored(database) == 1
    monkeypatch.undo()
    keeper.keep_house(INGEST + timedelta(days=9, minutes=59))
    assert stored(database) == 1, "days are looked at each hour"
    keeper.keep_house(INGEST + timedelta(days=9, hours=1))
    assert stored(database) == 0


def test_told_to_stop_a_day_that_is_being_copied_is_left_for_later(
    database: Database, writer: StoreWriter, tmp_path: Path
) -> None:
    writer.write(arrive(summary(1)))
    stop = asyncio.Event()
    stop.set()
    keeper = Housekeeper(database, Keeping(summary_days=2, lake=tmp_path))
    with pytest.raises(LakeError, match="told to stop"):
        keeper.keep_house(INGEST + timedelta(days=9), stop)
    assert (stored(database), count_in_lake(tmp_path, DAY)) == (1, None)
    keeper.keep_house(INGEST + timedelta(days=9))
    assert count_in_lake(tmp_path, DAY) == 1


def test_days_that_are_not_over_cannot_be_dropped() -> None:
    with pytest.raises(ConfigError, match="2 days at least, not 1"):
        Keeping(summary_days=1)


async def _run_until_round(keeper: Housekeeper, stop: asyncio.Event, rounds: list[datetime]) -> None:
    running = asyncio.create_task(keeper.run(stop))
    while len(rounds) < 2:
        await asyncio.sleep(0.01)
    stop.set()
    await running


def test_a_store_that_is_away_is_tried_again(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    rounds: list[datetime] = []

    class Patchy(Housekeeper):
        def keep_house(self, now: datetime, stop: asyncio.Event | None = None) -> None:
            rounds.append(now)
            if len(rounds) == 1:
                raise StoreUnavailableError("away")
            super().keep_house(now, stop)

    monkeypatch.setattr(housekeeping, "ROUND_S", 0.01)
    asyncio.run(_run_until_round(Patchy(database, Keeping()), asyncio.Event(), rounds))
    assert len(rounds) >= 2
