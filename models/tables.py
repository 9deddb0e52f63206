"""Figures as Markdown tables, and into the documents that show them.

Rule: a document's figures stand between two marks and are only ever written by a command.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from contract.bundle import load_bundle
from contract.errors import DataError

Rows = list[dict[str, Any]]

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
        parts.append(f"### {name}\n\nBundles: {said}.\n\n{format_rows(rows)}")
    return "\n\n".join(parts)


def format_rows(rows: Rows) -> str:
    """A Markdown table; the first row names the columns."""
    header = list(rows[0])
    lines = [f"| {' | '.join(header)} |", f"|{'---|' * len(header)}"]
    lines += [f"| {' | '.join(_cell(row[key]) for key in header)} |" for row in rows]
    return "\n".join(lines)


def update_document(path: Path, text: str, section: str = "figures") -> None:
    """Replace what stands between the marks of a section of a document.

    Raises:
        DataError: the marks are not there.
    """
    begin_mark, end_mark = f"<!-- {section}: begin -->", f"<!-- {section}: end -->"
    old = path.read_text("utf-8")
    head, begin, rest = old.partition(begin_mark)
    _, end, tail = rest.partition(end_mark)
    if not begin or not end:
        raise DataError(
            f"{path}: needs the marks {begin_mark} and {end_mark} for the figures to stand between"
        )
    path.write_text(f"{head}{begin_mark}\n\n{text}\n\n{end_mark}{tail}", "utf-8")


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "**no**"
    return "-" if value is None else str(value).replace("|", r"\|")
