"""NASA C-MAPSS turbofan engines (Saxena et al., PHM 2008): `train_*` and `test_*` tables.

Rule: one recording per engine, from text of 26 columns, plain or gzipped. The tables have no clock: a flight
takes 10 s of machine time, and its row is the one sample of each sensor. Training engines run to failure; a
test engine's end is known where its `RUL_*` file lies beside.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from contract.errors import DataError
from contract.signals import Reading
from models.recordings.folders import find_files
from models.recordings.recording import ProfileChoice, Recording, profile_name
from models.recordings.rows import row_readings, safe_id
from models.recordings.text import Numbers, parse_numbers, read_lines, split_rows

PROFILE = "turbofan"
CYCLE_S = 10.0
COLUMNS = 26
COLUMN_OF_SENSOR = {
    "altitude": 2,
    "mach": 3,
    "t24": 6,
    "t30": 7,
    "t50": 8,
    "p30": 11,
    "nf": 12,
    "nc": 13,
    "ps30": 15,
    "phi": 16,
    "nrf": 17,
    "nrc": 18,
    "bpr": 19,
    "htbleed": 21,
    "w31": 24,
    "w32": 25,
}
"""Zero-based columns: unit, cycle, three settings, then sensors 1 to 21."""
FEET_PER_ALTITUDE_UNIT = 1000.0
PATTERNS = ("train_*.txt", "train_*.txt.gz", "test_*.txt", "test_*.txt.gz")


def open_cmapss(place: Path, profile: ProfileChoice) -> list[Recording]:
    """One recording per engine of every training and test table in the folder.

    Raises:
        DataError: no tables, or one is malformed; names file and line.
    """
    recordings: list[Recording] = []
    for path in find_files(place, PATTERNS, "cmapss:DIR"):
        recordings += _open_table(path, profile_name(profile, PROFILE))
    return recordings


def _open_table(path: Path, profile: str) -> list[Recording]:
    rows = split_rows(path, read_lines(path), None, COLUMNS)
    table = parse_numbers(path, rows)
    _check_cycles(path, table)
    name = path.name.split(".")[0]
    remaining = _read_remaining(path, name, len(np.unique(table[:, 0])))
    recordings = []
    for number, unit in enumerate(np.unique(table[:, 0])):
        engine = table[table[:, 0] == unit]
        last = float(engine[-1, 1])
        left = remaining[number] if remaining is not None else None
        recordings.append(
            Recording(
                machine_id=f"{safe_id(name)}-{int(unit):03d}",
                profile=profile,
                description=f"C-MAPSS {name}, engine {int(unit)}, {len(engine)} flights",
                readings=partial(_read, engine),
                end_of_life_s=None if left is None else (last + left) * CYCLE_S,
            )
        )
    return recordings


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


def _read_remaining(path: Path, name: str, n_units: int) -> Numbers | None:
    """Flights left after the last row: 0 in training tables, else as the RUL file says, if any."""
    if name.startswith("train_"):
        return np.zeros(n_units)
    stem = name.replace("test_", "RUL_", 1)
    found = [p for p in (path.with_name(f"{stem}.txt"), path.with_name(f"{stem}.txt.gz")) if p.is_file()]
    if not found:
        return None
    remaining = parse_numbers(found[0], split_rows(found[0], read_lines(found[0]), None, 1))[:, 0]
    if len(remaining) != n_units:
        raise DataError(f"{found[0]}: has {len(remaining)} lines for the {n_units} engines of {path.name}")
    return remaining


def _read(engine: Numbers) -> Iterator[Reading]:
    values = engine[:, list(COLUMN_OF_SENSOR.values())].copy()
    values[:, 0] *= FEET_PER_ALTITUDE_UNIT
    return row_readings(tuple(COLUMN_OF_SENSOR), engine[:, 1] * CYCLE_S, values, CYCLE_S)
