"""Replacement by age is a fair opponent."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from simulators.year.by_calendar import RunToFailure, TimeBased, optimal_age_h, renewal_costs
from simulators.year.course import Course
from simulators.year.plant import Plant
from simulators.year.settings import read_settings

SETTINGS = read_settings()


def test_the_interval_is_the_cheapest_one() -> None:
    plant = Plant(SETTINGS, SETTINGS.tuning, 1)
    spec = SETTINGS.components[2]
    planned, failed = renewal_costs(plant, spec)
    assert planned < failed
    lives = (
        plant.circumstances.life_factor * spec.scale_h * np.random.default_rng(1).weibull(spec.shape, 40_000)
    )

    def rate(age_h: float) -> float:
        return float(np.where(lives < age_h, failed, planned).mean() / np.minimum(lives, age_h).mean())

    best = optimal_age_h(plant, 2)
    assert rate(best) <= 1.02 * min(rate(best * factor) for factor in (0.6, 0.8, 1.25, 1.6, 3.0))


def test_what_does_not_age_is_never_replaced() -> None:
    components = tuple(replace(each, shape=1.0) for each in SETTINGS.components)
    plant = Plant(replace(SETTINGS, components=components), SETTINGS.tuning, 1)
    assert optimal_age_h(plant, 0) == math.inf


def test_it_fails_less_and_wastes_more_than_waiting() -> None:
    settings = replace(SETTINGS, year=replace(SETTINGS.year, burn_in_days=400))
    plants = [Plant(settings, settings.tuning, seed) for seed in range(1, 9)]
    waited = [Course(plant, RunToFailure()).run(RunToFailure()) for plant in plants]
    replaced = []
    for plant in plants:
        policy = TimeBased(plant, 1.0)
        replaced.append(Course(plant, policy).run(policy))
    assert sum(year.failures for year in replaced) < sum(year.failures for year in waited)
    assert all(year.planned_h == 0 for year in replaced), "all of it is done in stops"
    assert sum(year.life_used_pct or 0.0 for year in replaced) / 8 < 80
    assert sum(year.life_used_pct or 0.0 for year in waited) / 8 == pytest.approx(100)
