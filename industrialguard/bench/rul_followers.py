"""Whoever foretells a bearing's end from other bearings' lives, as `rul_femto` judges them.

Rule: ours is what `industrialguard train rul` would write of the same lives, made by the same function. What
it must beat are textbook answers; one that was given more than a textbook gives says so in its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Role
from models.forecast.choose import Choice, Chosen, spec_for, train_best
from models.forecast.decide import least_pct_error
from models.forecast.train import Material, TrainSpec
from models.forecast.trend import fit_trend, residual_life, usual_life
from models.forecast.truths import Floats, Forecasts
from models.forecast.watching import watch_training
from models.lives.load_clock import LoadClock


@dataclass(frozen=True, slots=True, eq=False)
class Said:
    """What was said of one life after some of its rows."""

    rul: Floats = field(repr=False)
    """float64 (n,), in the type's time unit."""
    interval: tuple[Floats, Floats] | None = field(default=None, repr=False)
    """Ends of the 90 % interval, where it has one; float64 (n,) each."""


Follow = Callable[[Life, Sequence[int]], Said]
"""From a life and places of its rows to what is said after each of these, causal."""


@dataclass(frozen=True, slots=True)
class Follower:
    """One row of the comparison."""

    name: str
    role: Role
    fit: Callable[[Sequence[Life], LifeSpec, int], Follow]
    """From training lives, their type and a seed."""
    is_seeded: bool = False
    is_main: bool = False


def our_followers(clock: LoadClock, spec: TrainSpec | None = None) -> tuple[Follower, ...]:
    """What ships, chosen on the training lives alone; and the network, chosen or not.

    Args:
        clock: What wears such components.
        spec: How the network is trained, but for the seed; None: as suits so many machines.
    """
    known: dict[tuple[int, tuple[str, ...]], Choice] = {}

    def train_once(lives: Sequence[Life], life: LifeSpec, seed: int) -> Choice:
        key = seed, tuple(each.machine for each in lives)
        if key not in known:
            known[key] = _train(lives, life, clock, replace(spec or spec_for(lives), seed=seed))
        return known[key]

    return (
        Follower(
            "as `train rul` chooses: network, or lengths by load",
            Role.OURS,
            lambda *material: _follow(train_once(*material).best),
            is_seeded=True,
            is_main=True,
        ),
        Follower(
            "transformer, chosen or not",
            Role.OURS,
            lambda *material: _follow(train_once(*material).network),
            is_seeded=True,
        ),
    )


def simple_followers(clock: LoadClock) -> tuple[Follower, ...]:
    """What ours must beat."""
    return (
        Follower("trend extrapolation", Role.BASELINE, _fit_trend(LoadClock())),
        Follower("trend extrapolation, ages by load", Role.BASELINE, _fit_trend(clock)),
        Follower("lives' lengths: least error in %", Role.BASELINE, _fit_lengths(usual_life)),
        Follower("lives' lengths: mean", Role.BASELINE, _fit_lengths(residual_life)),
    )


def _train(lives: Sequence[Life], life: LifeSpec, clock: LoadClock, spec: TrainSpec) -> Choice:
    left = f"{len(lives)} {life.machine_type} lives, seed {spec.seed}"
    return train_best(Material(life, lives), clock, spec, watch_training(left, lives, spec))


def _follow(trained: Chosen) -> Follow:
    def follow(life: Life, rows: Sequence[int]) -> Said:
        answers = trained.answer_lives([life.cut(row + 1) for row in rows])
        mean, quantiles, horizon = answers["mean"][:, 0], answers["quantiles"], trained.inputs.life.horizon
        served = Forecasts.of_model(mean, quantiles, horizon, trained.interval_90)
        return Said(least_pct_error(quantiles, life.age[list(rows)]), (served.lower, served.upper))

    return follow


def _fit_trend(clock: LoadClock) -> Callable[..., Follow]:
    def fit(lives: Sequence[Life], spec: LifeSpec, _: int) -> Follow:
        trend = fit_trend([clock.retime(life, spec) for life in lives], spec)

        def follow(life: Life, rows: Sequence[int]) -> Said:
            speed = clock.speed(life.settings, spec.settings)
            return Said((trend.follow(clock.retime(life, spec)) / speed)[list(rows)])

        return follow

    return fit


def _fit_lengths(rule: Callable[[Floats, Floats], Floats]) -> Callable[..., Follow]:
    def fit(lives: Sequence[Life], _spec: LifeSpec, _seed: int) -> Follow:
        lengths = np.sort([life.end_age for life in lives])
        return lambda life, rows: Said(rule(lengths, life.age[list(rows)]))

    return fit
