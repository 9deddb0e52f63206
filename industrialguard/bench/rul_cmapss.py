"""C-MAPSS turbofan engines: what is said at the last cycle of every test engine.

Rule: the test table and its endings are read once, to be judged by; no engine is left out, however short.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Report, Run
from industrialguard.bench.rul_options import RulOptions
from industrialguard.bench.rul_ours import our_contenders
from industrialguard.bench.rul_rows import Contender, Subset, floor_contenders
from industrialguard.bench.rul_trials import LEFT_OUT_CUTS, Work, run_contenders
from models.forecast.plots import draw_courses
from models.forecast.trees import RECENT_ROWS
from models.forecast.truths import Truths
from models.lives.cmapss import read_cmapss
from models.lives.life_set import LifeSet, keep_group

DRAWN = 3
"""Engines of each subset in the picture: those that were seen for longest."""

RULES = (
    "An engine is judged once, at the last cycle of its test table; its truth is the RUL file's. Truths and "
    "forecasts count up to the horizon, but for rmse_uncapped. nasa_score is a sum over the engines.",
    "Training and test are different engines. The test table is read once, after every choice was made: "
    "statistics, sizes and stops were chosen by validation that keeps engines whole, on training tables.",
    "While networks and trees were developed, errors on the test tables of FD001 and FD002 were looked at "
    "five times for networks and four times for trees; those of FD003 and FD004 have never been seen.",
    "Operating conditions are found from the settings of training engines alone; a sensor is read as its "
    "distance from the usual of its condition.",
    "Intervals are at 90 %, calibrated by machine on forecasts of engines left out of the fit, at all cycles "
    "of their lives, in ranges of the forecast. An engine that outlasts the horizon is in an interval that "
    "reaches it. picp_rul_ is coverage by true RUL.",
    "Training lives that have not ended would be used by what is known of them; here all ended.",
    "'Tuned' goes on with the model of all subsets on the training engines of the subset that is judged; "
    "each of its networks keeps the better of before and after, by engines that it does not learn from.",
    "fit_s is the time of one fit; of a tuned model, of tuning alone; trees' and networks' intervals are in "
    "it. serve_10000_s is the time from 10,000 lives to their forecasts by the exported file, on one core.",
    f"rmse_left_out is of training engines, at {LEFT_OUT_CUTS} random cycles of each, by the one of five "
    "networks, or by trees grown on four fifths, that did not learn from the engine. It flatters networks a "
    "little, whose epoch those engines chose; it is of more engines than a test table has.",
    "main_is_better is the share of 2,000 draws of test engines, with replacement, in which the main row has "
    "the lower rmse (seeds averaged): what lies between 0.05 and 0.95 may be chance.",
    "Rows named 'all subsets' learn from all training tables of the folder at once, the others from the "
    "subset's own. Every row forecasts the same engines; mean and standard deviation are over the seeds.",
)


def bench_cmapss(
    folder: Path, names: Sequence[str], options: RulOptions, contenders: Sequence[Contender] | None = None
) -> list[Report]:
    """All contenders on some subsets of a folder.

    Args:
        folder: Tables of C-MAPSS, plain or .gz, also in folders below it.
        names: Subsets to be judged by; none: all that have a test table and a RUL file.
        options: How.
        contenders: Exactly one is the main one; None: ours, and what they must beat.

    Raises:
        DataError: no tables, a malformed one, an unknown subset, or one without its test or RUL file.
        ConfigError: the picture cannot be written.
        ProcessLostError: a process was killed.
    """
    started = datetime.now(UTC)
    root = folder / "cmapss" if (folder / "cmapss").is_dir() else folder
    lives = read_cmapss(root)
    subsets = choose_subsets(lives, names, root)
    work = Work(subsets, lives.lives, lives.spec, options.seeds, DRAWN if options.plot else 0)
    if contenders is None:
        contenders = (*our_contenders(), *floor_contenders())
    learned = [(each.name, len(each.train), len(each.test)) for each in subsets]
    kept = options.kept((learned, len(lives.lives), work.drawn))
    outcome = run_contenders(work, contenders, options.jobs, kept)
    if options.plot is not None:
        (main,) = [each.name for each in contenders if each.is_main]
        title = f"{main}, test engines up to their cut"
        draw_courses(options.plot, title, lives.spec.time_unit, outcome.courses)
    run = Run.since(started)
    return [
        Report(
            "rul",
            f"cmapss/{each.name}",
            (*_protocol(each, lives), *options.sentences),
            tuple(options.seeds),
            outcome.rows[each.name],
            run,
        )
        for each in subsets
    ]


def choose_subsets(lives: LifeSet, names: Sequence[str], root: Path) -> list[Subset]:
    """The subsets that are asked for; where none is, all that can be judged.

    Raises:
        DataError: there is no such subset.
        NothingToJudgeError: one has no test engines with known ends.
    """
    testable = sorted({life.group for life in lives.tests})
    if not names and not testable:
        raise NothingToJudgeError(
            f"{root}: no subset has its test table and RUL file; put test_X.txt and RUL_X.txt beside train_X"
        )
    subsets = [keep_group(lives, name) for name in names or testable]
    for name, subset in zip(names, subsets, strict=False):
        if not subset.tests:
            raise NothingToJudgeError(
                f"{root}: {name} cannot be judged without test_{name}.txt and RUL_{name}.txt (or .gz); "
                f"put them beside its training table, or choose from: {', '.join(testable) or 'none'}"
            )
    return [Subset(subset.lives[0].group, subset.lives, subset.tests) for subset in subsets]


def _protocol(subset: Subset, lives: LifeSet) -> tuple[str, ...]:
    short = sum(len(life.age) < RECENT_ROWS for life in subset.test)
    beyond = int(Truths.of(subset.test, lives.spec.horizon).is_beyond.sum())
    n_cycles = int(np.sum([len(life.age) for life in subset.train]))
    groups = sorted({life.group for life in lives.lives})
    return (
        f"{len(subset.train)} training engines with {n_cycles} cycles, run to failure.",
        f"{len(subset.test)} test engines, all judged: {short} with fewer than {RECENT_ROWS} cycles, "
        f"{beyond} that outlast the horizon of {lives.spec.horizon:g} cycles.",
        f"All subsets: {', '.join(groups)}.",
        *RULES,
    )
