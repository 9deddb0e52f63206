"""What `industrialguard bench ota` is asked to measure.

Rule: a mode is a row of the table, and a module of its own with `measure(plan, folder) -> Iterator[Report]`.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from industrialguard.bench.report import Report

SIZES = (10, 1000, 10_000)
"""Devices, and bundles listed at once."""
SCENARIOS = ("good", "crashes", "alarms", "two", "rotation")
"""Of a simulated fleet (`simulators.ota.scenarios`)."""
VIOLATIONS = "violations"
"""Metric that counts what must never happen; a single one fails the run."""


@dataclass(frozen=True, slots=True)
class Trainings:
    """From what models are trained whose deltas are measured."""

    machines: int = 12
    """That the first bundle learns from; the next ones know as many more."""
    test_machines: int = 12
    """That none of them learns from."""
    seconds: int = 3600
    """Recorded of each."""
    epochs: int = 60
    """Most rounds of a training."""


@dataclass(frozen=True, slots=True)
class Plan:
    """The modes, and how large each is."""

    modes: tuple[str, ...]
    sizes: tuple[int, ...] = SIZES
    repeats: int = 5
    """Measurements of each time."""
    seeds: int = 1
    """Of trainings and fleets, from 1 on."""
    fleet: int = 1000
    """Devices of `fleet`."""
    scenarios: tuple[str, ...] = ()
    """Of `fleet`; empty: all."""
    trainings: Trainings = Trainings()


Measure = Callable[[Plan, Path], Iterator[Report]]
"""Gives one report after the other; the folder is its own, for files."""


@dataclass(frozen=True, slots=True)
class Mode:
    """One thing to measure."""

    module: str
    """Dotted name of the module whose `measure` does it."""
    summary: str
    is_default: bool = True
    """Whether it is measured where no mode is named."""

    def load(self) -> Measure:
        """Import its module, which nobody else pays for."""
        measure: Measure = importlib.import_module(self.module).measure
        return measure


MODES = {
    "bytes": Mode("industrialguard.bench.ota.fetches", "what a poll, a first fetch and a change cost"),
    "delta": Mode("industrialguard.bench.ota.deltas", "how large a delta is between real consecutive models"),
    "trial": Mode("industrialguard.bench.ota.trial", "what a device's own trial lets through and keeps out"),
    "fleet": Mode(
        "industrialguard.bench.ota.fleet", "a simulated fleet until it converges", is_default=False
    ),
}
