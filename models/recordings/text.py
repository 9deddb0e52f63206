"""The one gate to text tables: lines, numbers and stamps, plain or gzipped.

Rule: a cell that is not what its column says is a `DataError` that names file and line; only an empty cell of
a measured column is let through, as NaN, because a sensor may truly have said nothing.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.errors import DataError

Numbers = npt.NDArray[np.float64]


def read_lines(path: Path) -> list[str]:
    """All lines of a text file (.gz: unpacked), without line ends.

    Raises:
        DataError: missing, damaged, not UTF-8 text, or empty.
    """
    try:
        data = path.read_bytes()
        text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode("utf-8-sig")
    except FileNotFoundError as error:
        raise DataError(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: not UTF-8 text (byte {error.start}); is it the right file?") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error}); copy it again") from error
    if not text.strip():
        raise DataError(f"{path}: the file is empty")
    return text.splitlines()


def parse_numbers(path: Path, rows: Sequence[Sequence[str]], first_line: int = 1) -> Numbers:
    """Turn cells into numbers; an empty cell becomes NaN.

    Args:
        path: For messages.
        rows: Cells, equally many in each row.
        first_line: The line on which `rows[0]` stands.

    Returns:
        float64 (n_rows, n_columns).

    Raises:
        DataError: a cell is no number; names its line.
    """
    try:
        return np.array([[float(c) if c.strip() else math.nan for c in row] for row in rows], np.float64)
    except ValueError:
        line, column = _find_bad_cell(rows)
        cell = rows[line][column].strip()
        raise DataError(
            f"{path}:{line + first_line}: column {column + 1}: {cell[:40]!r} is not a number"
        ) from None


def _find_bad_cell(rows: Sequence[Sequence[str]]) -> tuple[int, int]:
    for line, row in enumerate(rows):
        for column, cell in enumerate(row):
            try:
                float(cell or "nan")
            except ValueError:
                return line, column
    return 0, 0


def split_rows(
    path: Path, lines: Sequence[str], separator: str | None, columns: int, first_line: int = 1
) -> list[list[str]]:
    """Split lines into cells and insist on their number; blank lines at the very end are dropped.

    Args:
        path: For messages.
        lines: The lines below the header.
        separator: One character; None: runs of white space.
        columns: How many cells each line must have.
        first_line: The number of `lines[0]` in the file.

    Raises:
        DataError: a line has more or fewer cells, or there are no lines.
    """
    end = len(lines)
    while end and not lines[end - 1].strip():
        end -= 1
    if not end:
        raise DataError(f"{path}: has no rows of data")
    rows = [line.split(separator) for line in lines[:end]]
    for number, row in enumerate(rows):
        if len(row) != columns:
            raise DataError(f"{path}:{number + first_line}: has {len(row)} columns, expected {columns}")
    return rows


def parse_stamps(path: Path, cells: Sequence[str], first_line: int = 1) -> Numbers:
    """Turn stamps into s since the Unix epoch; ISO 8601 dates are UTC unless they say otherwise.

    Raises:
        DataError: a stamp is neither; names its line.
    """
    stamps = np.empty(len(cells), np.float64)
    for number, cell in enumerate(cells):
        stamp = _parse_stamp(cell.strip())
        if stamp is None:
            raise DataError(
                f"{path}:{number + first_line}: {cell.strip()[:40]!r} is no time; "
                "use seconds or a date such as 2026-03-09 10:14:33"
            )
        stamps[number] = stamp
    return stamps


def _parse_stamp(cell: str) -> float | None:
    try:
        number = float(cell)
    except ValueError:
        try:
            date = datetime.fromisoformat(cell)
        except ValueError:
            return None
        return (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    return number if math.isfinite(number) else None
