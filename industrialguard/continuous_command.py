"""`industrialguard train continuous`: trains a forecast again when something asks for it.

Rule: it looks, decides by `models.continuous` alone, and runs the pipeline, which alone may put a model in
charge. One run at a time; how each ended stands in the journal, however it ended.
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType

from contract.errors import DataError, IndustrialGuardError
from industrialguard.continuous_evidence import Places, gather
from models.continuous import Policy, Result, Trigger, Wait, decide, read_policy
from models.continuous_journal import Journal
from models.pipeline_command import add_run_options, config_of, take_span
from models.pipeline_config import Outcome, PipelineConfig
from models.pipeline_process import run_in_child
from models.pipeline_start import NOT_BLESSED

EXAMPLES = """\
examples:
  industrialguard train continuous --snapshots snapshots --spans spans --schema turbofan \\
      --root pipeline --registry registry --dry-run
  industrialguard train continuous … --policy policy.toml --data industrialguard-data
  17 * * * *  industrialguard train continuous … --once        a line of crontab

policy.toml (what is left out keeps its default; a limit of 0 switches its trigger off):
  max_age_days = 30          schedule
  new_failures = 20          new labels
  drifted_columns = 1        drift of the last accepted span
  live_error_factor = 1.5    live error, needs --data and live_failures = 5 within live_window_days = 90
  cool_down_h = 24           after any run, however it ended
  period_s = 3600            between two looks

`industrialguard cloud snapshot` takes the snapshots; `industrialguard cloud roll-back` takes a model back.
With --once it ends with 0 when there was nothing to do or the new model is in charge, with 5 when the new
model was not blessed, with 3 when its data were refused, with 1 when the run broke.
"""
REFUSED, BROKE = 3, 1

Runner = Callable[[Trigger, Path], Outcome]
"""From why, and the folder of a snapshot, to how the pipeline's run ended."""
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Step:
    """What one look came to."""

    decision: Trigger | Wait
    result: Result | None = None
    """None: nothing was run."""
    detail: str = ""

    @property
    def exit_code(self) -> int:
        """Of a command that looks once."""
        codes = {Result.NOT_BLESSED: NOT_BLESSED, Result.REFUSED: REFUSED, Result.FAILED: BROKE}
        return codes.get(self.result, 0) if self.result else 0

    def __str__(self) -> str:
        if isinstance(self.decision, Wait):
            return f"waits: {self.decision.reason}"
        return f"{self.decision}: {self.result or 'would train'}{', ' if self.detail else ''}{self.detail}"


def main(argv: Sequence[str]) -> int:
    """Run the command; returns its exit code.

    Raises:
        IndustrialGuardError: one line that says what is wrong and what to do.
    """
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as finished:  # argparse has printed already
        return int(finished.code or 0)
    from models.stages.life_schema import spec_of
    from models.stages.schema import read_schema

    policy = Policy() if arguments.policy is None else read_policy(arguments.policy)
    config = config_of(arguments, "continuous training")
    places = Places(
        machine_type=spec_of(read_schema(config.schema)).machine_type,
        snapshots=arguments.snapshots,
        spans=config.spans,
        root=config.root,
        registry=config.registry,
        store=arguments.data,
    )
    if arguments.dry_run:
        print(look(places, policy, utc_now()))
        return 0
    run = pipeline_runner(config)
    with _stopped_in_order():
        if arguments.once:
            step = take_step(places, policy, run)
            print(step)
            return step.exit_code
        for told in steps(places, policy, run):
            print(told, flush=True)
    return 0


def build_parser() -> argparse.ArgumentParser:
    """Build the parser; opens nothing."""
    parser = argparse.ArgumentParser(
        prog="industrialguard train continuous",
        description="Train the forecast of a machine type again when something asks for it.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--snapshots",
        required=True,
        type=Path,
        metavar="DIR",
        help="folder of snapshots; the newest of the machine type is trained on",
    )
    add_run_options(parser)
    parser.add_argument("--data", type=Path, metavar="DIR", help="the cloud's data, for the live error")
    parser.add_argument("--policy", type=Path, metavar="FILE", help="when to train again, see below")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--once", action="store_true", help="look once, for cron (default: stay and look again)")
    how.add_argument("--dry-run", action="store_true", help="say what would be done and why; change nothing")
    return parser


def utc_now() -> datetime:
    """The time, aware UTC."""
    return datetime.now(UTC)


def look(places: Places, policy: Policy, moment: datetime) -> Step:
    """What would be done now; nothing is changed.

    Raises:
        IndustrialGuardError: what is looked at is damaged.
    """
    evidence, _ = gather(places, policy, moment)
    past = Journal(places.journals, places.machine_type).runs()
    return Step(decide(policy, evidence, past, moment))


def take_step(places: Places, policy: Policy, run: Runner, clock: Clock = utc_now) -> Step:
    """Look once, and train if something asks for it.

    Raises:
        IndustrialGuardError: what is looked at is damaged; a run that fails is a `Step`, not an error.
    """
    journal = Journal(places.journals, places.machine_type)
    with journal.alone(clock()) as is_alone:
        if not is_alone:
            return Step(Wait(f"another process trains {places.machine_type}"))
        moment = clock()
        evidence, newest = gather(places, policy, moment)
        decision = decide(policy, evidence, journal.runs(), moment)
        if newest is None or isinstance(decision, Wait):
            return Step(decision)
        journal.begin(moment, who(), decision, newest.manifest.name)
        result, detail = _run(run, decision, newest.folder)
        journal.end(clock(), result, detail)
        return Step(decision, result, detail)


def steps(
    places: Places,
    policy: Policy,
    run: Runner,
    clock: Clock = utc_now,
    pause: Callable[[float], None] = time.sleep,
) -> Iterator[str]:
    """Look again and again; yields what each look came to, unless it is what the look before came to."""
    last = ""
    while True:
        try:
            told = str(take_step(places, policy, run, clock))
        except IndustrialGuardError as error:  # what is damaged now may be whole at the next look
            told = f"cannot tell: {' '.join(str(error).split())}"
        if told != last:
            yield f"{clock().isoformat(timespec='seconds')}  {told}"
        last = told
        pause(policy.period_s)


def who() -> str:
    """On whose behalf a run begins: user and machine."""
    user = os.environ.get("USER") or f"user {os.getuid()}"
    return f"{user}@{socket.gethostname()}"


def pipeline_runner(config: PipelineConfig) -> Runner:
    """Runs the training pipeline, in a process of its own.

    Args:
        config: The run; its reason is that of each trigger.
    """

    def run(trigger: Trigger, snapshot: Path) -> Outcome:
        print(trigger, file=sys.stderr, flush=True)
        take_span(snapshot, config.spans)
        return run_in_child(
            replace(config, reason=str(trigger)),
            lambda stage: print(f"  {stage}", file=sys.stderr, flush=True),
        )

    return run


def _run(run: Runner, trigger: Trigger, snapshot: Path) -> tuple[Result, str]:
    try:
        outcome = run(trigger, snapshot)
    except DataError as error:
        return Result.REFUSED, " ".join(str(error).split())
    except IndustrialGuardError as error:
        return Result.FAILED, " ".join(str(error).split())
    if outcome.is_blessed:
        return Result.BLESSED, outcome.version
    return Result.NOT_BLESSED, f"{outcome.version}: {'; '.join(outcome.refused_because)}"


@contextmanager
def _stopped_in_order() -> Iterator[None]:
    """A polite stop ends the pipeline's own process too, as an interrupt does."""

    def stop(_: int, __: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
