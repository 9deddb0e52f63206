"""One reader of C-MAPSS tables: recordings and lives see the same engines in the same order."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from contract.errors import DataError
from models.recordings.cmapss_table import find_remaining, read_remaining, read_table, split_units


def row(unit: int, cycle: int) -> str:
    return " ".join(map(str, [unit, cycle, 35.0, 0.8, 100.0, *range(1, 22)])) + "  "


def table(folder: Path, *keys: tuple[int, int], name: str = "train_FD001.txt") -> Path:
    path = folder / name
    path.write_text("".join(row(*key) + "\n" for key in keys))
    return path


def test_a_table_is_26_numbers_a_row(tmp_path: Path) -> None:
    values = read_table(table(tmp_path, (1, 1), (1, 2)))
    assert values.shape == (2, 26)
    assert values[1].tolist() == [1, 2, 35, 0.8, 100, *range(1, 22)]


def test_engines_stay_in_the_files_order(tmp_path: Path) -> None:
    """The lines of a RUL file follow the table's engines as they stand there, not their numbers."""
    units = split_units(read_table(table(tmp_path, (7, 1), (7, 2), (3, 1))))
    assert [(unit, len(rows)) for unit, rows in units] == [(7, 2), (3, 1)]


@pytest.mark.parametrize("ending", [".txt", ".txt.gz"])
def test_the_answers_lie_beside(tmp_path: Path, ending: str) -> None:
    path = table(tmp_path, (1, 1), (2, 1), name="test_FD003.txt")
    assert find_remaining(path) is None
    answers = tmp_path / f"RUL_FD003{ending}"
    answers.write_bytes(gzip.compress(b"40\n7\n") if ending.endswith("gz") else b"40\n7\n")
    assert find_remaining(path) == answers
    assert read_remaining(answers, path, 2).tolist() == [40, 7]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("40\n", "has 1 lines for the 2 engines of test_FD003.txt"),
        ("40\n7\n8\n", "has 3 lines"),
        ("40\n-1\n", ":2: a remaining life"),
        ("nan\n7\n", ":1: a remaining life"),
        ("40\nsoon\n", ":2: column 1: 'soon'"),
        ("40 1\n7 1\n", ":1: has 2 columns"),
        ("", "empty"),
    ],
)
def test_answers_that_cannot_be_are_refused(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "RUL_FD003.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=rf"RUL_FD003\.txt.*{why}"):
        read_remaining(path, tmp_path / "test_FD003.txt", 2)
