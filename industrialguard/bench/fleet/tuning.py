"""Settings of the policies, found on tuning plants alone.

Rule: each policy is given the settings with which it costs least; held-out plants are never looked at. The
calendar is cheap and is tuned on many seeds, limits on those of the configuration.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from statistics import fmean

from industrialguard.bench.fleet.years import Maintenance, live_all
from simulators.year.settings import Settings

FACTORS = (0.7, 1.0, 1.3, 1.6, 2.0, 2.5)
VELOCITIES_MMS = (1.8, 2.3, 2.8, 4.5)
TEMPERATURES_C = (65.0, 70.0, 75.0)
CALENDAR_SEEDS = range(1, 31)


def tune(settings: Settings, jobs: int = 1) -> Iterator[str]:
    """Lines to write under `[tuned]`, each setting with what it costs."""
    yield "[tuned]"
    many = replace(settings, tuning=replace(settings.tuning, seeds=tuple(CALENDAR_SEEDS)))
    costs = {
        factor: _cost(
            replace(many, tuned=replace(many.tuned, interval_factor=factor)), Maintenance.TIME_BASED, jobs
        )
        for factor in FACTORS
    }
    yield f"interval_factor = {min(costs, key=lambda each: costs[each])}  # {_words(costs)}"
    limits = {
        (velocity, temperature): _cost(
            replace(
                settings,
                tuned=replace(settings.tuned, velocity_mms=velocity, temperature_c=temperature),
            ),
            Maintenance.THRESHOLD_BASED,
            jobs,
        )
        for velocity, temperature in product(VELOCITIES_MMS, TEMPERATURES_C)
    }
    velocity, temperature = min(limits, key=lambda each: limits[each])
    yield f"velocity_mms = {velocity}  # {_words(limits)}"
    yield f"temperature_c = {temperature}"


def _cost(settings: Settings, policy: Maintenance, jobs: int) -> float:
    years = live_all(settings, settings.tuning, jobs, policies=[policy])
    return fmean(year.cost for year in years[policy])


def _words(costs: dict[float, float] | dict[tuple[float, float], float]) -> str:
    return ", ".join(f"{setting}: {cost:.0f}" for setting, cost in costs.items())
