"""A snapshot appears whole or not at all, never changes, and holds nothing from after its cut."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from cloud.errors import SnapshotExistsError, SnapshotStorageError
from cloud.snapshot_file import SnapshotContent, write_snapshot
from contract.errors import DataError
from contract.life_columns import column_kinds
from contract.lives import End, EventKind, LifeEvent
from contract.snapshot import LIVES_FILE, MANIFEST_FILE, Counts, Origin, key_of, parse_manifest
from tests.contract.life_strategies import SPEC, pump

CUT = datetime(2026, 3, 1, 6, tzinfo=UTC)
ORIGIN = Origin(CUT, CUT + timedelta(hours=1), "store of plant 3", "4a1b2c3")
LIVES = [
    pump("b", 3, end=End.RUNNING, events=(LifeEvent(1.5, EventKind.ERROR, "overheated"),)),
    pump("a", number=1, end=End.REPLACED),
    pump("a"),
]
CONTENT = SnapshotContent(SPEC, LIVES)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_snapshot_is_a_manifest_and_the_lives(tmp_path: Path) -> None:
    manifest = write_snapshot(tmp_path / "one", CONTENT, ORIGIN)
    assert names(tmp_path) == ["one"]
    assert names(tmp_path / "one") == [LIVES_FILE, MANIFEST_FILE]
    assert parse_manifest((tmp_path / "one" / MANIFEST_FILE).read_text("utf-8")) == manifest
    assert manifest.lives_sha256 == hashlib.sha256((tmp_path / "one" / LIVES_FILE).read_bytes()).hexdigest()
    assert manifest.counts == Counts(lives=3, machines=2, rows=13, events=1, failed=1)
    assert (manifest.spec, manifest.origin) == (SPEC, ORIGIN)


def test_the_table_is_one_row_for_each_life_in_order(tmp_path: Path) -> None:
    installed = {key_of(LIVES[0]): CUT - timedelta(hours=3)}
    write_snapshot(tmp_path / "one", replace(CONTENT, installed=installed), ORIGIN)
    table = parquet.read_table(tmp_path / "one" / LIVES_FILE)
    assert table.column_names == list(column_kinds(SPEC))
    assert table["machine"].to_pylist() == ["a", "a", "b"]
    assert table["number"].to_pylist() == [0, 1, 0]
    assert table["age"].to_pylist()[2] == [0, 1, 2]
    assert table["sensor_temp"].to_pylist()[2] == [20, 21, 22]
    assert table["event_code"].to_pylist() == [[], [], ["overheated"]]
    assert table["installed_s"].to_pylist() == [None, None, (CUT - timedelta(hours=3)).timestamp()]
    assert table.schema.field("age").type.value_type == pa.float64()
    assert table.schema.field("sensor_temp").type.value_type == pa.float32()


def test_what_was_not_measured_stays_a_number_that_is_none(tmp_path: Path) -> None:
    life = pump(sensors=np.full((5, 2), np.nan, np.float32))
    write_snapshot(tmp_path / "one", SnapshotContent(SPEC, [life]), ORIGIN)
    (values,) = parquet.read_table(tmp_path / "one" / LIVES_FILE)["sensor_temp"].to_pylist()
    assert np.isnan(values).all()


def test_equal_lives_give_equal_bytes_in_any_order(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "one", CONTENT, ORIGIN)
    write_snapshot(tmp_path / "two", SnapshotContent(SPEC, LIVES[::-1]), ORIGIN)
    for name in (LIVES_FILE, MANIFEST_FILE):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_many_lives_are_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloud.snapshot_file.LIVES_PER_GROUP", 4)
    lives = [pump(f"m{number:02d}", 1 + number) for number in range(10)]
    write_snapshot(tmp_path / "one", SnapshotContent(SPEC, lives), ORIGIN)
    file = parquet.ParquetFile(tmp_path / "one" / LIVES_FILE)
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [4, 4, 2]
    assert [len(ages) for ages in file.read()["age"].to_pylist()] == list(range(1, 11))


def test_a_snapshot_is_never_overwritten(tmp_path: Path) -> None:
    first = write_snapshot(tmp_path / "one", CONTENT, ORIGIN)
    with pytest.raises(SnapshotExistsError, match=r"one: exists, and a snapshot never changes"):
        write_snapshot(tmp_path / "one", SnapshotContent(SPEC, LIVES[:1]), ORIGIN)
    assert parse_manifest((tmp_path / "one" / MANIFEST_FILE).read_text("utf-8")) == first
    assert all((path.stat().st_mode & 0o222) == 0 for path in (tmp_path / "one").iterdir())


def test_a_folder_that_is_there_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    with pytest.raises(SnapshotExistsError):
        write_snapshot(tmp_path / "one", CONTENT, ORIGIN)
    assert names(tmp_path / "one") == []


def test_a_snapshot_of_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the snapshot is empty"):
        write_snapshot(tmp_path / "one", SnapshotContent(SPEC, []), ORIGIN)
    assert names(tmp_path) == []


def test_a_life_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="machine a: seal 0 stands there twice"):
        write_snapshot(tmp_path / "one", SnapshotContent(SPEC, [*LIVES, LIVES[2]]), ORIGIN)
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("hours", "why"),
    [(4.5, "its end lies 0.5 h after the cut"), (1.0, "its last row lies 3 h after the cut")],
)
def test_a_life_from_after_the_cut_is_refused(tmp_path: Path, hours: float, why: str) -> None:
    content = replace(CONTENT, installed={key_of(LIVES[2]): CUT - timedelta(hours=hours)})
    with pytest.raises(DataError, match=f"machine a, seal 0: {why}"):
        write_snapshot(tmp_path / "one", content, ORIGIN)
    assert names(tmp_path) == []


def test_a_life_of_another_type_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    stranger = pump("c", sensors=np.zeros((5, 3), np.float32))
    with pytest.raises(DataError, match="'c': has other sensors"):
        write_snapshot(tmp_path / "one", SnapshotContent(SPEC, [*LIVES, stranger]), ORIGIN)
    assert names(tmp_path) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(SnapshotStorageError, match=r"nowhere/one: cannot be written"):
        write_snapshot(tmp_path / "nowhere" / "one", CONTENT, ORIGIN)


def test_power_that_fails_before_the_end_leaves_no_snapshot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("cloud.snapshot_file.os.fsync", fail)
    with pytest.raises(SnapshotStorageError, match="Input/output error"):
        write_snapshot(tmp_path / "one", CONTENT, ORIGIN)
    assert names(tmp_path) == []
