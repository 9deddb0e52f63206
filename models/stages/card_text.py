"""A model card's data as text and as a page.

Rule: nothing is computed here; what the data do not hold is said to be unknown.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

COLUMNS: Mapping[str, str] = {
    "rmse": "RMSE",
    "coverage_90": "coverage of 90 %",
    "width_90": "width",
    "example_count": "cuts",
}
"""Metric to the head of its column."""
SHOWN_SHIFTS = 12


def format_card(data: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    unit, span, replay = data["time_unit"], data["data"], data["replay"]
    horizon = f"{data['horizon']:g} {unit}"
    verdict = "blessed" if data["is_blessed"] else "not blessed: " + "; ".join(data["refused_because"])
    sides = [(side, lives, span["failed"][side]) for side, lives in span["lives"].items()]
    results = [
        (row["model"], row["slice"], *(_show(row[each]) for each in COLUMNS)) for row in data["results"]
    ]
    lines = [
        f"# {data['name']} {data['version']}",
        "",
        f"Forecasts the remaining useful life of {data['machine_type']} up to {horizon}; beyond, it says "
        f"only that there is more. Evaluation: **{verdict}**.",
        "",
        "## Results on machines it was not trained on",
        "",
        "Lives cut at random points; labels up to the horizon; cuts whose RUL nobody knows do not count. "
        f"RMSE in {unit}; the width is that of the 90 % interval, as a share of {horizon}.",
        "",
        *_table(("model", "slice", *COLUMNS.values()), results),
        "",
        "## Data",
        "",
        f"Span {span['span']}, cut {span['cut']}.",
        "",
        *_table(("side", "lives", "of them failed"), sides),
        "",
        *_shift_lines(span),
        "",
        "## Exported file",
        "",
        f"Replayed on {replay['lives']} lives, it differs from the network by at most "
        f"{replay['largest_difference']:.2g} {unit}; {replay['bytes']} bytes.",
        "",
        "## Lineage",
        "",
        *_table(("what", "which"), list(data["lineage"].items())),
        "",
    ]
    return "\n".join(lines)


def format_page(text: str, title: str) -> str:
    """The card as a page that needs nothing else."""
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<body><pre>{html.escape(text)}</pre></body></html>\n"
    )


def _shift_lines(span: Mapping[str, Any]) -> list[str]:
    against, shifts = span["compared_with_span"], span["shifts"]
    told = "There is no earlier span to see drift against."
    if against is not None:
        told = f"Drift is seen against span {against}."
    far = [shift for shift in shifts if shift["distance"] > shift["threshold"]]
    if not far:
        return [f"{told} No column went further than its schema allows."]
    shown = far[:SHOWN_SHIFTS]
    rows = [(s["kind"], s["column"], _show(s["distance"]), _show(s["threshold"])) for s in shown]
    more = [f"And {len(far) - SHOWN_SHIFTS} more."] if len(far) > SHOWN_SHIFTS else []
    return [told, "", *_table(("kind", "column", "distance", "allowed"), rows), *more]


def _table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    ruled = [head, ["---"] * len(head), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "/") for cell in row) + " |" for row in ruled]


def _show(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.3g}"
