"""Figures as Markdown tables, and into the documents that show them.

Rule: a document's figures stand between two marks and are only ever written by a command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.bundle import load_bundle
from contract.errors import DataError

Rows = list[dict[str, Any]]

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
PROFILES = {
    "femto": ("bearing-rig",),
    "cmapss": ("turbofan",),
    "simulated": ("pump", "pump-loop", "bearing-rig"),
    "skab": ("pump-loop",),
    "cwru": ("cwru-bearing",),
}
"""Bundles that each evaluation runs."""


def format_report(report: dict[str, Rows]) -> str:
    """All tables as Markdown."""
    parts = []
    for name, rows in report.items():
        if not rows:
            continue
        versions = {p: load_bundle(p).manifest.version for p in PROFILES[name]}
        said = ", ".join(f"`{p}` {v}" for p, v in versions.items())
        header = list(rows[0])
        lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
        lines += [f"| {' | '.join(_cell(row[key]) for key in header)} |" for row in rows]
        parts.append("\n".join([f"### {name}", "", f"Bundles: {said}.", "", *lines]))
    return "\n\n".join(parts)


def update_document(path: Path, text: str) -> None:
    """Replace what stands between the marks of a document.

    Raises:
        DataError: the marks are not there.
    """
    old = path.read_text("utf-8")
    head, begin, rest = old.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not begin or not end:
        raise DataError(f"{path}: needs the marks {BEGIN} and {END} for the figures to stand between")
    path.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{tail}", "utf-8")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    return "-" if value is None else str(value)
