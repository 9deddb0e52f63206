"""A user's own table: CSV with a header, first column time, one further column per sensor of a profile.

Rule: nothing is guessed that could be wrong. The separator is the one of `,` `;` or tab that the header uses;
columns that are no sensors of the profile are left out; an empty cell is a sample that is not a number.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from contract.errors import DataError
from contract.profiles import MachineProfile, load_profile, profile_names
from contract.signals import Reading, SensorKind
from models.recordings.recording import ProfileChoice, Recording, profile_name
from models.recordings.rows import row_readings, safe_id
from models.recordings.text import parse_numbers, parse_stamps, read_lines

SEPARATORS = (",", ";", "\t")


def open_csv(place: Path, profile: ProfileChoice) -> list[Recording]:
    """One recording from a file, or one from each `*.csv` of a folder.

    Raises:
        DataError: no such place, or columns that fit no profile.
        ConfigError: the named profile does not exist or is malformed.
    """
    if place.is_dir():
        files = sorted(place.glob("*.csv"))
        if not files:
            raise DataError(f"{place} holds no *.csv; give a file, or a folder with one file per machine")
        return [recording for file in files for recording in open_csv(file, profile)]
    lines = read_lines(place)
    header = _read_header(place, lines[0])
    found = _find_profile(place, header) if profile is None else _require_columns(place, profile, header)
    return [
        Recording(
            machine_id=safe_id(place.name.split(".")[0]),
            profile=profile_name(profile, found.name),
            description=f"{place.name}, {len(lines) - 1} rows",
            readings=partial(_read, place, found),
        )
    ]


def _separator(line: str) -> str:
    return max(SEPARATORS, key=line.count)


def _read_header(path: Path, line: str) -> list[str]:
    header = [cell.strip() for cell in next(csv.reader([line], delimiter=_separator(line)))]
    if len(header) < 2 or len(set(header)) != len(header):
        raise DataError(
            f"{path}:1: needs a header: a time column, then one column per sensor, all named differently"
        )
    return header


def _find_profile(path: Path, header: list[str]) -> MachineProfile:
    columns = set(header[1:])
    fitting = [p for p in map(load_profile, profile_names()) if {s.name for s in p.sensors} <= columns]
    if len(fitting) != 1:
        which = (
            "several shipped profiles fit"
            if fitting
            else "no shipped profile has all its sensors among the columns"
        )
        raise DataError(
            f"{path}:1: {which}; name the sensors as in a profile and say which one: --profile (train) or "
            "--bundle (demo, agent)"
        )
    return fitting[0]


def _require_columns(path: Path, choice: str | MachineProfile, header: list[str]) -> MachineProfile:
    profile = choice if isinstance(choice, MachineProfile) else load_profile(choice)
    bursts = [s.name for s in profile.sensors if s.kind is SensorKind.WAVEFORM]
    if bursts:
        raise DataError(
            f"{path}: sensor {bursts[0]} delivers bursts, which a CSV cannot hold; use the npz format"
        )
    missing = [s.name for s in profile.sensors if s.name not in header[1:]]
    if missing:
        wanted, found = ", ".join(missing), ", ".join(header)
        raise DataError(f"{path}:1: profile {profile.name} lacks the columns {wanted}; the file has {found}")
    return profile


def _read(path: Path, profile: MachineProfile) -> Iterator[Reading]:
    lines = read_lines(path)
    header = _read_header(path, lines[0])
    rows = _split(path, lines, len(header))
    columns = [header.index(sensor.name) for sensor in profile.sensors]
    stamps = parse_stamps(path, [row[0] for row in rows], first_line=2)
    values = parse_numbers(path, [[row[c] for c in columns] for row in rows], first_line=2)
    names = [sensor.name for sensor in profile.sensors]
    return row_readings(names, stamps, values, 1.0 / max(s.rate_hz for s in profile.sensors))


def _split(path: Path, lines: list[str], columns: int) -> list[list[str]]:
    body = "\n".join(lines[1:]).rstrip().splitlines()
    rows = [next(csv.reader([line], delimiter=_separator(lines[0])), []) for line in body]
    if not rows:
        raise DataError(f"{path}: has no rows of data")
    for number, row in enumerate(rows):
        if len(row) != columns:
            raise DataError(f"{path}:{number + 2}: has {len(row)} columns, the header has {columns}")
    return rows
