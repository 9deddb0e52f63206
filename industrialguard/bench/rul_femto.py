"""PRONOSTIA bearings run to failure: each is forecast by what the others taught.

Rule: leave one bearing out. Its whole life is followed, from its first rows on, and errors are counted in %
of how long it lasted, without a cap, so that short lives and long ones weigh the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Report, Role, Row, Run
from industrialguard.bench.rul_rows import as_metrics
from models.forecast.metrics import Figure
from models.forecast.plots import Course, draw_courses
from models.forecast.trend import error_pct_of_life, fit_trend, residual_life, usual_life
from models.forecast.truths import Floats
from models.lives.life_set import LifeSet
from models.lives.registry import open_lives

CUTS = 60
"""Rows of a bearing's life that it is judged at, evenly spaced from the first to the last."""
MIN_BEARINGS = 3

Follow = Callable[[Life], Floats]
"""From a life to its RUL after each row, float64 (n_rows,), causal."""

PROTOCOL = (
    "Leave one bearing out: it is forecast by a model of the others, which never saw it. Whatever is chosen "
    "is chosen within the others.",
    f"A bearing is judged at {CUTS} rows, evenly spaced over its life. error_pct_of_life is the mean of "
    "|said - true| in % of how long it lasted, then the mean over bearings; uncapped. last_half counts the "
    "rows of its second half.",
    "The trend is the best of a few textbook variants (which indicator, itself or its logarithm, against its "
    "own start or not, over how much of the life, from which rise on), chosen by leaving out each training "
    "bearing in turn.",
    "Operating conditions differ between bearings; every model may use them. All ended, none is censored.",
)


@dataclass(frozen=True, slots=True)
class Follower:
    """One row of the comparison."""

    name: str
    role: Role
    fit: Callable[[Sequence[Life], LifeSpec, int], Follow]
    """From training lives, their type and a seed."""
    is_seeded: bool = False
    is_main: bool = False


def our_followers() -> tuple[Follower, ...]:
    """Ours."""
    return ()


def simple_followers() -> tuple[Follower, ...]:
    """What ours must beat."""
    return (
        Follower("trend extrapolation", Role.BASELINE, _fit_trend),
        Follower("lives' lengths: least error in %", Role.BASELINE, _fit_lengths(usual_life)),
        Follower("lives' lengths: mean", Role.BASELINE, _fit_lengths(residual_life)),
    )


def bench_femto_rul(
    folder: Path, seeds: Sequence[int], plot: Path | None = None, followers: Sequence[Follower] | None = None
) -> list[Report]:
    """All contenders on the learning set, one bearing left out at a time.

    Raises:
        DataError: no table, a malformed one, or fewer than three bearings in it.
        ConfigError: the picture cannot be written.
    """
    started = datetime.now(UTC)
    lives = open_lives(f"femto:{folder / 'femto' if (folder / 'femto').is_dir() else folder}")
    bearings = [life for life in lives.lives if not life.is_censored]
    if len(bearings) < MIN_BEARINGS:
        raise NothingToJudgeError(
            f"{folder}: {len(bearings)} bearings ended; leaving one out needs {MIN_BEARINGS} or more"
        )
    everyone = _with_main(followers if followers is not None else (*our_followers(), *simple_followers()))
    rows = tuple(_judge(each, bearings, lives.spec, seeds) for each in everyone)
    if plot is not None:
        (main,) = [each for each in everyone if each.is_main]
        _draw(plot, main, bearings, lives, seeds[0])
    first = f"{len(bearings)} bearings: {', '.join(life.machine for life in bearings)}."
    return [Report("rul", "femto", (first, *PROTOCOL), tuple(seeds), rows, Run.since(started))]


def left_out(bearings: Sequence[Life], machine: str) -> list[Life]:
    """The lives of the other machines."""
    return [life for life in bearings if life.machine != machine]


def judged_rows(life: Life) -> tuple[int, ...]:
    """Places of the rows that a life is judged at, rising."""
    return tuple(np.unique(np.linspace(0, len(life.age) - 1, CUTS).round().astype(int)).tolist())


def _judge(follower: Follower, bearings: Sequence[Life], spec: LifeSpec, seeds: Sequence[int]) -> Row:
    runs = []
    for seed in seeds if follower.is_seeded else seeds[:1]:
        errors = {}
        for life in bearings:
            said = follower.fit(left_out(bearings, life.machine), spec, seed)(life)
            errors[life.machine] = error_pct_of_life(said, life)[list(judged_rows(life))]
        runs.append(_figures(errors))
    return Row(follower.name, follower.role, as_metrics(runs), follower.is_main)


def _figures(errors: Mapping[str, Floats]) -> dict[str, Figure]:
    return {
        "error_pct_of_life": float(np.mean([each.mean() for each in errors.values()])),
        "error_pct_of_life_last_half": float(
            np.mean([each[len(each) // 2 :].mean() for each in errors.values()])
        ),
        **{
            f"error_pct_{name.lower().replace('-', '_')}": float(each.mean()) for name, each in errors.items()
        },
    }


def _fit_trend(lives: Sequence[Life], spec: LifeSpec, _: int) -> Follow:
    return fit_trend(lives, spec).follow


def _fit_lengths(rule: Callable[[Floats, Floats], Floats]) -> Callable[..., Follow]:
    def fit(lives: Sequence[Life], _spec: LifeSpec, _seed: int) -> Follow:
        lengths = np.sort([life.end_age for life in lives])
        return lambda life: rule(lengths, life.age)

    return fit


def _with_main(followers: Sequence[Follower]) -> tuple[Follower, ...]:
    if any(each.is_main for each in followers):
        return tuple(followers)
    first = followers[0]
    return (Follower(first.name, first.role, first.fit, first.is_seeded, is_main=True), *followers[1:])


def _draw(plot: Path, main: Follower, bearings: Sequence[Life], lives: LifeSet, seed: int) -> None:
    courses = []
    for life in bearings:
        said = main.fit(left_out(bearings, life.machine), lives.spec, seed)(life)
        courses.append(Course(life.machine, life.age, life.end_age - life.age, said, said, said))
    draw_courses(plot, f"{main.name}, each bearing by the others", lives.spec.time_unit, courses)
