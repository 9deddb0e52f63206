"""Training writes the same files of lives as the cloud, and reads both alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from pyarrow import parquet

from contract.errors import DataError
from contract.snapshot import LIVES_FILE, key_of
from models.parquet import read_lives, write_lives
from tests.contract.life_strategies import SPEC, pump, told
from tests.models.snapshots import CUT, fleet, write


def test_both_writers_write_the_same_table(tmp_path: Path) -> None:
    lives = sorted(fleet(5), key=key_of)
    write_lives(tmp_path / "ours.parquet", lives, SPEC, {})
    theirs = parquet.read_table(write(tmp_path / "snapshot", lives) / LIVES_FILE)
    assert parquet.read_table(tmp_path / "ours.parquet").equals(theirs)


def test_parts_of_one_life_keep_their_order(tmp_path: Path) -> None:
    life = pump(n_rows=9)
    parts = [life.cut(7), life.cut(2), life.cut(9)]
    write_lives(tmp_path / "parts.parquet", parts, SPEC, {key_of(life): CUT})
    back, installed = read_lives(tmp_path / "parts.parquet", SPEC)
    assert [told(each) for each in back] == [told(each) for each in parts]
    assert installed == {key_of(life): CUT}


def test_no_lives_are_a_file_too(tmp_path: Path) -> None:
    write_lives(tmp_path / "none.parquet", [], SPEC, {})
    assert read_lives(tmp_path / "none.parquet", SPEC) == ([], {})


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.parquet: there is no such file"):
        read_lives(tmp_path / "none.parquet", SPEC)


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"x\.parquet: cannot be written"):
        write_lives(tmp_path / "nowhere" / "x.parquet", fleet(1), SPEC, {})
