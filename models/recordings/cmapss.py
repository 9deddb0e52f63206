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

from contract.signals import Reading
from models.recordings.cmapss_table import find_remaining, read_remaining, read_table, split_units
from models.recordings.folders import find_files
from models.recordings.recording import ProfileChoice, Recording, profile_name
from models.recordings.rows import row_readings, safe_id
from models.recordings.text import Numbers

PROFILE = "turbofan"
CYCLE_S = 10.0
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
    units = split_units(read_table(path))
    name = path.name.split(".")[0]
    remaining = _find_ends(path, len(units))
    recordings = []
    for number, (unit, engine) in enumerate(units):
        left = remaining[number] if remaining is not None else None
        recordings.append(
            Recording(
                machine_id=f"{safe_id(name)}-{unit:03d}",
                profile=profile,
                description=f"C-MAPSS {name}, engine {unit}, {len(engine)} flights",
                readings=partial(_read, engine),
                end_of_life_s=None if left is None else (float(engine[-1, 1]) + left) * CYCLE_S,
            )
        )
    return recordings


def _find_ends(path: Path, n_units: int) -> Numbers | None:
    """Flights left after the last row: 0 in training tables, else as the RUL file says, if any."""
    if path.name.startswith("train_"):
        return np.zeros(n_units)
    found = find_remaining(path)
    return None if found is None else read_remaining(found, path, n_units)


def _read(engine: Numbers) -> Iterator[Reading]:
    values = engine[:, list(COLUMN_OF_SENSOR.values())].copy()
    values[:, 0] *= FEET_PER_ALTITUDE_UNIT
    return row_readings(tuple(COLUMN_OF_SENSOR), engine[:, 1] * CYCLE_S, values, CYCLE_S)
