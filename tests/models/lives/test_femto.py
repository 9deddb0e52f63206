"""PRONOSTIA's table as lives: its own clock, its own end, and no row believed that contradicts another."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from contract.lives import End
from models.lives.femto import SPEC, read_femto

HEADER = ("set", "bearing", "condition", "rpm", "load_n", "snapshot", "t_s", "rul_s", *SPEC.sensors)
N_SENSORS = len(SPEC.sensors)


def row(bearing: str, t_s: float, rul_s: float, condition: int = 1, temp: str = "70.5") -> str:
    cells = ["Learning_set", bearing, condition, 1800, 4000, 1, t_s, rul_s, temp, *range(1, N_SENSORS)]
    return ",".join(map(str, cells))


def write(folder: Path, *rows: str, header: str = ",".join(HEADER), name: str = "") -> Path:
    path = folder / (name or "features_learning_set.csv")
    text = "\n".join([header, *rows]) + "\n"
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


ROWS = (row("Bearing1_1", 0, 20), row("Bearing1_1", 10, 10), row("Bearing2_1", 0, 300, 2, ""))


@pytest.mark.parametrize("name", ["features_learning_set.csv", "features_learning_set.csv.gz"])
def test_each_bearing_ran_to_failure(tmp_path: Path, name: str) -> None:
    write(tmp_path, *ROWS, name=name)
    first, second = read_femto(tmp_path).lives
    assert (first.machine, first.component, first.group) == ("femto-bearing1-1", "bearing", "condition-1")
    assert (first.age.tolist(), first.end, first.end_age, first.remaining) == ([0, 10], End.FAILED, 20, 10)
    assert first.settings.tolist() == [[1800, 4000]] * 2
    assert first.sensors[0].tolist() == [70.5, *range(1, N_SENSORS)]
    assert (second.machine, second.group, second.remaining) == ("femto-bearing2-1", "condition-2", 300)
    assert np.isnan(second.sensors[0, 0])


def test_one_condition_is_read_alone(tmp_path: Path) -> None:
    write(tmp_path, *ROWS)
    assert [life.machine for life in read_femto(tmp_path, "condition-2").lives] == ["femto-bearing2-1"]
    with pytest.raises(DataError, match="no subset '9'; choose all or one of condition-1, condition-2"):
        read_femto(tmp_path, "9")


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        ((row("B", 0, 20), row("B", 0, 20)), 3),
        ((row("B", 10, 10), row("B", 0, 20)), 3),
        ((row("B", 0, 20), row("A", 0, 5), row("B", 10, 11)), 4),
        ((row("B", -10, 20),), 2),
        ((row("B", 0, -5),), 2),
    ],
)
def test_time_that_cannot_be_is_named_with_its_line(tmp_path: Path, rows: tuple[str, ...], line: int) -> None:
    path = write(tmp_path, *rows)
    with pytest.raises(DataError, match=f"{path}:{line}: B: t_s must rise"):
        read_femto(tmp_path)


@pytest.mark.parametrize(
    ("header", "rows", "why"),
    [
        (",".join(HEADER).replace("h_rms", "h_rsm"), ROWS, r":1: lacks the columns h_rms"),
        (",".join(HEADER), (), "has no rows"),
        (",".join(HEADER), (ROWS[0] + ",1",), r":2: has \d+ columns"),
        (",".join(HEADER), (ROWS[0], ROWS[1].replace("70.5", "warm")), r":3: .*'warm' is not a number"),
    ],
)
def test_a_malformed_table_is_refused(tmp_path: Path, header: str, rows: tuple[str, ...], why: str) -> None:
    write(tmp_path, *rows, header=header)
    with pytest.raises(DataError, match=why):
        read_femto(tmp_path)


def test_the_learning_set_as_published(recorded_data: Path) -> None:
    lives = {life.machine: life for life in read_femto(recorded_data / "femto").lives}
    ends = {name: life.end_age for name, life in lives.items()}
    assert ends == {
        "femto-bearing1-1": 28_020,
        "femto-bearing1-2": 8_700,
        "femto-bearing2-1": 9_100,
        "femto-bearing2-2": 7_960,
        "femto-bearing3-1": 5_140,
        "femto-bearing3-2": 16_360,
    }
    assert all(life.age[0] == 0 and life.remaining == 0 for life in lives.values())
    assert max(ends.values()) < SPEC.horizon
    steps = np.diff(lives["femto-bearing1-1"].age)
    assert set(steps.tolist()) == {10.0}, "the jump of the rig's clock is not in this table"
