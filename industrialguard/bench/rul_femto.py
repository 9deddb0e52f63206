"""PRONOSTIA bearings run to failure: each is forecast by what the others taught.

Rule: leave one bearing out. Its whole life is followed, from its first rows on, and errors are counted in %
of how long it lasted, without a cap, so that short lives and long ones weigh the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Report, Row, Run
from industrialguard.bench.rul_followers import Follower, Said, our_followers, simple_followers
from industrialguard.bench.rul_options import RulOptions
from industrialguard.bench.rul_rows import as_metrics
from industrialguard.bench.side_by_side import families, in_processes
from models.forecast.metrics import Figure
from models.forecast.plots import Course, draw_courses
from models.forecast.truths import Floats
from models.lives.registry import open_lives

CUTS = 60
"""Rows of a bearing's life that it is judged at, evenly spaced from the first to the last."""
MIN_BEARINGS = 5
"""Leaving one out leaves four, which is what a forecast is trained on at least."""

PROTOCOL = (
    "Leave one bearing out: it is forecast by a model of the others, which never saw it. Whatever is chosen "
    "is chosen within the others.",
    f"A bearing is judged at {CUTS} rows, evenly spaced over its life. error_pct_of_life is the mean of "
    "|said - true| in % of how long it lasted, then the mean over bearings; uncapped. last_half counts the "
    "rows of its second half. picp and nmpiw are the 90 % interval's coverage and its mean width as a share "
    "of the horizon, for those that have one; five bearings cannot promise 90 %.",
    "Ours is what `industrialguard train rul` writes of the same lives. It trains a network and counts how "
    "long they lasted by load, and writes whichever errs less, in % of life, on training bearings that were "
    "left out. The answer is the RUL of least expected error in %, read off the served quantiles.",
    "By load: ages count revolutions times the cube of the load (ISO 281, ball bearings). The powers are the "
    "standard's, not fitted. One row gives the trend the same clock, which no textbook trend has: what it "
    "gains by it is the clock's, not ours.",
    "The trend is the best of a few textbook variants (which indicator, itself or its logarithm, against its "
    "own start or not, over how much of the life, from which rise on), chosen by leaving out each training "
    "bearing in turn.",
    "How much to believe: six bearings, two under each load. While ours was made, the errors of 16 variants "
    "on these very bearings were looked at: lengths with and without the clock, plain and smoothed (10); "
    "states and alarms by vibration, none of which helped (4); networks, which were no better than a "
    "trend (2). The clock was thought of after the lengths were known. It is physics, but that "
    "it fits these six so well is partly luck.",
    "Operating conditions differ between bearings; every model may use them. All ended, none is censored.",
)


def bench_femto_rul(
    folder: Path, options: RulOptions, followers: Sequence[Follower] | None = None
) -> list[Report]:
    """All contenders on the learning set, one bearing left out at a time.

    Args:
        folder: The learning set's table.
        options: How.
        followers: Exactly one is the main one; None: ours, and what they must beat.

    Raises:
        DataError: no table, a malformed one, or too few bearings in it.
        ConfigError: the picture cannot be written.
        ProcessLostError: a process was killed.
    """
    started = datetime.now(UTC)
    lives = open_lives(f"femto:{folder / 'femto' if (folder / 'femto').is_dir() else folder}")
    bearings = tuple(life for life in lives.lives if not life.is_censored)
    if len(bearings) < MIN_BEARINGS:
        raise NothingToJudgeError(
            f"{folder}: {len(bearings)} bearings ended; leaving one out needs {MIN_BEARINGS} or more"
        )
    if followers is None:
        followers = (*our_followers(lives.clock), *simple_followers(lives.clock))
    counted = f"{len(bearings)} bearings: {', '.join(life.machine for life in bearings)}."
    tasks = [
        _Task(family, seed, life.machine)
        for family in families(followers, lambda each: each.fit)
        for seed in (options.seeds if family[0].is_seeded else options.seeds[:1])
        for life in bearings
    ]
    found = in_processes(partial(_try, bearings, lives.spec), tasks, options.jobs, options.kept(counted))
    told = [each for some in found for each in some]
    rows = tuple(_row(each, bearings, lives.spec.horizon, told) for each in followers)
    if options.plot is not None:
        (main,) = [each.name for each in followers if each.is_main]
        first = [each for each in told if (each.follower, each.seed) == (main, options.seeds[0])]
        _draw(options.plot, bearings, lives.spec.time_unit, first)
    protocol = (counted, *PROTOCOL, *options.sentences)
    return [Report("rul", "femto", protocol, tuple(options.seeds), rows, Run.since(started))]


@dataclass(frozen=True, slots=True, repr=False)
class _Task:
    """One bearing, foretold with one seed by contenders that begin with the same fit."""

    family: tuple[Follower, ...]
    seed: int
    machine: str

    def __repr__(self) -> str:
        """Names alone, which tell a task from others in any process."""
        return f"{', '.join(each.name for each in self.family)}, seed {self.seed}, {self.machine}"


@dataclass(frozen=True, slots=True)
class _Told:
    """What a contender said of a bearing that it was not told of."""

    follower: str
    seed: int
    machine: str
    said: Said


def _try(bearings: Sequence[Life], spec: LifeSpec, task: _Task) -> list[_Told]:
    (life,) = [life for life in bearings if life.machine == task.machine]
    fitted = task.family[0].fit(left_out(bearings, task.machine), spec, task.seed)
    rows = judged_rows(life)
    return [
        _Told(each.name, task.seed, task.machine, each.follow(fitted, life, rows)) for each in task.family
    ]


def left_out(bearings: Sequence[Life], machine: str) -> list[Life]:
    """The lives of the other machines."""
    return [life for life in bearings if life.machine != machine]


def judged_rows(life: Life) -> tuple[int, ...]:
    """Places of the rows that a life is judged at, rising."""
    return tuple(np.unique(np.linspace(0, len(life.age) - 1, CUTS).round().astype(int)).tolist())


def _row(follower: Follower, bearings: Sequence[Life], horizon: float, told: Sequence[_Told]) -> Row:
    by_seed: dict[int, dict[str, Said]] = {}
    for each in told:
        if each.follower == follower.name:
            by_seed.setdefault(each.seed, {})[each.machine] = each.said
    runs = [_figures(bearings, said, horizon) for said in by_seed.values()]
    return Row(follower.name, follower.role, as_metrics(runs), follower.is_main)


def _figures(bearings: Sequence[Life], said: Mapping[str, Said], horizon: float) -> dict[str, Figure]:
    errors = {
        life.machine: 100 * np.abs(said[life.machine].rul - _truth(life)) / life.end_age for life in bearings
    }
    return {
        "error_pct_of_life": float(np.mean([each.mean() for each in errors.values()])),
        "error_pct_of_life_last_half": float(
            np.mean([each[len(each) // 2 :].mean() for each in errors.values()])
        ),
        **{
            f"error_pct_{name.lower().replace('-', '_')}": float(each.mean()) for name, each in errors.items()
        },
        **_interval_figures(bearings, said, horizon),
    }


def _interval_figures(
    bearings: Sequence[Life], said: Mapping[str, Said], horizon: float
) -> dict[str, Figure]:
    """Coverage and width, every bearing weighing the same; none where nobody gave an interval."""
    covered, widths = [], []
    for life in bearings:
        interval = said[life.machine].interval
        if interval is None:
            return {}
        lower, upper = interval
        truth = _truth(life)
        covered.append(((lower <= truth) & (truth <= upper)).mean())
        widths.append((upper - lower).mean() / horizon)
    return {"picp": float(np.mean(covered)), "nmpiw": float(np.mean(widths))}


def _truth(life: Life) -> Floats:
    """RUL after each judged row."""
    return life.end_age - life.age[list(judged_rows(life))]


def _draw(plot: Path, bearings: Sequence[Life], time_unit: str, told: Sequence[_Told]) -> None:
    said = {each.machine: each.said for each in told}
    courses = [
        Course(
            life.machine,
            life.age[list(judged_rows(life))],
            _truth(life),
            said[life.machine].rul,
            said[life.machine].interval,
        )
        for life in bearings
    ]
    draw_courses(plot, f"{told[0].follower}; each bearing by the others", time_unit, courses)
