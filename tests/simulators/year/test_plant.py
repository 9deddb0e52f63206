"""The hidden truth is there before anybody acts, and is the same for all."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from simulators.degradation import FailureMode
from simulators.machine import Strain
from simulators.year.by_calendar import RunToFailure, TimeBased
from simulators.year.course import Course
from simulators.year.plant import LONGEST_PF_SHARE, MachineTruth, Plant, Upset
from simulators.year.settings import read_settings
from tests.simulators.year.small_plant import small_plant

SHIPPED = read_settings()


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000), machine=st.integers(0, 19), place=st.integers(0, 4), number=st.integers(0, 9)
)
def test_a_part_is_a_function_of_seed_and_place(seed: int, machine: int, place: int, number: int) -> None:
    first, again = (Plant(SHIPPED, SHIPPED.held_out, seed).part(machine, place, number) for _ in range(2))
    assert first == again
    assert 0 <= first.pf_h <= LONGEST_PF_SHARE * first.life_h
    ages = np.linspace(0.0, first.life_h, 30)
    wears = [first.wear(float(age)) for age in ages]
    assert wears == sorted(wears) and wears[0] >= 0 and wears[-1] <= 1
    assert (max(wears) == 0) == (first.pf_h == 0), "what is sudden shows nothing"


def test_what_happens_under_a_policy_changes_nothing_of_the_truth() -> None:
    plant, fresh = small_plant(days=200), small_plant(days=200)
    for policy in (RunToFailure(), TimeBased(plant, 1.0)):
        Course(plant, policy).run(policy)
    assert plant.machines == fresh.machines
    assert [plant.part(0, 1, n) for n in range(5)] == [fresh.part(0, 1, n) for n in range(5)]
    assert np.array_equal(plant.loads(), fresh.loads())


def test_lives_follow_their_weibull_distribution() -> None:
    plant = Plant(SHIPPED, SHIPPED.tuning, 3)
    lives = np.array([plant.part(m, 0, n).life_h for m in range(20) for n in range(100)])
    spec, factor = SHIPPED.components[0], plant.circumstances.life_factor
    expected = (1 - SHIPPED.parts.infant_share) * (1 - np.exp(-1)) + SHIPPED.parts.infant_share
    assert abs(np.mean(lives < spec.scale_h * factor) - expected) < 0.04


def test_the_worst_of_wear_and_upset_is_felt() -> None:
    base = small_plant().machines[0]
    truth = MachineTruth(0, 0, base.duty, base.seed, (Upset(10.0, 20.0, 0.4),), ())
    light, heavy = Strain(FailureMode.IMBALANCE, 0.1, 3.0), Strain(FailureMode.IMBALANCE, 0.6, 3.0)
    assert truth.strain(light, 5.0) == light
    assert truth.strain(light, 15.0) == Strain(FailureMode.CAVITATION, 0.4, 3.0)
    assert truth.strain(heavy, 15.0) == heavy
    assert truth.strain(light, 20.0) == light


def test_the_hall_is_cold_in_january_and_warm_in_july() -> None:
    plant = small_plant()
    assert plant.ambient_c(0.0) == -SHIPPED.season.amplitude_c
    assert plant.ambient_c(4380.0) == SHIPPED.season.amplitude_c
