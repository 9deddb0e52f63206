"""A picture of what was said over whole lives, beside what came.

Rule: one call, one file; what is drawn was computed elsewhere.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from contract.errors import ConfigError
from models.forecast.truths import Floats

COLUMNS = 3
PANEL_INCHES = (4.0, 2.8)


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What had been said of one life after some of its rows."""

    name: str
    age: Floats = field(repr=False)
    """float64 (n,), rising."""
    truth: Floats = field(repr=False)
    """float64 (n,): RUL, in the same time unit, counted up to the horizon where there is one."""
    said: Floats = field(repr=False)
    """float64 (n,): the mean forecast."""
    lower: Floats = field(repr=False)
    upper: Floats = field(repr=False)
    """float64 (n,) each: the 90 % interval."""


def draw_courses(path: Path, title: str, unit: str, courses: Sequence[Course]) -> None:
    """Draw each life (at least one) in a panel of its own.

    Raises:
        ConfigError: the picture cannot be written.
    """
    rows = math.ceil(len(courses) / COLUMNS)
    columns = min(COLUMNS, len(courses))
    figure = Figure(figsize=(PANEL_INCHES[0] * columns, PANEL_INCHES[1] * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for panel, course in zip(panels, courses, strict=False):
        _draw(panel, course)
    for panel in panels[len(courses) :]:
        panel.set_axis_off()
    panels[0].legend(fontsize=7)
    figure.suptitle(title)
    figure.supxlabel(f"age, {unit}")
    figure.supylabel(f"remaining useful life, {unit}")
    try:
        figure.savefig(path)
    except (OSError, ValueError) as error:
        raise ConfigError(f"the picture {path} cannot be written: {error}") from error


def _draw(panel: Any, course: Course) -> None:
    panel.fill_between(
        course.age, course.lower, course.upper, color="#9ec1e3", alpha=0.6, linewidth=0, label="90 % interval"
    )
    panel.plot(course.age, course.said, color="#1f5a96", linewidth=1.2, label="said")
    panel.plot(course.age, course.truth, color="#222222", linestyle="--", linewidth=1, label="came")
    panel.set_ylim(bottom=0)
    panel.set_title(course.name, fontsize=8)
