"""Tables with a header, by the names of their columns.

Rule: a column that is asked for and not there, a line of another length and a cell that is not what its
column holds are refused with file and line. The separator is the one of `,` `;` or tab that the header uses.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from contract.errors import DataError
from models.recordings.text import Numbers, parse_numbers, parse_stamps, read_lines

SEPARATORS = (",", ";", "\t")
FIRST_LINE = 2
"""Where the first row stands, below the header."""


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A table of text."""

    path: Path
    header: tuple[str, ...]
    rows: list[list[str]] = field(repr=False)
    """All as long as the header; there may be none."""

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, row: int) -> str:
        """File and line of a row, for messages."""
        return f"{self.path}:{row + FIRST_LINE}"

    def texts(self, name: str) -> list[str]:
        """One column, as it stands, without spaces around."""
        column = self.header.index(name)
        return [row[column].strip() for row in self.rows]

    def numbers(self, names: Sequence[str]) -> Numbers:
        """Columns as float64 (n_rows, n_names); empty cells are NaN.

        Raises:
            DataError: a cell is no number, or infinite; names file, line and column.
        """
        columns = [self.header.index(name) for name in names]
        cells = [[row[column] for column in columns] for row in self.rows]
        values = parse_numbers(self.path, cells, FIRST_LINE).reshape(len(cells), len(columns))
        is_infinite = np.isinf(values)
        if is_infinite.any():
            row, column = np.argwhere(is_infinite)[0]
            raise DataError(f"{self.where(int(row))}: {names[column]} is infinite")
        return values

    def stamps(self, name: str) -> Numbers:
        """A column of times as float64 (n_rows,), s since the Unix epoch; without a zone they are UTC.

        Raises:
            DataError: a cell is no time; names file and line.
        """
        return parse_stamps(self.path, self.texts(name), FIRST_LINE)


def read_csv(path: Path, columns: Sequence[str]) -> CsvTable:
    """Read a table, plain or gzipped.

    Args:
        path: The file.
        columns: Those that it must have; it may have more.

    Raises:
        DataError: missing, damaged, or not such a table; names file and line.
    """
    lines = "\n".join(read_lines(path)).rstrip().split("\n")
    separator = max(SEPARATORS, key=lines[0].count)
    try:
        header, *rows = csv.reader(lines, delimiter=separator, strict=True)
    except csv.Error as error:
        raise DataError(f"{path}: cannot be read as a table: {error}") from error
    names = tuple(cell.strip() for cell in header)
    missing = [name for name in columns if name not in names]
    if missing:
        raise DataError(f"{path}:1: lacks the columns {', '.join(missing)}; it has {', '.join(names)}")
    if len(set(names)) != len(names):
        raise DataError(f"{path}:1: two columns have the same name")
    for number, row in enumerate(rows):
        if len(row) != len(names):
            line = number + FIRST_LINE
            raise DataError(f"{path}:{line}: has {len(row)} columns, the header has {len(names)}")
    return CsvTable(path, names, rows)
