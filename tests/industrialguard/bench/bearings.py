"""Bearings made of noise that grow loud before they end."""

import csv
import gzip
from pathlib import Path

import numpy as np
import numpy.typing as npt

from industrialguard.bench.femto import table_columns
from industrialguard.bench.femto_course import Bearing

WINDOWS = 560
LOUD_FROM = 500


def make_rows(seed: int, width: int, loud_from: int = LOUD_FROM) -> npt.NDArray[np.float64]:
    """Logarithms to base 10: noise of 0.05 decades, one decade louder from `loud_from` on."""
    rows = np.random.default_rng(seed).normal(0.0, 0.05, (WINDOWS, width))
    rows[loud_from:] += 1.0
    return rows


def make_bearing(seed: int, width: int = 4, loud_from: int = LOUD_FROM) -> Bearing:
    """One of them, a window every 10 s."""
    return Bearing.whole(f"b{seed}", 10.0 * np.arange(WINDOWS), make_rows(seed, width, loud_from))


def write_table(path: Path, count: int = 5, windows: int = WINDOWS) -> Path:
    """A table in the format of the learning set, packed."""
    columns = table_columns()
    with gzip.open(path, "wt", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines)
        writer.writerow(["set", "bearing", *columns])
        for number in range(count):
            for row in 10.0 ** make_rows(number, len(columns))[:windows]:
                writer.writerow(["Learning_set", f"Bearing{number}", *(f"{value:.6f}" for value in row)])
    return path
