"""C-MAPSS engines as lives: every column, every engine, and tests only where their answers lie beside."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from contract.lives import End
from models.lives.cmapss import SPEC, read_cmapss
from models.recordings.cmapss_table import read_table
from tests.conftest import PROJECT_ROOT

SAMPLE = PROJECT_ROOT / "simulators" / "data" / "cmapss"


def write(folder: Path, name: str, *lines: str) -> None:
    text = ("\n".join(lines) + "\n").encode()
    (folder / name).write_bytes(gzip.compress(text) if name.endswith(".gz") else text)


def row(unit: int, cycle: int) -> str:
    return " ".join(map(str, [unit, cycle, 35.0, 0.8, 100.0, *range(1, 22)]))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "train_FD001.txt", row(1, 1), row(1, 2), row(1, 3), row(2, 1))
    write(tmp_path, "test_FD001.txt.gz", row(1, 1), row(1, 2), row(5, 1))
    write(tmp_path, "RUL_FD001.txt", "40", "7.5")
    write(tmp_path, "train_FD009.txt.gz", row(4, 1), row(4, 2))
    write(tmp_path, "test_FD009.txt", row(1, 1))
    write(tmp_path, "test_FD005.txt", row(1, 1))
    return tmp_path


def test_engines_of_a_training_table_flew_to_failure(folder: Path) -> None:
    lives = {life.machine: life for life in read_cmapss(folder).lives}
    assert list(lives) == ["fd001-train-001", "fd001-train-002", "fd009-train-004"]
    first = lives["fd001-train-001"]
    assert (first.age.tolist(), first.end, first.end_age, first.remaining) == ([1, 2, 3], End.FAILED, 3, 0)
    assert (first.component, first.number, first.group) == ("engine", 0, "FD001")


def test_every_column_is_used(folder: Path) -> None:
    first = read_cmapss(folder).lives[0]
    assert first.settings[0].tolist() == pytest.approx([35.0, 0.8, 100.0])
    assert first.sensors[0].tolist() == list(range(1, 22))
    assert len(SPEC.settings) + len(SPEC.sensors) == 26 - 2


def test_the_shortest_engine_is_a_life(folder: Path) -> None:
    assert min(len(life.age) for life in read_cmapss(folder).lives) == 1


def test_tests_end_when_their_answers_say(folder: Path) -> None:
    tests = read_cmapss(folder).tests
    assert [(life.machine, life.remaining, life.end_age) for life in tests] == [
        ("fd001-test-001", 40, 42),
        ("fd001-test-005", 7.5, 8.5),
    ]
    assert {life.end for life in tests} == {End.FAILED}


def test_tests_without_answers_are_said_and_not_used(folder: Path) -> None:
    (note,) = read_cmapss(folder).notes
    assert note == "FD009: there is no RUL_FD009 file beside its test table, which is not used"
    (folder / "test_FD009.txt").unlink()
    assert read_cmapss(folder).notes == ("FD009: has no test table",)


@pytest.mark.parametrize("subset", ["FD001", "fd001"])
def test_one_subset_is_read_alone(folder: Path, subset: str) -> None:
    lives = read_cmapss(folder, subset)
    assert {life.group for life in (*lives.lives, *lives.tests)} == {"FD001"}
    assert lives.notes == ()


@pytest.mark.parametrize("subset", ["FD005", "FD002", "x"])
def test_a_subset_without_a_training_table_is_refused(folder: Path, subset: str) -> None:
    with pytest.raises(DataError, match=f"no train_{subset}.txt"):
        read_cmapss(folder, subset)


def test_a_malformed_table_is_named_with_its_line(folder: Path) -> None:
    write(folder, "train_FD001.txt", row(1, 1), row(1, 3))
    with pytest.raises(DataError, match=r"train_FD001\.txt:2: unit and cycle"):
        read_cmapss(folder)


def test_the_shipped_sample_is_read_to_the_last_cell() -> None:
    lives = read_cmapss(SAMPLE, "FD001")
    table = read_table(SAMPLE / "train_FD001.txt.gz")
    assert (len(lives.lives), len(lives.tests), lives.notes) == (12, 6, ())
    assert np.concatenate([life.age for life in lives.lives]).tolist() == table[:, 1].tolist()
    values = np.concatenate([np.hstack([life.settings, life.sensors]) for life in lives.lives])
    assert np.array_equal(values, table[:, 2:].astype(np.float32))
    assert min(life.remaining for life in lives.tests) >= 115


def test_the_subsets_as_published(recorded_data: Path) -> None:
    lives = read_cmapss(recorded_data / "cmapss", "FD001")
    assert (len(lives.lives), len(lives.tests)) == (100, 100)
    assert sum(len(life.age) for life in lives.lives) == 20_631
    assert sorted(life.remaining for life in lives.tests)[:2] == [7, 8]
