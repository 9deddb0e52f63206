"""The page that says what maintenance by condition is worth, by the benchmark of policies.

Rule: it shows what the benchmark wrote, with its protocol, and computes nothing but the length of bars.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from cloud.api.access import need
from cloud.people import Permission
from cloud.value import MEASURES, ValueReport, read_value
from cloud.web.pages import Reader, Render
from contract.errors import DataError

router = APIRouter(include_in_schema=False)
BAR_WIDTH = 320.0
"""Of the longest bar, in units of the picture."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One policy in a picture."""

    name: str
    is_ours: bool
    width: float
    words: str


@dataclass(frozen=True, slots=True)
class Panel:
    """One measure of all policies."""

    title: str
    bars: tuple[Bar, ...]


@router.get("/value", dependencies=[Depends(need(Permission.READ))])
def value_page(request: Request, reader: Reader, render: Render) -> HTMLResponse:
    """Four policies side by side."""
    path = request.app.state.settings.value_report
    report, wrong = None, ""
    if path is not None:
        try:
            report = read_value(path)
        except DataError as error:
            wrong = str(error)
    panels = () if report is None else build_panels(report)
    page = {"report": report, "panels": panels, "wrong": wrong, "measures": MEASURES}
    return render.page("pages/value", here="value", page=page, ingest=reader.ingest())


def build_panels(report: ValueReport) -> tuple[Panel, ...]:
    """A picture for each measure."""
    panels = []
    for place, title in enumerate(MEASURES.values()):
        means = [row.figures[place].mean for row in report.rows]
        most = max((mean for mean in means if mean is not None), default=0.0) or 1.0
        bars = tuple(
            Bar(
                row.name,
                row.is_ours,
                max(mean or 0.0, 0.0) / most * BAR_WIDTH,
                "no figure" if mean is None else f"{mean:,.0f}",
            )
            for row, mean in zip(report.rows, means, strict=True)
        )
        panels.append(Panel(title, bars))
    return tuple(panels)
