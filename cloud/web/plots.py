"""Small pictures drawn on the server as SVG paths: sparklines and spectra.

Rule: pure geometry, numbers in and path text out; what is missing is a gap in the line, never a bridge.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from contract.messages import Spectrum
from contract.profiles import BearingGeometry

SPARK_WIDTH, SPARK_HEIGHT = 120, 28
SPECTRUM_WIDTH, SPECTRUM_HEIGHT = 640, 180
_GAP_FACTOR = 4.0
"""A hole of this many median steps breaks the line."""


@dataclass(frozen=True, slots=True)
class DefectLine:
    """Where a bearing defect would show in a spectrum."""

    defect: str
    """`bpfo`, `bpfi`, `bsf` or `ftf`."""
    frequency_hz: float
    x: float
    """Position in the picture; meaningful when `is_resolved`."""
    is_resolved: bool
    """Whether the spectrum is fine enough to tell this frequency from its neighbours."""


def spark_y(value: float) -> float:
    """Height of a value 0..1 in a sparkline's box, clipped."""
    return SPARK_HEIGHT - 1 - min(max(value, 0.0), 1.0) * (SPARK_HEIGHT - 2)


def sparkline(points: Sequence[tuple[datetime, float]]) -> str:
    """An SVG path through (time, value), oldest first, values 0..1, in a box of SPARK_WIDTH by SPARK_HEIGHT.

    >>> from datetime import UTC, timedelta
    >>> start = datetime(2026, 1, 1, tzinfo=UTC)
    >>> sparkline([(start, 0.0), (start + timedelta(minutes=1), 1.0)])
    'M0.0 27.0L120.0 1.0'
    """
    if len(points) < 2:
        return ""
    start, end = points[0][0], points[-1][0]
    span = (end - start).total_seconds() or 1.0
    steps = sorted((b[0] - a[0]).total_seconds() for a, b in pairwise(points))
    longest = _GAP_FACTOR * max(steps[len(steps) // 2], 1e-6)
    parts, previous = [], None
    for time, value in points:
        is_gap = previous is None or (time - previous).total_seconds() > longest
        x = (time - start).total_seconds() / span * SPARK_WIDTH
        parts.append(f"{'M' if is_gap else 'L'}{x:.1f} {spark_y(value):.1f}")
        previous = time
    return "".join(parts)


def spectrum_bars(spectrum: Spectrum) -> str:
    """One SVG path of bars, tallest touching the top, in a box of SPECTRUM_WIDTH by SPECTRUM_HEIGHT."""
    top = max(spectrum.amplitude) or 1.0
    pitch = SPECTRUM_WIDTH / len(spectrum.amplitude)
    bars = []
    for index, amplitude in enumerate(spectrum.amplitude):
        height = amplitude / top * (SPECTRUM_HEIGHT - 4)
        bars.append(f"M{index * pitch + pitch / 2:.1f} {SPECTRUM_HEIGHT}v{-height:.1f}")
    return "".join(bars)


def spectrum_ticks(spectrum: Spectrum, most: int = 7) -> tuple[tuple[float, str], ...]:
    """(x, label) at round frequencies, at most `most` of them."""
    span_hz = spectrum.step_hz * len(spectrum.amplitude)
    magnitude = 10.0 ** math.floor(math.log10(span_hz / most))
    step_hz = next(magnitude * m for m in (1, 2, 5, 10, 20) if magnitude * m * (most - 1) >= span_hz)
    first = math.ceil(spectrum.start_hz / step_hz)
    ticks = []
    for number in range(first, int((spectrum.start_hz + span_hz) / step_hz + 1e-9) + 1):
        frequency_hz = number * step_hz
        label = f"{frequency_hz / 1000:g} kHz" if frequency_hz >= 1000 else f"{frequency_hz:g} Hz"
        ticks.append(((frequency_hz - spectrum.start_hz) / span_hz * SPECTRUM_WIDTH, label))
    return tuple(ticks)


def defect_lines(spectrum: Spectrum, bearing: BearingGeometry, shaft_hz: float) -> tuple[DefectLine, ...]:
    """Where this bearing's defects would show at this shaft speed (see `BearingGeometry.defect_orders`)."""
    span_hz = spectrum.step_hz * len(spectrum.amplitude)
    lines = []
    for defect, order in bearing.defect_orders().items():
        frequency_hz = order * shaft_hz
        offset_hz = frequency_hz - spectrum.start_hz
        is_resolved = 2 * spectrum.step_hz <= frequency_hz and 0 <= offset_hz < span_hz
        lines.append(DefectLine(defect, frequency_hz, offset_hz / span_hz * SPECTRUM_WIDTH, is_resolved))
    return tuple(lines)
