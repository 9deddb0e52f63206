"""Every contender for remaining useful life, with every seed, on every subset: fitted, judged, put in rows.

Rule: a contender sees training lives when it is fitted, and of a test life only what is before its cut. A fit
that serves several rows or subsets is made once. What is told of left-out training lives is told of the same
cuts by all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import cycle, islice
from typing import Any

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.report import Metric, Row
from industrialguard.bench.rul_rows import Contender, LeftOut, Subset, as_metrics, judge_forecasts
from industrialguard.bench.side_by_side import Kept, families, in_processes
from models.forecast.courses import follow
from models.forecast.fit import draw_evenly
from models.forecast.metrics import Figure
from models.forecast.plots import Course
from models.forecast.truths import Floats, Truths

SERVED = 10_000
"""Machines whose forecasts are timed."""
SERVED_AT_ONCE = 1_000
"""As many as are in memory together."""
DRAWS = 2_000
"""Of test lives, to see what is chance."""
LEFT_OUT_CUTS = 20
"""Of each training life, at random rows, to see how wrong a contender is about those it was not told of."""


@dataclass(frozen=True, slots=True, eq=False)
class Work:
    """What contenders are fitted to and judged by."""

    subsets: Sequence[Subset]
    """Each is judged on its own."""
    everyone: Sequence[Life] = field(repr=False)
    """Training lives of all subsets of the type, also of those that are not judged."""
    spec: LifeSpec
    """Their type."""
    seeds: Sequence[int]
    """For contenders that are seeded."""
    drawn: int = 0
    """Of each subset's test lives, those seen for longest: followed by the main contender's first fit."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One contender with one seed on one subset."""

    contender: str
    subset: str
    figures: dict[str, Figure]
    squares: Floats = field(repr=False)
    """float64 (n,): squared errors of test lives."""
    courses: tuple[Course, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What comes of all trials."""

    rows: dict[str, tuple[Row, ...]]
    """By the subset's name, in the contenders' order."""
    courses: tuple[Course, ...]


def run_contenders(
    work: Work, contenders: Sequence[Contender], jobs: int = 1, kept: Kept | None = None
) -> Outcome:
    """Fit and judge everyone.

    Args:
        work: On what.
        contenders: Rows, in this order; those that begin with the same fit side by side.
        jobs: Processes side by side; each has one core.
        kept: Where what each fit gave is kept.

    Raises:
        ProcessLostError: one of the processes was killed.
    """
    tasks = [
        _Task(family, seed)
        for family in families(contenders, lambda each: each.fit)
        for seed in (work.seeds if family[0].is_seeded else work.seeds[:1])
    ]
    trials = [trial for found in in_processes(partial(_try, work), tasks, jobs, kept) for trial in found]
    rows = {
        subset.name: _rows(contenders, [trial for trial in trials if trial.subset == subset.name])
        for subset in work.subsets
    }
    return Outcome(rows, tuple(course for trial in trials for course in trial.courses))


@dataclass(frozen=True, slots=True, repr=False)
class _Task:
    """Contenders that begin with the same fit, and its seed."""

    family: tuple[Contender, ...]
    seed: int

    def __repr__(self) -> str:
        """Names alone, which tell a task from others in any process."""
        return f"{', '.join(each.name for each in self.family)}, seed {self.seed}"


@dataclass(frozen=True, slots=True, eq=False)
class _Fit:
    """What came of a fit, or of going on with one."""

    model: Any = field(repr=False)
    took_s: float


def _try(work: Work, task: _Task) -> list[Trial]:
    family, seed = task.family, task.seed
    first, trials = family[0], []
    shared = _fit(first, work.everyone, work, seed) if first.learns_from_all else None
    for subset in work.subsets:
        fit = shared or _fit(first, subset.train, work, seed)
        trials += [_judge(each, _tune(each, fit, subset, work, seed), subset, work, seed) for each in family]
    return trials


def _fit(contender: Contender, lives: Sequence[Life], work: Work, seed: int) -> _Fit:
    started = time.perf_counter()
    model = contender.fit(lives, work.spec, seed)
    return _Fit(model, time.perf_counter() - started)


def _tune(contender: Contender, fit: _Fit, subset: Subset, work: Work, seed: int) -> _Fit:
    """As it is, where the contender does not go on."""
    if contender.tune is None:
        return fit
    started = time.perf_counter()
    model = contender.tune(fit.model, subset.train, work.spec, seed)
    return _Fit(model, time.perf_counter() - started)


def _judge(contender: Contender, fit: _Fit, subset: Subset, work: Work, seed: int) -> Trial:
    horizon = work.spec.horizon
    truths, forecasts = Truths.of(subset.test, horizon), fit.model.forecast(subset.test)
    figures = judge_forecasts(forecasts, truths)
    if contender.left_out is not None:
        figures["rmse_left_out"] = _error_left_out(contender.left_out, fit.model, subset, horizon)
    figures["fit_s"] = fit.took_s
    if contender.serve is not None:
        figures["serve_10000_s"] = time_serving(contender.serve(fit.model, subset.train), subset)
    courses: tuple[Course, ...] = ()
    if contender.is_main and seed == work.seeds[0]:
        longest = sorted(subset.test, key=lambda life: -len(life.age))[: work.drawn]
        courses = tuple(follow(fit.model, life, work.spec) for life in longest)
    return Trial(contender.name, subset.name, figures, (forecasts.mean - truths.capped) ** 2, courses)


def _error_left_out(left_out: LeftOut, model: Any, subset: Subset, horizon: float) -> float:
    """RMSE, of lives that ended, at the same cuts for everybody."""
    ended = [life for life in subset.train if not life.is_censored]
    cuts = draw_evenly(ended, LEFT_OUT_CUTS, np.random.default_rng(0))
    return float(np.sqrt(np.mean((left_out(model, cuts) - Truths.of(cuts, horizon).capped) ** 2)))


def time_serving(answer: Callable[[Sequence[Life]], object], subset: Subset) -> float:
    """How long `SERVED` forecasts take, from lives to answers, in s."""
    lives = list(islice(cycle(subset.test), SERVED))
    answer(lives[:1])
    started = time.perf_counter()
    for place in range(0, SERVED, SERVED_AT_ONCE):
        answer(lives[place : place + SERVED_AT_ONCE])
    return time.perf_counter() - started


def _rows(contenders: Sequence[Contender], trials: Sequence[Trial]) -> tuple[Row, ...]:
    """Of one subset: figures, and how sure it is that the main contender errs less than each other."""
    rows, errors = [], {}
    for each in contenders:
        own = [trial for trial in trials if trial.contender == each.name]
        rows.append(Row(each.name, each.role, as_metrics([trial.figures for trial in own]), each.is_main))
        errors[each.name] = np.mean([trial.squares for trial in own], axis=0)
    main = [errors[row.name] for row in rows if row.is_main]
    return tuple(
        row if row.is_main or not main else _add_chance(row, main[0], errors[row.name]) for row in rows
    )


def _add_chance(row: Row, main: Floats, errors: Floats) -> Row:
    chance = Metric((chance_of_less(main, errors),))
    return replace(row, metrics={**row.metrics, "main_is_better": chance})


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
