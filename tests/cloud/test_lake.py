"""A day in the lake is whole, says how much it holds, and can be read by anybody's tools."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from cloud.errors import LakeError
from cloud.lake import count_in_lake, day_file, write_day
from cloud.store.database import Database
from cloud.store.days import read_day
from cloud.store.writer import StoreWriter
from contract.aggregates import NO_FEATURES
from tests.cloud.samples import BOOT, EVENT, INGEST, arrive, at, summary

DAY = INGEST.date()


def copy(database: Database, lake: Path, day: date = DAY) -> int:
    with database.session() as session:
        return write_day(lake, day, read_day(session, day))


def test_a_day_comes_back_as_it_was_stored(database: Database, writer: StoreWriter, tmp_path: Path) -> None:
    writer.write(arrive(summary(2), summary(1), summary(1, "press-2", features=NO_FEATURES, quality=())))
    assert count_in_lake(tmp_path, DAY) is None
    assert copy(database, tmp_path) == count_in_lake(tmp_path, DAY) == 3
    path = day_file(tmp_path, DAY)
    assert path.relative_to(tmp_path) == Path("summaries/day=2026-03-02/part-0.parquet")
    rows = parquet.ParquetFile(path).read().to_pylist()
    assert [(row["device_id"], row["boot_id"], row["sequence"]) for row in rows] == [
        ("press-1", BOOT, 1),
        ("press-1", BOOT, 2),
        ("press-2", BOOT, 1),
    ]
    first, *_, other = rows
    assert (first["event_time"], first["ingest_time"]) == (at(60), INGEST)
    assert first["event_time"] > EVENT
    assert first["features"] == ["vib_h_rms", "temp_level"]
    assert (first["mean"], first["minimum"], first["maximum"]) == ([3.5, -3.25], [1.0, -4.0], [5.0, -3.0])
    assert first["quality"][0]["sensor"] == "vib_h"
    assert first["quality"][0]["good"] == 90
    assert (other["features"], other["quality"]) == ([], [])


def test_more_take_the_place_of_fewer(database: Database, writer: StoreWriter, tmp_path: Path) -> None:
    writer.write(arrive(summary(1)))
    copy(database, tmp_path)
    writer.write(arrive(summary(2)))
    assert copy(database, tmp_path) == count_in_lake(tmp_path, DAY) == 2
    assert [path.name for path in day_file(tmp_path, DAY).parent.iterdir()] == ["part-0.parquet"]


def test_a_disk_that_refuses_leaves_what_was_there(
    database: Database, writer: StoreWriter, tmp_path: Path
) -> None:
    writer.write(arrive(summary(1)))
    copy(database, tmp_path)

    def full_disk() -> Iterator[Any]:
        with database.session() as session:
            yield from read_day(session, DAY)
        raise OSError(28, "No space left on device")

    with pytest.raises(LakeError, match=r"cannot be written.*No space left"):
        write_day(tmp_path, DAY, full_disk())
    assert [path.name for path in day_file(tmp_path, DAY).parent.iterdir()] == ["part-0.parquet"]
    assert count_in_lake(tmp_path, DAY) == 1


def test_two_who_write_the_same_day_do_not_mix(
    database: Database, writer: StoreWriter, tmp_path: Path
) -> None:
    writer.write(arrive(*(summary(n) for n in range(1, 6))))
    (day_file(tmp_path, DAY).parent / ".new-killed").mkdir(parents=True)

    def while_another_writes() -> Iterator[Any]:
        with database.session() as session:
            rows = list(read_day(session, DAY))
        yield rows[0]
        write_day(tmp_path, DAY, rows)
        yield from rows[1:]

    with pytest.raises(LakeError):
        write_day(tmp_path, DAY, while_another_writes())
    assert count_in_lake(tmp_path, DAY) == 5
    assert [path.name for path in day_file(tmp_path, DAY).parent.iterdir()] == ["part-0.parquet"]


def test_a_damaged_file_is_named(database: Database, tmp_path: Path) -> None:
    path = day_file(tmp_path, DAY)
    path.parent.mkdir(parents=True)
    path.write_bytes(b"PAR1 and then nothing")
    with pytest.raises(LakeError, match=r"part-0\.parquet: cannot be read"):
        count_in_lake(tmp_path, DAY)
