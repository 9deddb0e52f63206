"""The comparison as a picture: plain SVG, for a document.

Rule: pure, geometry from figures. A bar is a mean over plants, its whisker the plants' quartiles; the number
stands beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from statistics import fmean, quantiles

from industrialguard.bench.report import Row

WIDTH, LEFT, BAR, GAP, PANEL_TOP = 760, 170, 22, 10, 34
PANELS = (
    ("downtime_h", "Unplanned downtime, h per plant and year"),
    ("cost", "Cost, euros per plant and year"),
    ("life_used_pct", "Component life used, %"),
    ("false_orders", "Orders for nothing, per plant and year"),
)
_STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#1c2733}.t{font-weight:600}.b{fill:#9aa8b5}.o{fill:#0b6e99}"
    ".w{stroke:#1c2733;stroke-width:1.5}"
)


def draw(rows: Sequence[Row]) -> str:
    """All panels below one another."""
    height_each = PANEL_TOP + len(rows) * (BAR + GAP) + 8
    parts = [_panel(rows, name, title, number * height_each) for number, (name, title) in enumerate(PANELS)]
    height = height_each * len(PANELS)
    title = "Four maintenance policies on the same simulated plants"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'role="img" aria-label="{title}"><style>{_STYLE}</style>'
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>{"".join(parts)}</svg>\n'
    )


def _panel(rows: Sequence[Row], name: str, title: str, top: int) -> str:
    values = [[v for v in row.metrics[name].values if v is not None] or [0.0] for row in rows]
    most = max(max(_spread(each)[1], fmean(each)) for each in values) or 1.0
    scale = (WIDTH - LEFT - 110) / most
    parts = [f'<text class="t" x="8" y="{top + 22}">{escape(title)}</text>']
    for number, (row, each) in enumerate(zip(rows, values, strict=True)):
        y, mean = top + PANEL_TOP + number * (BAR + GAP), fmean(each)
        low, high = _spread(each)
        middle = y + BAR // 2
        parts.append(f'<text x="{LEFT - 8}" y="{y + 16}" text-anchor="end">{escape(row.name)}</text>')
        kind = "o" if row.is_main else "b"
        parts.append(f'<rect class="{kind}" x="{LEFT}" y="{y}" width="{mean * scale:.1f}" height="{BAR}"/>')
        start, stop = LEFT + low * scale, LEFT + high * scale
        parts.append(f'<path class="w" d="M{start:.1f} {middle}H{stop:.1f}"/>')
        at = max(stop, LEFT + mean * scale) + 8
        parts.append(f'<text x="{at:.1f}" y="{y + 16}">{mean:,.0f}</text>')
    return "".join(parts)


def _spread(values: Sequence[float]) -> tuple[float, float]:
    """Quartiles."""
    if len(values) < 2:
        return values[0], values[0]
    low, _, high = quantiles(values, n=4, method="inclusive")
    return low, high
