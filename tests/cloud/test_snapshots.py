"""A snapshot holds what was known at its cut, under pseudonyms, and nothing else."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from cloud.errors import NotFoundError, SnapshotExistsError
from cloud.snapshots import SnapshotRequest, make_snapshot
from cloud.store.database import Database
from cloud.store.machine_events import store_events
from cloud.store.writer import StoreWriter
from contract.errors import DataError
from contract.snapshot import key_id_of, parse_manifest, pseudonym
from tests.cloud.life_samples import DEVICE, at, born, event, said, talk

KEY = bytes(range(32))


def request(folder: Path, hours: float = 100.0, **changes: Any) -> SnapshotRequest:
    return replace(SnapshotRequest("dough_mixer", at(hours), folder, KEY), **changes)


def lives(folder: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = parquet.read_table(folder / "lives.parquet").to_pylist()
    return found


@pytest.fixture
def filled(writer: StoreWriter, database: Database) -> Database:
    """Two machines over 60 hours; the first one's bearing failed and was replaced once."""
    writer.write([born(), *talk(60), born("mix-2"), *talk(40, "mix-2")])
    log = [
        event("replacement", -10, "bearing"),
        event("failure", 20.5, "bearing"),
        event("maintenance", 30, "", "oiled"),
        event("replacement", 50, "bearing"),
    ]
    with database.transaction() as session:
        store_events(session, log, at(51))
    return database


def test_lives_that_failed_were_replaced_and_run(filled: Database, tmp_path: Path) -> None:
    manifest = make_snapshot(filled, request(tmp_path / "s"))
    counts = manifest.counts
    assert (counts.lives, counts.machines, counts.failed) == (4, 2, 1)
    found = lives(tmp_path / "s")
    mine = [life for life in found if life["machine"] == pseudonym(DEVICE, KEY)]
    assert [(life["component"], life["end"], life["end_age"]) for life in mine] == [
        ("bearing", "failed", 30.5),
        ("bearing", "replaced", 29.5),
        ("bearing", "running", 10.0),
    ]
    assert mine[0]["age"][0] == 11.0
    assert mine[1]["event_code"] == ["oiled"] and mine[1]["event_age"] == [9.5]
    assert manifest.spec.events == ("oiled",)
    assert manifest.spec.components == ("bearing",)
    other = [life for life in found if life["machine"] != pseudonym(DEVICE, KEY)]
    assert [(life["component"], life["age"][0], life["end"]) for life in other] == [("bearing", 0, "running")]
    assert set(mine[0]) >= {"setting_mean_speed_level", "sensor_mean_temp_level"}


def test_nobody_is_named(filled: Database, tmp_path: Path) -> None:
    make_snapshot(filled, request(tmp_path / "s"))
    for path in (tmp_path / "s").iterdir():
        assert DEVICE.encode() not in path.read_bytes()
    manifest = parse_manifest((tmp_path / "s" / "manifest.json").read_text())
    assert manifest.origin.key_id == key_id_of(KEY)


def test_nothing_later_than_the_cut_is_in_it(filled: Database, tmp_path: Path) -> None:
    """What was measured, happened or became known later changes nothing, to the byte."""
    early = make_snapshot(filled, request(tmp_path / "early", 35.2))
    assert early.counts.failed == 0  # the log was imported later
    assert all(max(life["age"]) <= 35 for life in lives(tmp_path / "early"))

    StoreWriter(filled).write([said(5000, 10.5, late_h=200), said(5001, 34.5, late_h=1)])
    with filled.transaction() as session:
        store_events(session, [event("failure", 12, "machine")], at(300))
    again = make_snapshot(filled, request(tmp_path / "again", 35.2))
    assert again.lives_sha256 == early.lives_sha256

    later = make_snapshot(filled, request(tmp_path / "later", 301))
    assert later.counts.failed == 2


def test_the_same_cut_gives_the_same_bytes(filled: Database, tmp_path: Path) -> None:
    one = make_snapshot(filled, request(tmp_path / "one"))
    other = make_snapshot(filled, request(tmp_path / "other"))
    assert one.lives_sha256 == other.lives_sha256
    hidden = make_snapshot(filled, request(tmp_path / "hidden", key=KEY[::-1]))
    assert hidden.lives_sha256 != one.lives_sha256


def test_gaps_have_no_rows_and_wrong_clocks_no_say(
    writer: StoreWriter, database: Database, tmp_path: Path
) -> None:
    writer.write([born(), said(1, 1), said(2, 5), said(3, 90, late_h=-80)])
    make_snapshot(database, request(tmp_path / "s"))
    (life,) = lives(tmp_path / "s")
    assert life["age"] == [0.0, 4.0]
    assert np.isfinite(life["sensor_mean_temp_level"]).all()


def test_a_plan_says_which_columns(filled: Database, tmp_path: Path) -> None:
    plan = 'machine_type = "dough_mixer"\nsettings = []\nsensors = ["max_temp_level"]\nstep_s = 7200.0\n'
    (tmp_path / "dough_mixer.toml").write_text(plan)
    manifest = make_snapshot(filled, request(tmp_path / "s", plans=tmp_path))
    assert manifest.spec.sensors == ("max_temp_level",)
    for life in lives(tmp_path / "s"):
        assert set(np.diff(life["age"])) == {2.0}


def test_an_unknown_machine_type_is_named(filled: Database, tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="known: dough_mixer"):
        make_snapshot(filled, request(tmp_path / "s", machine_type="fan"))
    assert not (tmp_path / "s").exists()


def test_an_empty_snapshot_is_refused(filled: Database, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no lives"):
        make_snapshot(filled, request(tmp_path / "s", -100))
    assert not (tmp_path / "s").exists()


def test_a_snapshot_never_changes(filled: Database, tmp_path: Path) -> None:
    make_snapshot(filled, request(tmp_path / "s"))
    with pytest.raises(SnapshotExistsError):
        make_snapshot(filled, request(tmp_path / "s"))
