"""The event tables of the Azure predictive-maintenance data set as lives: `PdM_*.csv`.

Rule: each of a machine's four components lives from one replacement to its failure or its next replacement;
lives that still run when the year ends are censored. There is one row a day, and it holds only what the logs
said up to its own hour. A part that failed and has no replacement in the log is as new from its failure on.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.errors import DataError
from contract.life_log import LogEntry, LogKind, MachineRecord, build_lives, event_codes
from contract.lives import LifeSpec
from models.lives.csv_table import read_csv
from models.lives.life_set import ALL, LifeSet, gather, keep_group
from models.recordings.rows import safe_id
from models.recordings.text import Numbers

COMPONENTS = ("comp1", "comp2", "comp3", "comp4")
ERRORS = ("error1", "error2", "error3", "error4", "error5")
MODELS = ("model1", "model2", "model3", "model4")
SPEC = LifeSpec(
    machine_type="azure_machine",
    time_unit="h",
    horizon=720.0,
    components=COMPONENTS,
    settings=("machine_years", *MODELS),
    sensors=(*(f"{error}_24h" for error in ERRORS), *(f"{name}_age_days" for name in COMPONENTS)),
    events=event_codes(COMPONENTS, ERRORS),
)
"""Settings: the machine's age, and 1 for its model. Sensors: errors in the last 24 h, and how long ago each
component was replaced. A month is as far as a plant plans."""
DAY_S, YEAR_S = 86_400.0, 365.25 * 86_400.0


@dataclass(frozen=True, slots=True)
class _Machine:
    number: str
    model: str
    years: float
    """Age when the records of errors begin."""


@dataclass(frozen=True, slots=True)
class _Year:
    """When errors were recorded, in s since the Unix epoch."""

    start_s: float
    end_s: float


def read_azure(place: Path, subset: str = ALL) -> LifeSet:
    """Read the four tables of a folder: machines, errors, failures, maint.

    Args:
        place: The folder.
        subset: One model (`model3`), or all.

    Raises:
        DataError: a table is missing or malformed; names file and line.
    """
    machines = _read_machines(place / "PdM_machines.csv")
    logs: dict[str, list[LogEntry]] = {machine.number: [] for machine in machines}
    _read_log(place / "PdM_errors.csv", "errorID", LogKind.ERROR, logs)
    errors = [entry.time_s for log in logs.values() for entry in log]
    _read_log(place / "PdM_failures.csv", "failure", LogKind.FAILURE, logs)
    _read_log(place / "PdM_maint.csv", "comp", LogKind.REPLACEMENT, logs)
    if not errors:
        raise DataError(f"{place / 'PdM_errors.csv'}: has no rows of data")
    year = _Year(min(errors), max(entry.time_s for log in logs.values() for entry in log))
    return keep_group(_build_set(machines, logs, year), subset)


def _read_machines(path: Path) -> list[_Machine]:
    table = read_csv(path, ("machineID", "model", "age"))
    models, years = table.texts("model"), table.numbers(("age",))[:, 0]
    for row, (model, age) in enumerate(zip(models, years, strict=True)):
        if model not in MODELS or not age >= 0:
            raise DataError(f"{table.where(row)}: needs one of {', '.join(MODELS)} and an age in years")
    numbers = table.texts("machineID")
    if len(set(numbers)) != len(numbers):
        raise DataError(f"{path}: a machineID stands there twice")
    return [_Machine(*each) for each in zip(numbers, models, years.tolist(), strict=True)]


def _read_log(path: Path, column: str, kind: LogKind, logs: dict[str, list[LogEntry]]) -> None:
    table = read_csv(path, ("datetime", "machineID", column))
    known = ERRORS if kind is LogKind.ERROR else COMPONENTS
    cells = zip(table.stamps("datetime").tolist(), table.texts("machineID"), table.texts(column), strict=True)
    for row, (time_s, machine, name) in enumerate(cells):
        if machine not in logs:
            raise DataError(f"{table.where(row)}: machine {machine[:20]!r} is not in PdM_machines.csv")
        if name not in known:
            raise DataError(f"{table.where(row)}: {name[:20]!r} is none of {', '.join(known)}")
        is_error = kind is LogKind.ERROR
        logs[machine].append(LogEntry(time_s, kind, *(("", name) if is_error else (name, ""))))


def _build_set(machines: list[_Machine], logs: dict[str, list[LogEntry]], year: _Year) -> LifeSet:
    records = [_record(machine, logs[machine.number], year) for machine in machines]
    built = [build_lives(record, component, SPEC) for record in records for component in COMPONENTS]
    return gather(SPEC, f"Azure event tables, {len(machines)} machines", built)


def _record(machine: _Machine, log: list[LogEntry], year: _Year) -> MachineRecord:
    times = np.arange(year.start_s, year.end_s + 1.0, DAY_S)
    flags = [machine.model == name for name in MODELS]
    years = machine.years + (times - year.start_s) / YEAR_S
    settings = np.column_stack([years, *(np.full(len(times), flag, np.float64) for flag in flags)])
    counts = [_count_errors(log, error, times, year) for error in ERRORS]
    ages = [_days_since(log, name, times) for name in COMPONENTS]
    return MachineRecord(
        machine=f"azure-{safe_id(machine.number).zfill(3)}",
        times_s=times,
        settings=settings.astype(np.float32),
        sensors=np.column_stack([*counts, *ages]).astype(np.float32),
        log=log,
        until_s=year.end_s,
        group=machine.model,
    )


def _count_errors(log: list[LogEntry], error: str, times: Numbers, year: _Year) -> Numbers:
    """How often an error came in the 24 h up to each row, its own hour included; NaN before a day is full."""
    stamps = np.sort([entry.time_s for entry in log if entry.code == error])
    counts = np.searchsorted(stamps, times, "right") - np.searchsorted(stamps, times - DAY_S, "right")
    return np.where(times - year.start_s < DAY_S, np.nan, counts)


def _days_since(log: list[LogEntry], component: str, times: Numbers) -> npt.NDArray[np.float64]:
    """Days since a component was last replaced, at each row; NaN where no replacement is known."""
    is_new = [e.time_s for e in log if e.kind is LogKind.REPLACEMENT and e.component == component]
    stamps = np.array([-np.inf, *sorted(is_new)])
    days = (times - stamps[np.searchsorted(stamps, times, "right") - 1]) / DAY_S
    return np.where(np.isinf(days), np.nan, days)
