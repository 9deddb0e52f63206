"""Contenders for remaining useful life, and how each becomes a row of figures.

Rule: a contender sees training lives when it is fitted, and of a test life only what is before its cut. All
contenders forecast the same lives and are judged by the same functions. A fit that learns from all subsets
is made once and serves each of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import cycle, islice
from typing import Any

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Metric, Role, Row
from models.forecast.metrics import Figure, coverage_by_truth, judge
from models.forecast.naive import AlwaysTheSame, ByAge
from models.forecast.prognostics import alpha_lambda_share, concordance
from models.forecast.trees import FULL, N_FITS, RECENT, WITHOUT_AGE, TreeSpec, fit_trees
from models.forecast.truths import Floats, Forecaster, Forecasts, Truths
from models.progress import Progress

Fit = Callable[[Sequence[Life], LifeSpec, int], Forecaster]
"""From training lives, their type and a seed."""
Tune = Callable[[Any, Sequence[Life], LifeSpec, int], Forecaster]
"""The same, but from what was fitted before."""
Serve = Callable[[Any, Sequence[Life]], Callable[[Sequence[Life]], object]]
"""From what was fitted, and lives of its type, to what answers as the cloud does, on one core."""

SERVED = 10_000
"""Machines whose forecasts are timed."""
SERVED_AT_ONCE = 1_000
"""As many as are in memory together."""
DRAWS = 2_000
"""Of test lives, to see what is chance."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One row of the comparison."""

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


@dataclass(frozen=True, slots=True, eq=False)
class Subset:
    """Lives that belong together: what to learn from, and what to be judged by."""

    name: str
    train: tuple[Life, ...] = field(repr=False)
    test: tuple[Life, ...] = field(repr=False)
    """Cut short; their ends are known to the judge alone."""


Watch = Callable[[Contender, int, Subset, Forecaster], None]
"""Called with everything fitted, its seed, and the subset that it was judged by."""


def run_contenders(
    subsets: Sequence[Subset],
    everyone: Sequence[Life],
    spec: LifeSpec,
    contenders: Sequence[Contender],
    seeds: Sequence[int],
    watch: Watch = lambda *_: None,
) -> dict[str, tuple[Row, ...]]:
    """Fit and judge everyone.

    Args:
        subsets: Each is judged on its own.
        everyone: Training lives of all subsets of the type, also of those that are not judged.
        spec: Their type.
        contenders: Exactly one is the main one.
        seeds: For those that are seeded.
        watch: Sees what was fitted.

    Returns:
        Rows by the subset's name, in the contenders' order.
    """
    rows: dict[str, list[Row]] = {subset.name: [] for subset in subsets}
    errors: dict[str, list[Floats]] = {subset.name: [] for subset in subsets}
    for contender in contenders:
        squares: dict[str, list[Floats]] = {subset.name: [] for subset in subsets}
        figures: dict[str, list[dict[str, Figure]]] = {subset.name: [] for subset in subsets}
        for seed in seeds if contender.is_seeded else seeds[:1]:
            shared = _fit(contender, everyone, spec, seed) if contender.learns_from_all else None
            for subset in subsets:
                fitted, fit_s = shared or _fit(contender, subset.train, spec, seed)
                if contender.tune is not None:
                    started = time.perf_counter()
                    fitted = contender.tune(fitted, subset.train, spec, seed)
                    fit_s = time.perf_counter() - started
                watch(contender, seed, subset, fitted)
                truths, forecasts = Truths.of(subset.test, spec.horizon), fitted.forecast(subset.test)
                squares[subset.name].append((forecasts.mean - truths.capped) ** 2)
                judged = judge_forecasts(forecasts, truths) | {"fit_s": fit_s}
                if contender.serve is not None:
                    judged["serve_10000_s"] = time_serving(contender.serve(fitted, subset.train), subset)
                figures[subset.name].append(judged)
        for name, found in figures.items():
            rows[name].append(Row(contender.name, contender.role, as_metrics(found), contender.is_main))
            errors[name].append(np.mean(squares[name], axis=0))
    return {name: _add_chance(found, errors[name]) for name, found in rows.items()}


def _add_chance(rows: Sequence[Row], errors: Sequence[Floats]) -> tuple[Row, ...]:
    """Rows, and how sure it is that the main one errs less than each of the others."""
    main = [error for row, error in zip(rows, errors, strict=True) if row.is_main]
    if not main:
        return tuple(rows)
    return tuple(
        replace(row, metrics={**row.metrics, "main_is_better": Metric((chance_of_less(main[0], error),))})
        if not row.is_main
        else row
        for row, error in zip(rows, errors, strict=True)
    )


def chance_of_less(ours: Floats, theirs: Floats) -> float:
    """Share of draws of lives in which one has the lower mean error (paired bootstrap: Efron 1979).

    Args:
        ours: float64 (n,), squared errors of lives.
        theirs: The same of the same lives.

    Returns:
        From 0 to 1; about 0.5 where nothing is known, 0.5 where they are the same.
    """
    drawn = np.random.default_rng(0).integers(0, len(ours), (DRAWS, len(ours)))
    less = (theirs - ours)[drawn].mean(axis=1)
    return float((less > 0).mean() + (less == 0).mean() / 2)


def _fit(contender: Contender, lives: Sequence[Life], spec: LifeSpec, seed: int) -> tuple[Forecaster, float]:
    started = time.perf_counter()
    fitted = contender.fit(lives, spec, seed)
    return fitted, time.perf_counter() - started


def time_serving(answer: Callable[[Sequence[Life]], object], subset: Subset) -> float:
    """How long `SERVED` forecasts take, from lives to answers, in s."""
    lives = list(islice(cycle(subset.test), SERVED))
    answer(lives[:1])
    started = time.perf_counter()
    for place in range(0, SERVED, SERVED_AT_ONCE):
        answer(lives[place : place + SERVED_AT_ONCE])
    return time.perf_counter() - started


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
        Contender(
            "lives' lengths and the age alone",
            Role.BASELINE,
            lambda lives, spec, _: ByAge.fit(lives, spec.horizon),
            is_seeded=False,
        ),
        Contender(
            "always the same",
            Role.BASELINE,
            lambda lives, spec, _: AlwaysTheSame.fit(lives, spec.horizon),
            is_seeded=False,
        ),
    )


def tree_contender(name: str, trees: TreeSpec, *, learns_from_all: bool = False) -> Contender:
    """Gradient-boosted trees; says on stderr how far they are."""

    def fit(lives: Sequence[Life], spec: LifeSpec, seed: int) -> Forecaster:
        progress, done = Progress(f"{name}, {len(lives)} lives, seed {seed}", N_FITS), 0

        def advance() -> None:
            nonlocal done
            done += 1
            progress.advance(done)

        return fit_trees(lives, spec, trees, seed, advance)

    return Contender(name, Role.BASELINE, fit, learns_from_all)
