"""What every benchmark writes: one shape, which can be plotted, compared and gated on without reading code.

Rule: a report that breaks the shape cannot be built: exactly one row is the thing that ships, and every
figure is a finite number or is said to be missing. A file appears whole or not at all.
"""

from __future__ import annotations

import json
import math
import os
import platform
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from contract.archive import write_atomically
from contract.errors import ConfigError
from models.code_version import find_code_version

MOST_FIGURES = 8
"""Side by side in a table: as many as a page can hold."""


class Role(StrEnum):
    """What a row is in the comparison."""

    OURS = "ours"
    BASELINE = "baseline"
    CEILING = "ceiling"
    """What could at best be reached, for instance with the labels known."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One figure over repeated runs; None in `values`: that run has none."""

    values: tuple[float | None, ...]

    def __post_init__(self) -> None:
        """Refuse what JSON cannot hold."""
        if not self.values or not all(math.isfinite(v) for v in self._present):
            raise ValueError(f"a metric needs finite values, not {self.values}")

    @property
    def _present(self) -> list[float]:
        return [value for value in self.values if value is not None]

    @property
    def mean(self) -> float | None:
        """Mean over the runs that have the figure; None: none has."""
        return statistics.fmean(self._present) if self._present else None

    @property
    def std(self) -> float | None:
        """Sample standard deviation (n - 1); 0 for a single run."""
        present = self._present
        if not present:
            return None
        return statistics.stdev(present) if len(present) > 1 else 0.0

    def to_json(self) -> dict[str, Any]:
        """Mean, std and the values they come from."""
        return {"mean": self.mean, "std": self.std, "values": list(self.values)}


@dataclass(frozen=True, slots=True)
class Row:
    """One contender."""

    name: str
    role: Role
    metrics: Mapping[str, Metric]
    """By name; a name carries its unit (`far_pct`, `latency_p50_us`)."""
    is_main: bool = False
    """Whether this is the thing that ships."""

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        row: dict[str, Any] = {"name": self.name, "role": str(self.role)}
        if self.is_main:
            row["main"] = True
        row["metrics"] = {name: metric.to_json() for name, metric in self.metrics.items()}
        return row


@dataclass(frozen=True, slots=True)
class Machine:
    """Where it was measured."""

    cpu: str
    cores: int
    """Usable by this process."""
    python: str

    @classmethod
    def this(cls) -> Machine:
        """The machine that runs this."""
        return cls(_cpu_name(), _usable_cores(), platform.python_version())


@dataclass(frozen=True, slots=True)
class Run:
    """When and by which code something was measured."""

    commit: str
    machine: Machine
    started: datetime
    """Aware."""
    duration_s: float

    @classmethod
    def since(cls, started: datetime) -> Run:
        """A run that ends now."""
        duration_s = (datetime.now(UTC) - started).total_seconds()
        return cls(find_code_version(), Machine.this(), started, duration_s)


@dataclass(frozen=True, slots=True)
class Report:
    """One benchmark on one data set.

    Raises:
        ValueError: not exactly one main row, two rows of one name, or no protocol.
    """

    bench: str
    dataset: str
    protocol: tuple[str, ...]
    """Sentences: how it was measured and what the figures mean."""
    seeds: tuple[int, ...]
    rows: tuple[Row, ...]
    run: Run

    def __post_init__(self) -> None:
        """Hold the shape."""
        n_main = sum(row.is_main for row in self.rows)
        if n_main != 1:
            raise ValueError(f"{self.dataset}: exactly one row must be the main one, not {n_main}")
        if len({row.name for row in self.rows}) != len(self.rows):
            raise ValueError(f"{self.dataset}: two rows have the same name")
        if not self.protocol:
            raise ValueError(f"{self.dataset}: say how it was measured")

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        run = self.run
        machine = {"cpu": run.machine.cpu, "cores": run.machine.cores, "python": run.machine.python}
        return {
            "bench": self.bench,
            "dataset": self.dataset,
            "protocol": list(self.protocol),
            "commit": run.commit,
            "machine": machine,
            "started": run.started.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
            "duration_s": round(run.duration_s, 3),
            "seeds": list(self.seeds),
            "rows": [row.to_json() for row in self.rows],
        }


def write_reports(path: Path, reports: Sequence[Report]) -> None:
    """Write one report as an object, several as a list; the file appears whole or not at all.

    Raises:
        ConfigError: the file cannot be written.
    """
    content: Any = [report.to_json() for report in reports]
    if len(reports) == 1:
        (content,) = content
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    try:
        write_atomically(path, text.encode())
    except OSError as error:
        raise ConfigError(f"--json {path} cannot be written: {error}") from error


def require_writable(path: Path | None) -> None:
    """See before a long run that its result will have a place.

    Raises:
        ConfigError: the folder does not exist or cannot be written to.
    """
    if path is None:
        return
    if path.is_dir():
        raise ConfigError(f"--json {path} is a folder; name a file in it")
    if not path.absolute().parent.is_dir():
        raise ConfigError(f"--json {path}: there is no folder {path.parent}; make it first")
    if not os.access(path.absolute().parent, os.W_OK):
        raise ConfigError(f"--json {path}: the folder cannot be written to; choose another one")


def format_report(report: Report) -> str:
    """The protocol as sentences, then tables of plain text; the main row is marked with `>`."""
    title = f"{report.bench}: {report.dataset}"
    tables = [_format_table(report, names) for names in split_figures(report)]
    return "\n\n".join(["\n".join([title, *(f"  {each}" for each in report.protocol)]), *tables])


def _format_table(report: Report, names: Sequence[str]) -> str:
    lines = [["", "", "role", *names]]
    for row in report.rows:
        lines.append([">" if row.is_main else "", row.name, str(row.role), *_cells(row, names)])
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = 3  # mark, name and role read from the left, figures line up on the right
    return "\n".join(
        "  ".join(
            cell.ljust(width) if column < left else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def format_markdown(reports: Sequence[Report]) -> str:
    """The same of at least one report as Markdown, for a document; main rows are bold.

    Sentences of all protocols stand before the first report.
    """
    shared = [each for each in reports[0].protocol if all(each in report.protocol for report in reports)]
    shared = shared if len(reports) > 1 else []
    parts = [_mark_list(shared)] if shared else []
    for report in reports:
        machine, seeds = report.run.machine.cpu, ", ".join(map(str, report.seeds))
        own = [each for each in report.protocol if each not in shared]
        parts += [
            f"#### {report.dataset}",
            _mark_list([*own, f"Seeds {seeds}; {machine}, {report.run.duration_s:.0f} s."]),
            *(_mark_table(report, names) for names in split_figures(report)),
        ]
    return "\n\n".join(parts)


def _mark_list(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _mark_table(report: Report, names: Sequence[str]) -> str:
    lines = [f"| | {' | '.join(names)} |", "|---|" + "---:|" * len(names)]
    for row in report.rows:
        name = row.name.replace("|", r"\|")  # of |z|
        lines.append(f"| {f'**{name}**' if row.is_main else name} | {' | '.join(_cells(row, names))} |")
    return "\n".join(lines)


def split_figures(report: Report) -> list[list[str]]:
    """Names of a report's figures, table by table: as few tables as a page allows, equally wide."""
    names = list(dict.fromkeys(name for row in report.rows for name in row.metrics))
    n_tables = max(1, math.ceil(len(names) / MOST_FIGURES))
    width = math.ceil(len(names) / n_tables)
    return [names[start : start + width] for start in range(0, max(len(names), 1), max(width, 1))]


def _cells(row: Row, names: Sequence[str]) -> list[str]:
    return [format_metric(row.metrics[name]) if name in row.metrics else "" for name in names]


def format_metric(metric: Metric) -> str:
    """Mean ± std with about four digits; the std only where there is one.

    >>> format_metric(Metric((0.5, 0.6))), format_metric(Metric((12345.0,))), format_metric(Metric((None,)))
    ('0.550 ± 0.071', '12345', '-')
    """
    if metric.mean is None or metric.std is None:
        return "-"
    decimals = max(0, min(3, 3 - math.floor(math.log10(abs(metric.mean))))) if metric.mean else 3
    text = f"{metric.mean:.{decimals}f}"
    return text if len(metric.values) == 1 else f"{text} ± {metric.std:.{decimals}f}"


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith(("model name", "Model"))]
    return names[0] if names else platform.processor() or platform.machine()


def _usable_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
