"""Contenders for remaining useful life, and the figures that each is judged by.

Rule: all contenders forecast the same lives and are judged by the same functions; `rul_trials` runs them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Metric, Role
from models.forecast.metrics import Figure, coverage_by_truth, judge
from models.forecast.naive import AlwaysTheSame, ByAge
from models.forecast.prognostics import alpha_lambda_share, concordance
from models.forecast.trees import FULL, N_FITS, RECENT, WITHOUT_AGE, Trees, TreeSpec, fit_trees
from models.forecast.truths import Floats, Forecaster, Forecasts, Truths
from models.progress import Progress

Fit = Callable[[Sequence[Life], LifeSpec, int], Forecaster]
"""From training lives, their type and a seed."""
Tune = Callable[[Any, Sequence[Life], LifeSpec, int], Forecaster]
"""The same, but from what was fitted before."""
Serve = Callable[[Any, Sequence[Life]], Callable[[Sequence[Life]], object]]
"""From what was fitted, and lives of its type, to what answers as the cloud does, on one core."""

LeftOut = Callable[[Any, Sequence[Life]], Floats]
"""From what was fitted, and cuts of lives that it was fitted to: what is said of each, float64 (n,), by that
part of it which did not learn from the life's machine."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the comparison; its functions travel to other processes."""

    name: str
    role: Role
    fit: Fit
    learns_from_all: bool = False
    """Whether it learns from the training lives of every subset at once, else from the subset's own."""
    is_seeded: bool = True
    """Whether the seed matters; if not, it is fitted once."""
    is_main: bool = False
    tune: Tune | None = None
    """Goes on with what all subsets taught, on the training lives of the one that is judged."""
    serve: Serve | None = None
    """Exports what was fitted; its time is measured."""
    left_out: LeftOut | None = None
    """Where it has parts that did not learn from some machines each."""


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """Lives that belong together: what to learn from, and what to be judged by."""

    name: str
    train: tuple[Life, ...] = field(repr=False)
    test: tuple[Life, ...] = field(repr=False)
    """Cut short; their ends are known to the judge alone."""


def judge_forecasts(forecasts: Forecasts, truths: Truths) -> dict[str, Figure]:
    """All figures of one fit: of the mean and the interval, coverage by band, and order."""
    bands = coverage_by_truth(forecasts, truths)
    return {
        **judge(forecasts, truths),
        **{f"picp_rul_{name.replace('-', '_')}": value for name, value in bands.items()},
        "alpha_lambda_20": alpha_lambda_share(forecasts.mean, truths),
        "c_index": concordance(forecasts.mean, truths),
    }


def as_metrics(runs: Sequence[Mapping[str, Figure]]) -> dict[str, Metric]:
    """Figures of repeated runs (at least one, all with the same names) as a report holds them."""
    return {name: Metric(tuple(run[name] for run in runs)) for name in runs[0]}


def floor_contenders() -> tuple[Contender, ...]:
    """What any model must beat."""
    return (
        tree_contender("trees, own subset", FULL),
        tree_contender("trees, all subsets", FULL, learns_from_all=True),
        tree_contender("trees, own subset, without age", WITHOUT_AGE),
        tree_contender("trees, last 30 rows, no age", RECENT),
        Contender("lives' lengths and the age alone", Role.BASELINE, _fit_by_age, is_seeded=False),
        Contender("always the same", Role.BASELINE, _fit_always_the_same, is_seeded=False),
    )


def _fit_by_age(lives: Sequence[Life], spec: LifeSpec, _: int) -> Forecaster:
    return ByAge.fit(lives, spec.horizon)


def _fit_always_the_same(lives: Sequence[Life], spec: LifeSpec, _: int) -> Forecaster:
    return AlwaysTheSame.fit(lives, spec.horizon)


def tree_contender(name: str, trees: TreeSpec, *, learns_from_all: bool = False) -> Contender:
    """Gradient-boosted trees; says on stderr how far they are."""
    fit = partial(_fit_trees, name, trees)
    return Contender(name, Role.BASELINE, fit, learns_from_all, left_out=Trees.say_left_out)


def _fit_trees(name: str, trees: TreeSpec, lives: Sequence[Life], spec: LifeSpec, seed: int) -> Forecaster:
    progress, done = Progress(f"{name}, {len(lives)} lives, seed {seed}", N_FITS), 0

    def advance() -> None:
        nonlocal done
        done += 1
        progress.advance(done)

    return fit_trees(lives, spec, trees, seed, advance)
