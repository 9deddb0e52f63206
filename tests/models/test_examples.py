"""Examples keep machines on their sides, and the cuts of a life depend on nothing but itself and the seed."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contract.errors import ConfigError, DataError
from contract.lives import Life
from contract.snapshot import LIVES_FILE, MANIFEST_FILE, Split, key_of, parse_manifest, split_of
from models.errors import TooLittleDataError
from models.examples import ExampleConfig, draw_cuts, write_examples
from models.parquet import read_lives
from models.snapshot import Snapshot, read_snapshot
from tests.contract.life_strategies import SPEC, lives, pump, told
from tests.models.snapshots import fleet, write


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return read_snapshot(write(tmp_path / "snapshot", dated=True))


def read_side(folder: Path, side: Split) -> list[Life]:
    return read_lives(folder / side / LIVES_FILE, SPEC)[0]


def test_a_span_has_three_sides_and_nothing_else(snapshot: Snapshot, tmp_path: Path) -> None:
    folder = write_examples(snapshot, tmp_path / "examples", ExampleConfig(span=7))
    assert folder == tmp_path / "examples" / "span-00007"
    found = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))
    assert found == sorted([*Split, *(f"{side}/{LIVES_FILE}" for side in Split), MANIFEST_FILE])
    assert parse_manifest((folder / MANIFEST_FILE).read_text()) == snapshot.manifest
    assert [path.name for path in folder.parent.iterdir()] == ["span-00007"]


def test_machines_stay_on_their_sides(snapshot: Snapshot, tmp_path: Path) -> None:
    folder = write_examples(snapshot, tmp_path, ExampleConfig(1))
    sides = {side: {life.machine for life in read_side(folder, side)} for side in Split}
    assert all(split_of(machine) is side for side, machines in sides.items() for machine in machines)
    assert set.union(*sides.values()) == {life.machine for life in snapshot.lives}


@pytest.mark.parametrize("side", [Split.TRAIN, Split.CALIBRATE])
def test_learning_gets_whole_lives(snapshot: Snapshot, tmp_path: Path, side: Split) -> None:
    folder = write_examples(snapshot, tmp_path, ExampleConfig(1))
    assert [told(life) for life in read_side(folder, side)] == [told(life) for life in snapshot.split(side)]


def test_evaluation_gets_cuts_of_every_life(snapshot: Snapshot, tmp_path: Path) -> None:
    folder = write_examples(snapshot, tmp_path, ExampleConfig(1, cuts=4, seed=3))
    expected = [told(part) for life in snapshot.split(Split.EVAL) for part in draw_cuts(life, 4, 3)]
    assert [told(life) for life in read_side(folder, Split.EVAL)] == expected
    counts = {key_of(life): min(4, len(life.age)) for life in snapshot.split(Split.EVAL)}
    assert len(expected) == sum(counts.values())


def test_dates_come_along(snapshot: Snapshot, tmp_path: Path) -> None:
    folder = write_examples(snapshot, tmp_path, ExampleConfig(1))
    installed = read_lives(folder / Split.TRAIN / LIVES_FILE, SPEC)[1]
    assert installed == {
        key_of(life): snapshot.installed[key_of(life)] for life in snapshot.split(Split.TRAIN)
    }


@given(lives(), st.integers(1, 20), st.integers(0, 99))
def test_cuts_are_rows_of_the_life_each_once(life: Life, n_cuts: int, seed: int) -> None:
    parts = draw_cuts(life, n_cuts, seed)
    lengths = [len(part.age) for part in parts]
    assert lengths == sorted(set(lengths))
    assert len(lengths) == min(n_cuts, len(life.age))
    assert [told(part) for part in parts] == [told(life.cut(length)) for length in lengths]


def test_cuts_are_the_same_again_and_other_ones_with_another_seed() -> None:
    life = pump(n_rows=200)

    def rows(of: Life, seed: int) -> list[int]:
        return [len(part.age) for part in draw_cuts(of, 5, seed)]

    assert rows(life, 1) == rows(life, 1)
    others = [rows(life, 2), rows(pump("p2", 200), 1), rows(pump(n_rows=200, number=1), 1)]
    assert all(other != rows(life, 1) for other in others)


def test_cuts_reach_every_part_of_life() -> None:
    rows = [
        len(part.age) for number in range(200) for part in draw_cuts(pump(n_rows=10, number=number), 3, 1)
    ]
    assert {rows.count(row) > 30 for row in range(1, 11)} == {True}


def test_a_span_is_never_overwritten(snapshot: Snapshot, tmp_path: Path) -> None:
    folder = write_examples(snapshot, tmp_path, ExampleConfig(1))
    before = (folder / "eval" / LIVES_FILE).read_bytes()
    with pytest.raises(DataError, match=r"span-00001: exists"):
        write_examples(snapshot, tmp_path, ExampleConfig(1, seed=9))
    assert (folder / "eval" / LIVES_FILE).read_bytes() == before


def test_too_few_machines_are_said(tmp_path: Path) -> None:
    snapshot = read_snapshot(write(tmp_path / "snapshot", fleet(1)))
    with pytest.raises(TooLittleDataError, match=r"snapshot: none of its 1 machines falls to"):
        write_examples(snapshot, tmp_path / "examples", ExampleConfig(1))
    assert not (tmp_path / "examples").exists()


def test_a_disk_that_refuses_leaves_no_span(
    snapshot: Snapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("models.span_folder.os.fsync", fail)
    with pytest.raises(DataError, match=r"span-00001: cannot be written: .*No space left"):
        write_examples(snapshot, tmp_path / "examples", ExampleConfig(1))
    assert list((tmp_path / "examples").iterdir()) == []


@pytest.mark.parametrize(("span", "cuts"), [(0, 1), (100_000, 1), (1, 0)])
def test_what_cannot_be_asked_for_is_refused(span: int, cuts: int) -> None:
    with pytest.raises(ConfigError, match="a span is 1 to 99999"):
        ExampleConfig(span, cuts)
