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
HEADROOM = 1.1
"""Height of a panel, in what is highest of what was said and what came."""
SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """What had been said of one life after some of its rows."""

    name: str
    age: Floats = field(repr=False)
    """float64 (n,), rising."""
    truth: Floats = field(repr=False)
    """float64 (n,): RUL, in the same time unit, counted up to the horizon where there is one."""
    said: Floats = field(repr=False)
    """float64 (n,): what was forecast."""
    interval: tuple[Floats, Floats] | None = field(default=None, repr=False)
    """Ends of the 90 % interval, float64 (n,) each; None: it has none, and none is drawn."""


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
    if course.interval is not None:
        panel.fill_between(
            course.age, *course.interval, color="#9ec1e3", alpha=0.6, linewidth=0, label="90 % interval"
        )
    panel.plot(course.age, course.said, color="#1f5a96", linewidth=1.2, label="said")
    panel.plot(course.age, course.truth, color="#222222", linestyle="--", linewidth=1, label="came")
    # An interval of few lives reaches up to the horizon; what was said and what came must not shrink for it.
    panel.set_ylim(0, HEADROOM * max(course.said.max(), course.truth.max(), SMALLEST))
    panel.set_title(course.name, fontsize=8)
