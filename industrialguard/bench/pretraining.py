"""`industrialguard bench pretraining`: what pre-training gains where few machines' ends are known.

Rule: the protocol is printed with the figures, always. Test tables are not read.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from industrialguard.bench.options import add_json, parse, whole_number
from industrialguard.bench.pretraining_deal import CHOOSERS, JUDGED_ROWS, n_known
from industrialguard.bench.pretraining_study import Study, StudySpec
from industrialguard.bench.report import (
    Report,
    Run,
    format_markdown,
    format_report,
    require_writable,
    write_reports,
)
from models.lives import FORMATS, LifeSet, open_lives
from models.progress import Progress
from models.tables import update_document

EXAMPLES = """\
examples:
  industrialguard bench pretraining --dataset cmapss --data ../data/cmapss --seeds 3 --json pretraining.json

There is a table for each share of machines whose end is known. Progress goes to stderr, tables to stdout.
"""


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    options = parse(build_parser(), argv)
    if isinstance(options, int):
        return options
    require_writable(options.json)
    lives = open_lives(f"{options.dataset}:{options.data}")
    reports = bench_pretraining(lives, options.dataset, range(options.seeds))
    print("\n\n".join(format_report(report) for report in reports))
    if options.json is not None:
        write_reports(options.json, reports)
    if options.document is not None:
        update_document(options.document, format_markdown(reports), "pretraining")
    return 0


def bench_pretraining(
    lives: LifeSet, name: str, seeds: Sequence[int], spec: StudySpec | None = None
) -> list[Report]:
    """A report for each share of machines whose end is known.

    Args:
        lives: Of one machine type.
        name: Of the data set.
        seeds: Of the deal, the first weights and all that is random after.
        spec: How large the study is; None: as the command runs it.

    Raises:
        NothingToJudgeError: too few machines failed.
    """
    started, spec, done = datetime.now(UTC), spec or StudySpec(), 0
    progress = Progress(f"pre-training study, {len(seeds)} seeds, epochs", spec.n_epochs(len(seeds)))

    def advance() -> None:
        nonlocal done
        done += 1
        progress.advance(done)

    study = Study(lives.spec, lives.lives, spec, advance)
    rows = study.run(seeds)
    run = Run.since(started)
    return [
        Report(
            "pretraining",
            f"{name}/{100 * share:g}% of ends known",
            _protocol(study, spec, share),
            tuple(seeds),
            found,
            run,
        )
        for share, found in rows.items()
    ]


def _protocol(study: Study, spec: StudySpec, share: float) -> tuple[str, ...]:
    judges, others = ({life.machine for life in lives} for lives in (study.judges, study.others))
    n_failed = n_known(len(others), share)
    fit, before = spec.train.fit, spec.pretrain
    return (
        f"{len(judges)} machines judge, each at {JUDGED_ROWS} random rows of its life ({len(study.judges)} "
        "in all): those that a hash of their name puts on a snapshot's side for evaluation, whatever the "
        "seed. Nobody learns from them. They are of the data set's training files; test files are not used.",
        f"Of {len(others)} other machines the ends of {n_failed} are known: every {CHOOSERS}th of them "
        "chooses epochs, the rest is learned from. The seed deals them; a larger share holds a smaller one.",
        "The others are known as while they run: up to a random row, every row of a life alike. Neither rows "
        "nor ends from later are used.",
        "'Failed machines alone' learn from the known ends. 'Failed and running' also learn that the others "
        "lasted at least so long (censored).",
        "'Pre-trained' begin with what rows alone taught, of failed and running machines, choosers left out: "
        "to tell hidden tokens of a history, and the means of windows of rows to come. One pre-training a "
        f"seed, made at the smallest share ({100 * spec.shares[0]:g} %), serves all shares.",
        "Pairs differ in nothing else: the same network, first weights, cuts, steps and choosers. "
        f"{fit.epochs} epochs of {fit.steps} batches of {fit.batch}; the weights of the best epoch by the "
        "choosers' loss are judged (best_epoch; the last one: more steps might have helped). Before that "
        f"{before.epochs} epochs of {before.steps} batches of {before.batch} of pre-training, once.",
        "One network each, no ensemble. rmse counts up to the horizon; rmse_vs_scratch_pct compares with the "
        "contender from scratch that learns from the same machines, seed by seed: below 0 is a gain. Mean "
        "and standard deviation are over the seeds.",
    )


def build_parser() -> argparse.ArgumentParser:
    """Build the command line."""
    parser = argparse.ArgumentParser(
        prog="industrialguard bench pretraining",
        description="Measure what pre-training on machines without known ends gains, at several shares of "
        "known ends, beside training from scratch.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--dataset", required=True, choices=sorted(FORMATS), help="format of the lives")
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="folder of its files")
    parser.add_argument(
        "--seeds", type=whole_number(1, 1000), default=3, metavar="K", help="seeds 0 to K - 1 (default 3)"
    )
    parser.add_argument(
        "--document", type=Path, metavar="FILE", help="put the tables between the marks `pretraining` in it"
    )
    add_json(parser)
    return parser
