"""Training reads what the cloud wrote, and every defect of a snapshot is one sentence with file and place."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from cloud.snapshot_file import SnapshotContent, write_snapshot
from contract.errors import DataError
from contract.lives import Life
from contract.snapshot import LIVES_FILE, MANIFEST_FILE, Split, key_of, split_of
from models.snapshot import read_snapshot
from tests.contract.life_strategies import SPEC, lives, told
from tests.models.snapshots import CUT, ORIGIN, fleet, write

NOW = CUT + timedelta(days=1)


def distinct(several: list[Life]) -> list[Life]:
    return list({key_of(life): life for life in several}.values())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.lists(lives(), min_size=1, max_size=5).map(distinct), st.integers(0, 10**9))
def test_what_the_cloud_wrote_is_what_training_reads(
    tmp_path: Path, several: list[Life], number: int
) -> None:
    folder = tmp_path / f"{number}-{len(list(tmp_path.iterdir()))}"
    manifest = write_snapshot(folder, SnapshotContent(SPEC, several), ORIGIN)
    snapshot = read_snapshot(folder, NOW)
    assert [told(life) for life in snapshot.lives] == [told(life) for life in sorted(several, key=key_of)]
    assert (snapshot.manifest, snapshot.spec, snapshot.folder) == (manifest, SPEC, folder)


def test_dates_come_along(tmp_path: Path) -> None:
    snapshot = read_snapshot(write(tmp_path / "one", dated=True), NOW)
    assert snapshot.installed == {
        key_of(life): CUT - timedelta(hours=life.end_age) for life in snapshot.lives
    }


def test_every_machine_is_on_one_side_and_none_is_lost(tmp_path: Path) -> None:
    snapshot = read_snapshot(write(tmp_path / "one"), NOW)
    machines = [{life.machine for life in snapshot.split(side)} for side in Split]
    assert all(machines)
    assert sum(map(len, machines)) == len(set.union(*machines)) == snapshot.manifest.counts.machines
    assert sum(len(snapshot.split(side)) for side in Split) == len(snapshot.lives)
    assert {split_of(machine) for machine in machines[0]} == {Split.TRAIN}


def rewrite(folder: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    """Change the table and sign for it, as a writer with a defect would."""
    path = folder / LIVES_FILE
    table = change(parquet.read_table(path))
    path.unlink()
    parquet.write_table(table, path)
    edit_manifest(folder, lives_sha256=hashlib.sha256(path.read_bytes()).hexdigest())


def edit_manifest(folder: Path, **changes: Any) -> None:
    path = folder / MANIFEST_FILE
    text = json.dumps(json.loads(path.read_text("utf-8")) | changes)
    path.unlink()
    path.write_text(text, "utf-8")


def put(name: str, values: list[Any], kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    def change(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index(name), name, pa.array(values, kind))

    return change


NUMBERS = pa.list_(pa.float32())
FIVE = [1.0, 2.0, 3.0, 4.0, 5.0]
DEFECTS: dict[str, tuple[Callable[[pa.Table], pa.Table], str]] = {
    "missing column": (lambda t: t.drop(["sensor_temp"]), "column sensor_temp is missing"),
    "unknown column": (
        lambda t: t.append_column("customer", pa.array(["a", "b"])),
        "column customer is not in the manifest",
    ),
    "column twice": (lambda t: t.append_column("age", t["age"]), "column age stands there twice"),
    "wrong type": (
        put("sensor_temp", [FIVE, FIVE], pa.list_(pa.float64())),
        "column sensor_temp: holds list of ages, not list of numbers",
    ),
    "foreign type": (
        put("number", ["0", "1"], pa.large_string()),
        "column number: holds large_string, not whole number",
    ),
    "lengths": (
        put("sensor_temp", [FIVE, FIVE[:3]], NUMBERS),
        "column sensor_temp: machine 'm01': 3 values for 6 ages",
    ),
    "no list": (
        put("sensor_temp", [FIVE, None], NUMBERS),
        "column sensor_temp: machine 'm01': holds nothing",
    ),
    "gap": (
        put("sensor_temp", [FIVE, [*FIVE, None]], NUMBERS),
        "column sensor_temp: machine 'm01': a list has a gap",
    ),
    "no end": (put("end", ["failed", None], pa.string()), "column end: machine 'm01': holds nothing"),
    "unknown end": (put("end", ["failed", "sold"], pa.string()), "column end: machine 'm01': 'sold'"),
    "no end age": (put("end_age", [5.0, None], pa.float64()), "life 'm01': ends at nan"),
    "unknown event": (
        put("event_code", [["overheated"], ["burnt"]], pa.list_(pa.string())),
        "column event_code: machine 'm01': 'burnt' is unknown",
    ),
    "twice": (put("machine", ["m00", "m00"], pa.string()), "machine m00: seal 0 stands there twice"),
    "fewer lives": (lambda t: t.slice(0, 1), "its count of lives is 1, but the manifest says 2"),
    "empty": (lambda t: t.slice(0, 0), "the snapshot is empty"),
    "future": (
        put("installed_s", [None, CUT.timestamp()], pa.float64()),
        "machine m01, seal 0: its last row lies 5 h after the cut",
    ),
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_is_one_sentence_with_file_and_place(tmp_path: Path, defect: str) -> None:
    folder = write(tmp_path / "one", fleet(2)[:2])
    change, why = DEFECTS[defect]
    rewrite(folder, change)
    with pytest.raises(DataError, match=why) as caught:
        read_snapshot(folder, NOW)
    assert str(caught.value).startswith(f"{folder / LIVES_FILE}: ")
    assert "\n" not in str(caught.value)


def test_lists_that_another_writer_names_differently_are_taken(tmp_path: Path) -> None:
    """Parquet writers do not agree on what an entry of a list is called."""
    folder = write(tmp_path / "one", fleet(2)[:2])
    element = pa.list_(pa.field("element", pa.float32()))
    rewrite(folder, lambda t: t.set_column(8, "setting_speed", t["setting_speed"].cast(element)))
    assert len(read_snapshot(folder, NOW).lives) == 2


@pytest.mark.parametrize("place", [0, 100, -1])
def test_damaged_bytes_are_seen(tmp_path: Path, place: int) -> None:
    path = write(tmp_path / "one") / LIVES_FILE
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.unlink()
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"lives\.parquet: damaged"):
        read_snapshot(tmp_path / "one", NOW)


def test_bytes_that_are_no_parquet_are_refused(tmp_path: Path) -> None:
    folder = write(tmp_path / "one")
    (folder / LIVES_FILE).unlink()
    (folder / LIVES_FILE).write_bytes(b"PAR1 or so")
    edit_manifest(folder, lives_sha256=hashlib.sha256(b"PAR1 or so").hexdigest())
    with pytest.raises(DataError, match=r"lives\.parquet: damaged, or no Parquet file") as caught:
        read_snapshot(folder, NOW)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", [LIVES_FILE, MANIFEST_FILE])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    folder = write(tmp_path / "one")
    (folder / name).unlink()
    with pytest.raises(DataError, match=rf"{name}: cannot be read"):
        read_snapshot(folder, NOW)


def test_a_manifest_that_cannot_be_is_named(tmp_path: Path) -> None:
    folder = write(tmp_path / "one")
    edit_manifest(folder, format=2)
    with pytest.raises(DataError, match=r"manifest\.json: the manifest is of format 2"):
        read_snapshot(folder, NOW)
    (folder / MANIFEST_FILE).write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match=r"manifest\.json: cannot be read"):
        read_snapshot(folder, NOW)


def test_a_snapshot_of_the_future_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"manifest\.json: was made in the future"):
        read_snapshot(write(tmp_path / "one"), CUT)


def test_the_clock_is_the_machines_unless_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "one")
    edit_manifest(
        folder,
        origin=json.loads((folder / MANIFEST_FILE).read_text())["origin"]
        | {"created": "2999-01-01T00:00:00+00:00"},
    )
    with pytest.raises(DataError, match="future, at 2999"):
        read_snapshot(folder)


def test_unknown_numbers_come_back_as_such(tmp_path: Path) -> None:
    life = fleet(1)[0]
    hollow = np.full_like(life.sensors, np.nan)
    folder = write(tmp_path / "one", [Life(**{**fields_of(life), "sensors": hollow})])
    assert np.isnan(read_snapshot(folder, NOW).lives[0].sensors).all()


def fields_of(life: Life) -> dict[str, Any]:
    return {name: getattr(life, name) for name in Life.__slots__}
