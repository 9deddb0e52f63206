"""Tables are read by the names of their columns, and whatever is wrong with them has a line."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from contract.errors import DataError
from models.lives.csv_table import read_csv


def write(folder: Path, text: str, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(text.encode()) if name.endswith(".gz") else text.encode())
    return path


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("name", ["t.csv", "t.csv.gz"])
def test_columns_are_found_by_name(tmp_path: Path, separator: str, name: str) -> None:
    text = 'who,when, x ,y\n"a, or b",2026-01-01, 1.5 ,\nb,1e3,-2,7\n'
    if separator != ",":
        text = (
            text.replace('"a, or b"', "a, or b").replace(",", separator).replace(f"a{separator} or", "a, or")
        )
    table = read_csv(write(tmp_path, text, name), ("x", "who"))
    assert len(table) == 2
    assert table.texts("who") == ["a, or b", "b"]
    assert table.stamps("when").tolist() == [1_767_225_600, 1000]
    values = table.numbers(("y", "x"))
    assert values.dtype == np.float64
    assert values[1].tolist() == [7, -2]
    assert np.isnan(values[0, 0])


def test_a_header_alone_is_a_table_without_rows(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, "a,b\n\n"), ("a",))
    assert len(table) == 0
    assert table.numbers(("a", "b")).shape == (0, 2)
    assert table.stamps("b").shape == (0,)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", r"t\.csv: the file is empty"),
        ("a,c\n1,2\n", r"t\.csv:1: lacks the columns b; it has a, c"),
        ("a,b,a\n1,2,3\n", r"t\.csv:1: two columns have the same name"),
        ("a,b\n1,2\n1\n", r"t\.csv:3: has 1 columns, the header has 2"),
        ("a,b\n1,2\n\n1,2\n", r"t\.csv:3: has 0 columns"),
        ('a,b\n1,"2\n', r"t\.csv: cannot be read as a table"),
    ],
)
def test_what_is_no_such_table_is_refused(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        read_csv(write(tmp_path, text), ("a", "b"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("cell", "why"),
    [
        ("x", r"t\.csv:3: column 1: 'x' is not a number"),
        ("inf", r"t\.csv:3: a is infinite"),
        ("-inf", "infinite"),
    ],
)
def test_a_cell_that_is_no_number_has_a_line(tmp_path: Path, cell: str, why: str) -> None:
    table = read_csv(write(tmp_path, f"a,b\n1,2\n{cell},2\n"), ("a", "b"))
    with pytest.raises(DataError, match=why):
        table.numbers(("a", "b"))


def test_a_cell_that_is_no_time_has_a_line(tmp_path: Path) -> None:
    table = read_csv(write(tmp_path, "a,b\n1,2\nsoon,2\n"), ("a",))
    with pytest.raises(DataError, match=r"t\.csv:3: 'soon' is no time"):
        table.stamps("a")
    assert table.where(1).endswith("t.csv:3")
