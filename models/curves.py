"""A picture of one table: score, threshold, alarm and label over time.

Rule: one call, one file; what is drawn was computed elsewhere.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from contract.errors import ConfigError
from models.point_metrics import LabelledRows, runs

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

FIGURE_INCHES = (10.0, 6.5)
SMALLEST_SCORE = 1e-2
"""Scores below this share of the threshold are drawn there: the axis is logarithmic."""
SHOWN_SPREADS = 12.0


@dataclass(frozen=True, slots=True)
class Curves:
    """What is drawn of one table."""

    title: str
    stamps_s: Floats = field(repr=False)
    """float64 (n,)."""
    sensors: tuple[str, ...]
    standardised: Floats = field(repr=False)
    """float64 (n, n_sensors), in standard deviations of the training rows."""
    labels: Bools = field(repr=False)
    """bool (n,)."""
    judged: LabelledRows = field(repr=False)
    """The last rows, with scores in units of the threshold."""


def draw_curves(path: Path, curves: Curves) -> None:
    """Draw score over sensors.

    Raises:
        ConfigError: the picture cannot be written.
    """
    first = len(curves.stamps_s) - len(curves.judged.scores)
    minutes = (curves.stamps_s - curves.stamps_s[0]) / 60
    figure = Figure(figsize=FIGURE_INCHES, layout="constrained")
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    _draw_scores(upper, minutes[first:], curves.judged)
    for name, column in zip(curves.sensors, curves.standardised.T, strict=True):
        lower.plot(minutes, column, linewidth=0.6, label=name)
    lower.set_ylim(-SHOWN_SPREADS, SHOWN_SPREADS)
    lower.set_ylabel("sensors, in own\nstandard deviations")
    lower.set_xlabel("minutes")
    for axis in (upper, lower):
        for number, (start, stop) in enumerate(runs(curves.labels)):
            label = "labelled anomalous" if number == 0 else None
            axis.axvspan(minutes[start], minutes[stop - 1], color="#f2b8b5", alpha=0.5, label=label)
        axis.axvline(minutes[first], color="#444444", linewidth=1)
        axis.legend(loc="upper left", ncols=5, fontsize=7)
    upper.set_title(curves.title)
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the picture {path} cannot be written: {error}") from error


def _draw_scores(axis: Any, minutes: Floats, judged: LabelledRows) -> None:
    axis.semilogy(minutes, np.maximum(judged.scores, SMALLEST_SCORE), color="#1f5a96", label="score")
    axis.axhline(1.0, color="#b3261e", linestyle="--", label="threshold")
    top = max(float(judged.scores.max()), 2.0)
    axis.fill_between(
        minutes, top, 1.3 * top, where=judged.alarmed, color="#b3261e", label="alarm", linewidth=0
    )
    axis.set_ylabel("score / threshold")
