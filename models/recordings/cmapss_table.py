"""The tables of NASA's C-MAPSS data set (Saxena et al., PHM 2008), whoever reads them and for what.

Rule: a table is 26 columns of text, plain or gzipped, engines one below the other, their cycles counting up
by one; anything else is refused with file and line.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from contract.errors import DataError
from models.recordings.text import Numbers, parse_numbers, read_lines, split_rows

COLUMNS = 26
"""Unit, cycle, three settings, then sensors 1 to 21."""
ENDINGS = (".txt", ".txt.gz")


def read_table(path: Path) -> Numbers:
    """Read a training or test table.

    Returns:
        float64 (n_rows, 26), in the file's order and units.

    Raises:
        DataError: the file is no such table; names its line.
    """
    table = parse_numbers(path, split_rows(path, read_lines(path), None, COLUMNS))
    _check_cycles(path, table)
    return table


def split_units(table: Numbers) -> list[tuple[int, Numbers]]:
    """The engines of a table, each with its rows, in the file's order, which is a RUL file's order, too."""
    return [(int(unit), table[table[:, 0] == unit]) for unit in dict.fromkeys(table[:, 0].tolist())]


def find_remaining(path: Path) -> Path | None:
    """The file beside a test table that says how long its engines had left: `RUL_FD001.txt`, if any."""
    stem = path.name.split(".")[0].replace("test_", "RUL_", 1)
    return next((found for end in ENDINGS if (found := path.with_name(stem + end)).is_file()), None)


def read_remaining(path: Path, table: Path, n_units: int) -> Numbers:
    """Flights that each engine of a test table had left after its last row.

    Args:
        path: The RUL file.
        table: Whose engines it tells of, for messages.
        n_units: How many they are.

    Raises:
        DataError: the file is malformed, has other engines, or a remaining life that is none; names its line.
    """
    remaining = parse_numbers(path, split_rows(path, read_lines(path), None, 1))[:, 0]
    if len(remaining) != n_units:
        raise DataError(f"{path}: has {len(remaining)} lines for the {n_units} engines of {table.name}")
    is_bad = ~(np.isfinite(remaining) & (remaining >= 0))
    if is_bad.any():
        raise DataError(f"{path}:{int(np.argmax(is_bad)) + 1}: a remaining life is a number from 0 up")
    return remaining


def _check_cycles(path: Path, table: Numbers) -> None:
    """Refuse units and cycles that are not whole numbers from 1 on, or cycles that do not count up by one."""
    keys = table[:, :2]
    is_new = np.diff(keys[:, 0], prepend=-1.0) != 0
    expected = np.where(is_new, keys[:, 1], np.roll(keys[:, 1], 1) + 1)
    bad = (
        (keys < 1).any(1)
        | (keys != np.floor(keys)).any(1)
        | (keys[:, 1] != expected)
        | ~np.isfinite(keys).all(1)
    )
    if bad.any():
        raise DataError(
            f"{path}:{int(np.argmax(bad)) + 1}: unit and cycle must be whole numbers, cycles rising by one"
        )
