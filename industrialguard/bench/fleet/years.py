"""Plant years: one policy on one plant, and many of them side by side.

Rule: a year is a function of settings, family, seed and policy; its machines wear as the seed says,
whatever the policy does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from hashlib import sha256
from pathlib import Path

from industrialguard.bench.side_by_side import Kept, in_processes
from models.code_version import find_code_version
from models.progress import Progress
from simulators.year.by_calendar import RunToFailure, TimeBased
from simulators.year.by_threshold import ThresholdBased
from simulators.year.course import Course
from simulators.year.ledger import Ledger
from simulators.year.ours import Ours
from simulators.year.plant import Plant
from simulators.year.settings import Family, Settings


class Maintenance(StrEnum):
    """The four policies, as rows of the report."""

    RUN_TO_FAILURE = "run to failure"
    TIME_BASED = "time-based"
    THRESHOLD_BASED = "threshold-based"
    OURS = "IndustrialGuard"


SLOWEST_FIRST = (
    Maintenance.OURS,
    Maintenance.THRESHOLD_BASED,
    Maintenance.TIME_BASED,
    Maintenance.RUN_TO_FAILURE,
)


@dataclass(frozen=True, slots=True, repr=False)
class Year:
    """One plant under one policy."""

    policy: Maintenance
    seed: int

    def __repr__(self) -> str:
        """What tells it from others in any process."""
        return f"{self.policy}, seed {self.seed}"


Years = dict[Maintenance, list[Ledger]]
"""Of each policy, in the order of the seeds."""


def live(settings: Settings, family: Family, year: Year) -> Ledger:
    """Live through one year."""
    plant = Plant(settings, family, year.seed)
    if year.policy is Maintenance.OURS:
        with Ours(plant) as ours:
            return Course(plant, RunToFailure()).run(ours)
    tuned = settings.tuned
    if year.policy is Maintenance.TIME_BASED:
        # Its plant has been maintained so for years; the others' parts are as old as failures let them be.
        policy = TimeBased(plant, tuned.interval_factor)
        return Course(plant, policy).run(policy)
    if year.policy is Maintenance.THRESHOLD_BASED:
        limits = ThresholdBased(plant, tuned.velocity_mms, tuned.temperature_c)
        return Course(plant, RunToFailure()).run(limits)
    return Course(plant, RunToFailure()).run(RunToFailure())


def live_all(
    settings: Settings,
    family: Family,
    jobs: int = 1,
    keep: Path | None = None,
    policies: Iterable[Maintenance] = SLOWEST_FIRST,
) -> Years:
    """All years of a family; says on stderr how far it is.

    Args:
        settings: What plants are like.
        family: Seeds and ranges.
        jobs: Processes side by side.
        keep: Folder of what was found, from which an interrupted run goes on; None: nothing is kept.
        policies: Those that are wanted.

    Raises:
        ProcessLostError: a process was killed.
        ConfigError: the folder cannot be made.
    """
    chosen = [policy for policy in SLOWEST_FIRST if policy in set(policies)]
    wanted = [Year(policy, seed) for seed in family.seeds for policy in chosen]
    kept = Kept(keep, made_from(settings, family)) if keep is not None else None
    progress = Progress("plant year", len(wanted))
    found: list[Ledger] = []
    for start in range(0, len(wanted), 2 * jobs):  # in steps, so that there is something to say in between
        found += in_processes(partial(live, settings, family), wanted[start : start + 2 * jobs], jobs, kept)
        progress.advance(len(found), repr(wanted[len(found) - 1]))
    years: Years = {}
    for year, ledger in zip(wanted, found, strict=True):
        years.setdefault(year.policy, []).append(ledger)
    return years


def made_from(settings: Settings, family: Family) -> str:
    """What a year depends on beside its seed and policy: with more seeds, those that are kept stay."""
    tuning, held_out = (replace(each, seeds=()) for each in (settings.tuning, settings.held_out))
    words = f"{find_code_version()} {replace(settings, tuning=tuning, held_out=held_out)!r}"
    return sha256(f"{words} {replace(family, seeds=())!r}".encode()).hexdigest()
