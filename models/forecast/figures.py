"""Figures of a forecast as people read them: a number, its unit, and what it means.

Rule: every figure of `models.forecast.metrics` has its words here, and none is shown without them.
"""

from __future__ import annotations

from collections.abc import Mapping

MEANINGS: Mapping[str, str] = {
    "rmse": "root mean square error of the expected life",
    "nasa_score": "PHM08 score: a sum over the cuts, late costs more than early",
    "rmse_rul_le_60": "the same error where at most 60 were left",
    "rmse_uncapped": "the same error against how long it really lasted",
    "picp": "share of truths in their 90 % interval",
    "nmpiw": "mean width of the 90 % interval, as a share of the horizon",
    "winkler": "width of the 90 % interval plus the price of truths outside",
    "crps": "distance of the whole forecast from the truth; 0 is perfect",
}
"""By the names of `models.forecast.metrics.METRICS`."""
WITHOUT_UNIT = ("nasa_score", "picp", "nmpiw")


def format_figures(figures: Mapping[str, float | None], time_unit: str) -> str:
    """A table of plain text, one line a figure; one that nothing can be said for is `unknown`.

    >>> print(format_figures({"rmse": 12.345, "picp": None}, "cycle"))
      rmse  12.3 cycle  root mean square error of the expected life
      picp  unknown     share of truths in their 90 % interval
    """
    shown = {name: _show(name, value, time_unit) for name, value in figures.items()}
    width, wide = max(map(len, shown)), max(map(len, shown.values()))
    return "\n".join(f"  {name:<{width}}  {value:<{wide}}  {MEANINGS[name]}" for name, value in shown.items())


def _show(name: str, value: float | None, time_unit: str) -> str:
    if value is None:
        return "unknown"
    return f"{value:.3g}" if name in WITHOUT_UNIT else f"{value:.3g} {time_unit}"
