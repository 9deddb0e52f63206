"""A model card's data as text and as a page.

Rule: nothing is computed here; what the data do not hold is said to be unknown.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any

SHOWN_SHIFTS = 12


def format_card(data: Mapping[str, Any]) -> str:
    """The card as Markdown."""
    span, columns = data["data"], data["columns"]
    verdict = "blessed" if data["is_blessed"] else "not blessed: " + "; ".join(data["refused_because"])
    counts = list(next(iter(span["sides"].values())))
    sides = [(side, *(held[each] for each in counts)) for side, held in span["sides"].items()]
    results = [
        (row["model"], row["slice"], *(_show(row[each]) for each in columns)) for row in data["results"]
    ]
    lines = [
        f"# {data['name']} {data['version']}",
        "",
        f"{data['purpose']} Evaluation: **{verdict}**.",
        "",
        "## Results on machines it was not trained on",
        "",
        data["judged"],
        "",
        *_table(("model", "slice", *columns.values()), results),
        "",
        "## Data",
        "",
        f"Span {span['span']}, cut {span['cut']}.",
        "",
        *_table(("side", *counts), sides),
        "",
        *_shift_lines(span),
        "",
        "## Exported file",
        "",
        data["replay"]["told"],
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
