"""Maintenance that looks at no sensor: repair what has failed, or replace by age.

Rule: pure. Replacement by age is no straw man: its intervals are the optimum for the true distribution of
lives and the plant's own costs, which no real plant knows so well, times a factor that was tuned by
simulation.
"""

from __future__ import annotations

import math

import numpy as np

from simulators.degradation import FailureMode
from simulators.technician import Sight
from simulators.year.course import Course, Job, Why
from simulators.year.plant import Plant
from simulators.year.settings import DAY_H, ComponentSpec

GRID = np.linspace(0.02, 4.0, 400)
"""Intervals looked at, in scales of the Weibull distribution."""
NEVER_WORTH = 0.98
"""An interval that saves less than 2 % of what failures cost is not worth its stops."""


class RunToFailure:
    """Repair what has failed; look at nothing."""

    def look(self, course: Course, step: int) -> None:
        """Nothing to see."""

    def inspected(self, course: Course, job: Job, sight: Sight) -> None:
        """Nobody was asked to look."""

    def mended(self, course: Course, job: Job, mode: FailureMode) -> None:
        """That is all."""

    def instrument_checked(self, course: Course, job: Job, was_faulty: bool) -> None:
        """Nobody was asked to look."""


class TimeBased(RunToFailure):
    """Replace each part at the planned stop nearest to its age limit.

    Args:
        plant: For its calendar, costs and the distribution of its lives.
        interval_factor: Of the optimal interval.
    """

    def __init__(self, plant: Plant, interval_factor: float) -> None:
        self._limits_h = [
            interval_factor * optimal_age_h(plant, place) for place in range(len(plant.settings.components))
        ]
        self._lines = range(plant.settings.year.lines)
        self._planned_until_h = dict.fromkeys(self._lines, -math.inf)

    def look(self, course: Course, step: int) -> None:
        """Plan each line's next stop once, so long before that parts can come."""
        stops = course.settings.stops
        for line in self._lines:
            window = next(course.stops.of(line, course.hour))
            is_due = window.start_h - course.hour <= stops.horizon_days * DAY_H
            if is_due and window.start_h > self._planned_until_h[line]:
                self._planned_until_h[line] = window.start_h
                self._plan(course, line, window.start_h, window.end_h)

    def _plan(self, course: Course, line: int, start_h: float, end_h: float) -> None:
        half_h = course.settings.stops.every_days * DAY_H / 2
        due = []
        for machine in course.plant.machines:
            if machine.line != line:
                continue
            for place, limit_h in enumerate(self._limits_h):
                age_h = course.age_h(machine.number, place) + start_h - course.hour
                is_booked = any(job.place == place for job in course.jobs_of(machine.number))
                if age_h + half_h >= limit_h and not is_booked:
                    due.append((limit_h - age_h, machine.number, place))
        for _, number, place in sorted(due):  # the most overdue first, until the stop is full
            course.replace_in_stop(number, place, Why.AGE, end_h)


def optimal_age_h(plant: Plant, place: int) -> float:
    """The age at which replacing a part costs least per hour; infinity where it never pays.

    Age replacement (Barlow & Hunter, Operations Research 8 (1960)): the cost of a renewal over its length.
    """
    spec = plant.settings.components[place]
    scale_h = spec.scale_h * plant.circumstances.life_factor
    planned, failed = renewal_costs(plant, spec)
    fine = np.linspace(0.0, GRID[-1], 20_000)
    survival = np.exp(-(fine**spec.shape))
    lengths = np.concatenate(([0.0], np.cumsum((survival[1:] + survival[:-1]) / 2 * np.diff(fine))))
    at = np.searchsorted(fine, GRID)
    rates = (planned * survival[at] + failed * (1 - survival[at])) / lengths[at]
    best = int(np.argmin(rates))
    is_worth = rates[best] < NEVER_WORTH * failed / math.gamma(1 + 1 / spec.shape)
    return float(GRID[best]) * scale_h if is_worth else math.inf


def renewal_costs(plant: Plant, spec: ComponentSpec) -> tuple[float, float]:
    """What a replacement costs in a planned stop, and after a failure; in euros."""
    settings, own = plant.settings, plant.circumstances
    labour = settings.money.labour_per_h * settings.crew.overtime_factor
    planned = spec.part + labour * spec.repair_h
    hours = spec.repair_h + spec.damage_h
    lead_h = (
        spec.lead_h * own.lead_factor * settings.parts.express_share * (1 - settings.parts.in_stock_share)
    )
    stands_h = settings.crew.call_out_h + lead_h + hours
    failed = spec.part * (1 + spec.damage_factor) + labour * hours + own.downtime_per_h * stands_h
    return planned, failed
