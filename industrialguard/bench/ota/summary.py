"""The short form of the reports, for a document.

Rule: nothing is worked out here; a figure that is left out stands in the JSON.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from industrialguard.bench.report import Report, Row, format_markdown

SHOWN = {
    "bytes": (
        *("idle_bytes", "idle_wire_bytes", "first_bytes", "change_bytes", "change_elsewhere_bytes"),
        *("bundle_bytes", "delta_bytes", "change_s"),
    ),
    "delta": (
        *("bundle_bytes", "delta_bytes", "delta_pct", "unchanged_pct", "test_error"),
        *("auc_roc", "events_found_pct", "false_episodes_per_h"),
    ),
    "assignments": (
        *("assign_rounds", "assign_s", "assignments_per_s", "complete_s"),
        *("fetch_wire_bytes", "idle_bytes", "idle_wire_bytes", "idle_s"),
    ),
}
"""Figures by kind of report, as many as a page can hold side by side."""


def summarise(reports: Sequence[Report]) -> Iterator[tuple[str, str]]:
    """Sections of a document (`ota-delta`) and their Markdown, of the reports that have a short form."""
    for kind, group in groupby(reports, key=kind_of):
        if kind in SHOWN:
            yield f"ota-{kind}", format_markdown([_shorten(report, SHOWN[kind]) for report in group])


def kind_of(report: Report) -> str:
    """`delta` of the data set `ota/delta/pump`."""
    return report.dataset.split("/")[1]


def _shorten(report: Report, shown: Sequence[str]) -> Report:
    rows = (_pick(row, shown) for row in report.rows)
    return replace(report, protocol=report.protocol[:1], rows=tuple(rows))


def _pick(row: Row, shown: Sequence[str]) -> Row:
    return replace(row, metrics={name: row.metrics[name] for name in shown if name in row.metrics})
