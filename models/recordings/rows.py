"""Rows of slow sensors as readings: one reading per sensor and row, in the profile's order.

Rule: stamps stay as recorded, also where they jump; only the monotonic clock, which no table carries, is made
up.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from contract.signals import Reading

Numbers = npt.NDArray[np.float64]

MAX_ID_LENGTH = 64


def monotonic_of(stamps: Numbers, period_s: float) -> Numbers:
    """A monotonic clock that fits the stamps: it ticks one period where they step back.

    >>> monotonic_of(np.array([5.0, 6.0, 9.0, 2.0, 3.0, 3.0]), 1.0).tolist()
    [0.0, 1.0, 4.0, 5.0, 6.0, 6.0]
    """
    steps = np.diff(stamps, prepend=stamps[:1])
    steps[steps < 0] = period_s
    return np.cumsum(steps)


def row_readings(
    sensors: Sequence[str], stamps: Numbers, values: Numbers, period_s: float
) -> Iterator[Reading]:
    """Yield the readings of a table.

    Args:
        sensors: Sensor of each column.
        stamps: float64 (n_rows,), s since the Unix epoch.
        values: float (n_rows, n_sensors), in the sensors' units.
        period_s: Nominal time between rows, in s.
    """
    monotonic = monotonic_of(stamps, period_s)
    samples = values.astype(np.float32)
    for row in range(len(stamps)):
        for column, sensor in enumerate(sensors):
            cell = samples[row, column : column + 1]
            yield Reading(sensor, float(stamps[row]), float(monotonic[row]), cell)


def safe_id(text: str) -> str:
    """A machine id made of a file's name: lower case letters, digits and dashes.

    >>> safe_id("OR_007_@12_156_0")
    'or-007-12-156-0'
    """
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:MAX_ID_LENGTH].strip("-") or "machine"
