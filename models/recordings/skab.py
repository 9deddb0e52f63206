"""Skoltech Anomaly Benchmark v0.9 (water-pump loop): CSV with `;`, one row per second, eight slow signals.

Rule: signals only; the label columns `anomaly` and `changepoint` never become readings. Gaps stay gaps.
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
from models.recordings.text import Numbers, parse_numbers, parse_stamps, read_lines, split_rows

PROFILE = "pump-loop"
SEPARATOR = ";"
PERIOD_S = 1.0
TIME_COLUMN = "datetime"
LABEL_COLUMNS = ("anomaly", "changepoint")
SENSOR_OF_COLUMN = {
    "Accelerometer1RMS": "accelerometer1_rms",
    "Accelerometer2RMS": "accelerometer2_rms",
    "Current": "current",
    "Pressure": "pressure",
    "Temperature": "temperature",
    "Thermocouple": "thermocouple",
    "Voltage": "voltage",
    "Volume Flow RateRMS": "flow",
}


def open_skab(place: Path, profile: ProfileChoice) -> list[Recording]:
    """One recording per CSV file, also in nested folders; read when its readings are asked for.

    Raises:
        DataError: no CSV files, or a header that is not this data set's.
    """
    root = place if place.is_dir() else place.parent
    paths = find_files(place, ("*.csv",), "skab:DIR")
    return [_open(path, path.relative_to(root), profile_name(profile, PROFILE)) for path in paths]


def read_table(path: Path) -> tuple[Numbers, dict[str, Numbers]]:
    """Stamps (n,) in s since the Unix epoch, and every other column (n,) by its own name.

    Raises:
        DataError: file and line of whatever is malformed.
    """
    lines = read_lines(path)
    header = _check_header(path, lines[0])
    rows = split_rows(path, lines[1:], SEPARATOR, len(header), first_line=2)
    stamps = parse_stamps(path, [row[0] for row in rows], first_line=2)
    numbers = parse_numbers(path, [row[1:] for row in rows], first_line=2)
    return stamps, dict(zip(header[1:], numbers.T, strict=True))


def _check_header(path: Path, line: str) -> list[str]:
    header = [cell.strip() for cell in line.split(SEPARATOR)]
    wanted = {TIME_COLUMN, *SENSOR_OF_COLUMN}
    missing = sorted(wanted - set(header))
    unknown = sorted(set(header) - wanted - set(LABEL_COLUMNS))
    if header[0] != TIME_COLUMN or missing or unknown or len(set(header)) != len(header):
        why = f"lacks {missing[0]!r}" if missing else f"has {(unknown or header)[0]!r}"
        raise DataError(
            f"{path}:1: not a SKAB table (columns parted by {SEPARATOR!r}, {TIME_COLUMN} first): {why}"
        )
    return header


def _open(path: Path, name: Path, profile: str) -> Recording:
    with_parts = "-".join(name.with_suffix("").parts)
    return Recording(
        machine_id=f"skab-{safe_id(with_parts)}",
        profile=profile,
        description=f"SKAB water-pump loop, {name}",
        readings=partial(_read, path),
    )


def _read(path: Path) -> Iterator[Reading]:
    stamps, columns = read_table(path)
    values = np.stack([columns[name] for name in SENSOR_OF_COLUMN], axis=1)
    return row_readings(tuple(SENSOR_OF_COLUMN.values()), stamps, values, PERIOD_S)
