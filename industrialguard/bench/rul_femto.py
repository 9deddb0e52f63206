"""PRONOSTIA bearings run to failure: each is forecast by what the others taught.

Rule: leave one bearing out. Its whole life is followed, from its first rows on, and errors are counted in %
of how long it lasted, without a cap, so that short lives and long ones weigh the same.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from contract.lives import Life, LifeSpec
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Report, Row, Run
from industrialguard.bench.rul_followers import Follower, Said, our_followers, simple_followers
from industrialguard.bench.rul_rows import as_metrics
from models.forecast.metrics import Figure
from models.forecast.plots import Course, draw_courses
from models.forecast.truths import Floats
from models.lives.life_set import LifeSet
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
    folder: Path, seeds: Sequence[int], plot: Path | None = None, followers: Sequence[Follower] | None = None
) -> list[Report]:
    """All contenders on the learning set, one bearing left out at a time.

    Raises:
        DataError: no table, a malformed one, or too few bearings in it.
        ConfigError: the picture cannot be written.
    """
    started = datetime.now(UTC)
    lives = open_lives(f"femto:{folder / 'femto' if (folder / 'femto').is_dir() else folder}")
    bearings = [life for life in lives.lives if not life.is_censored]
    if len(bearings) < MIN_BEARINGS:
        raise NothingToJudgeError(
            f"{folder}: {len(bearings)} bearings ended; leaving one out needs {MIN_BEARINGS} or more"
        )
    if followers is None:
        followers = (*our_followers(lives.clock), *simple_followers(lives.clock))
    rows = tuple(_judge(each, bearings, lives.spec, seeds) for each in followers)
    if plot is not None:
        (main,) = [each for each in followers if each.is_main]
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
        said = {
            life.machine: follower.fit(left_out(bearings, life.machine), spec, seed)(life, judged_rows(life))
            for life in bearings
        }
        runs.append(_figures(bearings, said, spec.horizon))
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


def _draw(plot: Path, main: Follower, bearings: Sequence[Life], lives: LifeSet, seed: int) -> None:
    courses = []
    for life in bearings:
        rows = judged_rows(life)
        said = main.fit(left_out(bearings, life.machine), lives.spec, seed)(life, rows)
        courses.append(Course(life.machine, life.age[list(rows)], _truth(life), said.rul, said.interval))
    draw_courses(plot, f"{main.name}; each bearing by the others", lives.spec.time_unit, courses)
