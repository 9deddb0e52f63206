"""Whoever foretells a bearing's end from other bearings' lives, as `rul_femto` judges them.

Rule: ours is what `industrialguard train rul` would write of the same lives, made by the same function. What
it must beat are textbook answers; one that was given more than a textbook gives says so in its name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Role
from models.forecast.choose import Choice, Chosen, spec_for, train_best
from models.forecast.decide import least_pct_error
from models.forecast.train import Material, TrainSpec
from models.forecast.trend import Trend, fit_trend, residual_life, usual_life
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


Fit = Callable[[Sequence[Life], LifeSpec, int], Any]
"""From training lives, their type and a seed."""
Follow = Callable[[Any, Life, Sequence[int]], Said]
"""From what was fitted, a life and places of its rows to what is said after each of these, causal."""


@dataclass(frozen=True, slots=True)
class Follower:
    """One row of the comparison; both its functions travel to other processes."""

    name: str
    role: Role
    fit: Fit
    follow: Follow
    is_seeded: bool = False
    is_main: bool = False


def our_followers(clock: LoadClock, spec: TrainSpec | None = None) -> tuple[Follower, ...]:
    """What ships, chosen on the training lives alone; and the network, chosen or not, of the same fit.

    Args:
        clock: What wears such components.
        spec: How the network is trained, but for the seed; None: as suits so many machines.
    """
    fit = partial(_train, clock, spec)
    chosen = "as `train rul` chooses: network, or lengths by load"
    return (
        Follower(chosen, Role.OURS, fit, _follow_best, is_seeded=True, is_main=True),
        Follower("transformer, chosen or not", Role.OURS, fit, _follow_network, is_seeded=True),
    )


def simple_followers(clock: LoadClock) -> tuple[Follower, ...]:
    """What ours must beat."""
    plain, by_load = (partial(_fit_trend, each) for each in (LoadClock(), clock))
    least, mean = (partial(_follow_lengths, rule) for rule in (usual_life, residual_life))
    return (
        Follower("trend extrapolation", Role.BASELINE, plain, _follow_trend),
        Follower("trend extrapolation, ages by load", Role.BASELINE, by_load, _follow_trend),
        Follower("lives' lengths: least error in %", Role.BASELINE, _fit_lengths, least),
        Follower("lives' lengths: mean", Role.BASELINE, _fit_lengths, mean),
    )


def _train(
    clock: LoadClock, spec: TrainSpec | None, lives: Sequence[Life], life: LifeSpec, seed: int
) -> Choice:
    spec = replace(spec or spec_for(lives), seed=seed)
    title = f"{len(lives)} {life.machine_type} lives, seed {seed}"
    return train_best(Material(life, lives), clock, spec, watch_training(title, lives, spec))


def _follow_best(choice: Choice, life: Life, rows: Sequence[int]) -> Said:
    return _follow(choice.best, life, rows)


def _follow_network(choice: Choice, life: Life, rows: Sequence[int]) -> Said:
    return _follow(choice.network, life, rows)


def _follow(trained: Chosen, life: Life, rows: Sequence[int]) -> Said:
    answers = trained.answer_lives([life.cut(row + 1) for row in rows])
    mean, quantiles, horizon = answers["mean"][:, 0], answers["quantiles"], trained.inputs.life.horizon
    served = Forecasts.of_model(mean, quantiles, horizon, trained.interval_90)
    return Said(least_pct_error(quantiles, life.age[list(rows)]), (served.lower, served.upper))


@dataclass(frozen=True, slots=True)
class _TrendByClock:
    """A trend over ages that a clock counts."""

    trend: Trend
    clock: LoadClock
    spec: LifeSpec


def _fit_trend(clock: LoadClock, lives: Sequence[Life], spec: LifeSpec, _: int) -> _TrendByClock:
    return _TrendByClock(fit_trend([clock.retime(life, spec) for life in lives], spec), clock, spec)


def _follow_trend(fitted: _TrendByClock, life: Life, rows: Sequence[int]) -> Said:
    clock, spec = fitted.clock, fitted.spec
    speed = clock.speed(life.settings, spec.settings)
    return Said((fitted.trend.follow(clock.retime(life, spec)) / speed)[list(rows)])


def _fit_lengths(lives: Sequence[Life], _spec: LifeSpec, _seed: int) -> Floats:
    return np.sort([life.end_age for life in lives])


def _follow_lengths(
    rule: Callable[[Floats, Floats], Floats], lengths: Floats, life: Life, rows: Sequence[int]
) -> Said:
    return Said(rule(lengths, life.age[list(rows)]))
