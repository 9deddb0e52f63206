"""A plant's own machines: a description, tables of readings and the maintenance log, all plain text.

Rule: nothing is guessed. Every name in the log is one that `machine.toml` knows, every failure and
replacement names its component, times are UTC unless they say otherwise; what does not fit is refused with
file and line. What is right but tells of no life is left out and said.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract.errors import ConfigError, DataError
from contract.life_log import LogEntry, LogKind, MachineRecord, build_lives, event_codes
from contract.lives import ID_PATTERN, LifeSpec
from contract.snapshot import SECONDS
from contract.toml_tables import build, parse_toml
from models.lives.csv_table import CsvTable, read_csv
from models.lives.life_set import ALL, LifeSet, gather, keep_group
from models.recordings.text import Numbers, read_lines

DESCRIPTION, READINGS, LOG = "machine.toml", "readings", "maintenance.csv"
_ENDINGS = (".csv", ".csv.gz")
_LOG_COLUMNS = ("machine", "time", "component", "kind", "code")


@dataclass(frozen=True, slots=True)
class _Description:
    """What `machine.toml` says."""

    machine_type: str
    time_unit: str
    horizon: float
    components: tuple[str, ...]
    sensors: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Rows:
    """One machine's rows, in order of time."""

    times_s: Numbers
    values: Numbers
    """float64 (n, n_settings + n_sensors)"""


def read_own(place: Path, subset: str = ALL) -> LifeSet:
    """Read a folder of `machine.toml`, `readings.csv` or `readings/*.csv`, and `maintenance.csv`.

    Args:
        place: The folder; tables may be .gz.
        subset: Always all: a plant's machines have no subsets.

    Raises:
        DataError: a file is missing or malformed; names file and line.
    """
    description, spec = _read_description(place / DESCRIPTION)
    machines = _read_readings(place, spec)
    log = _read_log(place / LOG, description)
    built = [
        build_lives(_record(machine, rows, log.get(machine, []), spec), component, spec)
        for machine, rows in sorted(machines.items())
        for component in description.components
    ]
    silent = sorted(set(log) - set(machines))
    source = f"own machines of type {spec.machine_type}, {len(machines)} of them"
    notes = [f"{LOG}: tells of {len(silent)} machines without readings, {silent[0]} first"] if silent else []
    return keep_group(gather(spec, source, built, notes), subset)


def _read_description(path: Path) -> tuple[_Description, LifeSpec]:
    try:
        found = build(_Description, parse_toml("\n".join(read_lines(path))), "machine")
    except ConfigError as error:
        raise DataError(f"{path}: {error}") from error
    if found.time_unit not in SECONDS:
        raise DataError(f"{path}: needs a time_unit that is {' or '.join(SECONDS)}")
    try:
        spec = LifeSpec(
            found.machine_type,
            found.time_unit,
            found.horizon,
            found.settings,
            found.sensors,
            event_codes(found.components, found.codes),
            components=found.components,
        )
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    both = set(found.settings) & set(found.sensors)
    if both:
        raise DataError(f"{path}: {min(both)} is a setting and a sensor; a column is one of them")
    return found, spec


def _read_readings(place: Path, spec: LifeSpec) -> dict[str, _Rows]:
    paths = [path for end in _ENDINGS if (path := place / f"{READINGS}{end}").is_file()][:1]
    is_one_file = bool(paths)
    if not is_one_file:
        paths = sorted(path for end in _ENDINGS for path in (place / READINGS).glob(f"*{end}"))
    if not paths:
        raise DataError(f"own:{place}: there is neither {READINGS}.csv nor {READINGS}/MACHINE.csv")
    machines: dict[str, _Rows] = {}
    for path in paths:
        table = read_csv(path, (*(["machine"] if is_one_file else []), "time", *spec.settings, *spec.sensors))
        names = table.texts("machine") if is_one_file else [path.name.split(".csv")[0]] * len(table)
        for name, rows in _split_machines(table, names, spec):
            if name in machines:
                raise DataError(f"{path}: there is another file of machine {name}")
            machines[name] = rows
    if not machines:
        raise DataError(f"{paths[0]}: has no rows of data")
    return machines


def _split_machines(table: CsvTable, names: list[str], spec: LifeSpec) -> Iterator[tuple[str, _Rows]]:
    times, values = table.stamps("time"), table.numbers((*spec.settings, *spec.sensors))
    places: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(names):
        if not ID_PATTERN.fullmatch(name):
            raise DataError(
                f"{table.where(row)}: machine {name[:60]!r}: up to 64 letters, digits, _, . and -"
            )
        places[name].append(row)
    for name, rows in places.items():
        order = np.array(rows)[np.argsort(times[rows], kind="stable")]
        is_same = np.diff(times[order]) == 0
        if is_same.any():
            row = int(order[1:][is_same][0])
            raise DataError(f"{table.where(row)}: {name} has another row of the same time; keep one")
        yield name, _Rows(times[order], values[order])


def _read_log(path: Path, description: _Description) -> Mapping[str, list[LogEntry]]:
    table = read_csv(path, _LOG_COLUMNS)
    columns = [table.texts(name) for name in _LOG_COLUMNS if name != "time"]
    log: dict[str, list[LogEntry]] = defaultdict(list)
    for row, (time_s, machine, component, kind, code) in enumerate(
        zip(table.stamps("time").tolist(), *columns, strict=True)
    ):
        fault = _find_fault(description, component, kind, code)
        if fault:
            raise DataError(f"{table.where(row)}: {fault}")
        log[machine].append(LogEntry(time_s, LogKind(kind), component, code))
    return log


def _find_fault(description: _Description, component: str, kind: str, code: str) -> str | None:
    """What is wrong with an entry of the log, if anything."""
    if kind not in tuple(LogKind):
        return f"kind {kind[:40]!r} is none of {', '.join(LogKind)}"
    if component and component not in description.components:
        return f"component {component[:40]!r} is none of {', '.join(description.components)}"
    if kind in {LogKind.FAILURE, LogKind.REPLACEMENT}:
        if not component:
            return f"a {kind} needs its component"
        return "a failure or replacement has no code; leave it empty" if code else None
    if code not in description.codes:
        return f"code {code[:40]!r} is not one of `codes` in {DESCRIPTION}; add it there"
    return None


def _record(machine: str, rows: _Rows, log: list[LogEntry], spec: LifeSpec) -> MachineRecord:
    n_settings = len(spec.settings)
    values = rows.values.astype(np.float32)
    return MachineRecord(
        machine=machine,
        times_s=rows.times_s,
        settings=values[:, :n_settings],
        sensors=values[:, n_settings:],
        log=log,
        until_s=float(rows.times_s[-1]),
    )
