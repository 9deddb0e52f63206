"""`industrialguard train check`: what a model would meet on a device, as a table and as JSON.

Rule: prints everything before it complains; finds nothing out itself, that is `release`'s part.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from contract.bundle import load_bundle
from contract.errors import BundleError, ConfigError
from models.edge_tpu import EdgeTpuReport, OperationCheck
from models.edge_tpu_compiler import PROGRAM
from models.parity import RuntimeParity
from models.release import MAX_STUDENT_BYTES, Golden, ReleaseReport, examine, require_no_problems


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that somebody wants to release."""

    name: str
    """As it was asked for."""
    model: bytes = field(repr=False)
    golden: Golden | None = field(default=None, repr=False)
    """None: a bare model comes without."""
    edge_tpu_bytes: int | None = None
    """Size of the compiled model that the bundle holds; None: it holds none."""


def run_check(name_or_path: str, json_file: Path | None) -> None:
    """Print what was found, and write it as JSON when asked to.

    Args:
        name_or_path: A bundle by path or by the name of a shipped profile, or a `.tflite` file.
        json_file: Where to write; its folder exists.

    Raises:
        BundleError: the file cannot be read, or (`NotReleasableError`) it is not fit for devices.
        ConfigError: the JSON file cannot be written.
    """
    candidate = load_candidate(name_or_path)
    report = examine(candidate.model, candidate.golden)
    print(format_report(candidate, report))
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(to_json(candidate, report), indent=1) + "\n", "utf-8")
        except OSError as error:
            raise ConfigError(f"--json {json_file} cannot be written: {error}") from error
    require_no_problems(report)
    print("fit for devices")


def load_candidate(name_or_path: str) -> Candidate:
    """Read a model, with golden windows when it is in a bundle.

    Raises:
        BundleError: there is no such file, or it is neither a bundle nor a model.
    """
    path = Path(name_or_path)
    if path.suffix == ".tflite":
        try:
            return Candidate(name_or_path, path.read_bytes())
        except OSError as error:
            raise BundleError(f"model {path} cannot be read: {error}") from error
    bundle = load_bundle(name_or_path)
    compiled = bundle.edge_tpu_model
    return Candidate(
        name_or_path,
        bundle.model,
        (bundle.golden_input, bundle.golden_output),
        None if compiled is None else len(compiled),
    )


def format_report(candidate: Candidate, report: ReleaseReport) -> str:
    """The whole report as plain text."""
    windows = "golden windows" if candidate.golden else "noise, as the first of them computes it"
    absent = f"{PROGRAM}: no result" if report.has_compiler else f"{PROGRAM} is not on the PATH"
    size = f"{candidate.name}: model of {report.model_bytes} bytes (at most {MAX_STUDENT_BYTES})"
    if candidate.edge_tpu_bytes is not None:
        size += f", and compiled for the Edge TPU {candidate.edge_tpu_bytes} bytes"
    return "\n".join(
        (
            size,
            "",
            format_edge_tpu(report.edge_tpu),
            "",
            f"runtimes on {windows}:",
            *(f"  {row.runtime} {row.version}: {_difference(row)}" for row in report.parities),
            *_unchosen(candidate, report),
            *(f"  not found out: {failure}" for failure in report.failures),
            "",
            report.compiled.summary if report.compiled else absent,
        )
    )


def _unchosen(candidate: Candidate, report: ReleaseReport) -> list[str]:
    """How far runtimes differ on windows that were not chosen for their agreement."""
    if candidate.golden is None:
        return []
    head = "runtimes on noise that nobody chose, from the first of them (told, not gated):"
    return [head, *(f"  {row.runtime} {row.version}: {_difference(row)}" for row in report.unchosen)]


def format_edge_tpu(report: EdgeTpuReport) -> str:
    """One line for each operation, then how the model would be cut."""
    head = ("#", "operation", "version", "output", "MACs", "Edge TPU")
    rows = [_cells(number, op) for number, op in enumerate(report.operations)]
    widths = [max(len(row[i]) for row in (head, *rows)) for i in range(len(head) - 1)]
    lines = [_line(row, widths) for row in (head, *rows)]
    share = f"{report.mapped} of {len(rows)} operations, {report.macs_share:.0%} of the multiplications"
    return "\n".join((*lines, "", f"on the Edge TPU: {share}", f"cut: {_cut(report)}"))


def to_json(candidate: Candidate, report: ReleaseReport) -> dict[str, Any]:
    """The whole report as JSON-safe values."""
    compiled = report.compiled
    return {
        "model": candidate.name,
        "edge_tpu_model_bytes": candidate.edge_tpu_bytes,
        "model_bytes": report.model_bytes,
        "max_model_bytes": MAX_STUDENT_BYTES,
        "is_fully_mapped": report.edge_tpu.is_fully_mapped,
        "mapped_operations": report.edge_tpu.mapped,
        "mapped_macs_share": report.edge_tpu.macs_share,
        "operations": [asdict(op) for op in report.edge_tpu.operations],
        "runtimes": [asdict(row) for row in report.parities],
        "runtimes_on_noise": [asdict(row) for row in report.unchosen],
        "compiler": None
        if compiled is None
        else {
            "version": compiled.version,
            "compiled_bytes": len(compiled.model),
            "operations": [asdict(row) for row in compiled.operations],
        },
        "problems": list(report.problems),
    }


def _cells(number: int, op: OperationCheck) -> tuple[str, ...]:
    shape = "x".join(map(str, op.shape)) or "-"
    fate = "mapped" if op.is_mapped else f"CPU: {op.reason}"
    return (str(number), op.name, str(op.version), shape, str(op.macs), fate)


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    number, name, version, shape, macs = (
        cell.ljust(width) if position in {1, 3} else cell.rjust(width)
        for position, (cell, width) in enumerate(zip(cells[:-1], widths, strict=True))
    )
    return f"  {number}  {name}  {version}  {shape}  {macs}  {cells[-1]}"


def _cut(report: EdgeTpuReport) -> str:
    parts = []
    numbered = enumerate(report.operations)
    for is_mapped, run in groupby(numbered, key=lambda item: item[1].is_mapped):
        numbers = [number for number, _ in run]
        span = str(numbers[0]) if len(numbers) == 1 else f"{numbers[0]}-{numbers[-1]}"
        parts.append(f"{span} on the {'Edge TPU' if is_mapped else 'CPU'}")
    return ", then ".join(parts) or "there are no operations"


def _difference(row: RuntimeParity) -> str:
    if row.max_steps == 0:
        return "exact"
    return f"off by at most {row.max_steps} int8 steps, in {row.differing_share:.1%} of the numbers"
