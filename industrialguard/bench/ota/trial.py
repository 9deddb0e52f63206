"""What a device's own trial finds: does it take good releases, and does it keep spoiled ones out?

Rule: what spoiled a release is known here and nowhere else; the device has its windows only.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from datetime import UTC, datetime
from pathlib import Path

from contract.bundle import Bundle, load_bundle
from edge_agent.comparison import PROBATION_WINDOWS, SHADOW_WINDOWS
from edge_agent.slot_state import Result
from industrialguard.bench.ota.plan import Plan
from industrialguard.bench.ota.spoils import SPOILS
from industrialguard.bench.ota.trial_machines import (
    HEALTHY,
    LATER,
    LIFE_S,
    MEANWHILE,
    OFFERED_S,
    Course,
    SelfTests,
    Trial,
    plan_courses,
    simulate,
    try_release,
)
from industrialguard.bench.report import Metric, Report, Role, Row, Run
from models.config import FitConfig, TrainConfig
from models.progress import Progress

PROFILE = "pump"
PER_KIND = 8
"""Machines of each kind for each seed: each way to fail once."""
LEARNED_FROM = 16
"""Machines that a retrained release learned from, each recorded for ..."""
RECORDED_S = 3600.0
FIRST_RECORDED = 1000
"""Their seeds, from here on; what ships has learned from others."""
PROTOCOL = (
    "Simulated pumps. Each device starts with the model that ships, and is handed a release after "
    f"{OFFERED_S:.0f} s. Self-test (in a process of its own), shadow run ({SHADOW_WINDOWS} windows) and "
    f"probation ({PROBATION_WINDOWS}) are the device's. Retrained: the same training on other machines, "
    "with another seed. Spoiled: the retrained one after something happened to it that no signature shows.",
    f"{HEALTHY}: nothing wears. {LATER}: a component begins to wear when the trial is over. {MEANWHILE}: as "
    f"the release is handed over. It fails after {LIFE_S[0]:.0f} to {LIFE_S[1]:.0f} s.",
    "confirmed, refused (never in charge), rolled back, undecided (the machine alarmed, or failed): shares "
    "of the machines. windows: median from handing over to the end of the trial.",
    "missed: machines that failed without an alarm since wear began. lead: share of the time from onset to "
    "failure that was left at the first alarm, mean. false: alarms after handing over and before wear, per "
    "machine. Held against the row of devices that no release was handed to.",
)


def measure(plan: Plan, folder: Path) -> Iterator[Report]:
    """One report for each kind of machine."""
    started = datetime.now(UTC)
    old = load_bundle(PROFILE)
    seeds = tuple(range(1, plan.seeds + 1))
    releases = {seed: make_releases(folder, seed) for seed in seeds}
    found: dict[str, dict[str, list[Trial]]] = {}
    test = SelfTests(old.profile)
    for seed in seeds:
        courses = simulate_courses(old, seed, PER_KIND)
        for name, outcomes in try_all(courses, old, releases[seed], test):
            for kind, trials in outcomes.items():
                found.setdefault(kind, {}).setdefault(name, []).extend(trials)
    run = Run.since(started)
    for kind, by_release in found.items():
        yield report_trials(kind, by_release, seeds, run)


def make_releases(folder: Path, seed: int) -> dict[str, Bundle | None]:
    """What is handed over, by name; None: nothing."""
    good = retrain(folder / str(seed), seed)
    spoiled = {f"spoiled: {name}": spoil(good) for name, spoil in SPOILS.items()}
    return {"nothing released": None, "retrained": good, **spoiled}


def retrain(folder: Path, seed: int) -> Bundle:
    """A release by the same training, on machines that the one before has not learned from."""
    from models.trainer import train
    from simulators.__main__ import main as simulate_command

    record = ["record", "--profile", PROFILE, "--machines", str(LEARNED_FROM), "--seconds", f"{RECORDED_S:g}"]
    with redirect_stdout(sys.stderr):
        simulate_command([*record, "--seed", str(FIRST_RECORDED * seed), "--healthy", "--out", str(folder)])
    out = folder / f"{PROFILE}.igb"
    return train(TrainConfig(PROFILE, f"npz:{folder}", out, fit=FitConfig(seed=seed)))


def simulate_courses(old: Bundle, seed: int, per_kind: int) -> list[tuple[str, Course]]:
    """Machines of each kind, with all their windows."""
    planned = plan_courses(old.profile, per_kind, seed)
    progress = Progress("simulating: machine", len(planned))
    courses = []
    for number, (kind, config, seconds) in enumerate(planned, start=1):
        courses.append((kind, simulate(config, seconds)))
        progress.advance(number, kind)
    return courses


def try_all(
    courses: Sequence[tuple[str, Course]],
    old: Bundle,
    releases: Mapping[str, Bundle | None],
    test: SelfTests,
) -> Iterator[tuple[str, dict[str, list[Trial]]]]:
    """Each release on each machine: its name, and its trials by kind of machine."""
    progress = Progress("trying: release", len(releases))
    for number, (name, new) in enumerate(releases.items(), start=1):
        outcomes: dict[str, list[Trial]] = {}
        for kind, course in courses:
            outcomes.setdefault(kind, []).append(try_release(course, old, new, test))
        progress.advance(number, name)
        yield name, outcomes


def report_trials(
    kind: str, by_release: Mapping[str, Sequence[Trial]], seeds: tuple[int, ...], run: Run
) -> Report:
    """A row for each release."""
    rows = []
    for name, trials in by_release.items():
        metrics = {key: Metric((value,)) for key, value in figures(trials).items()}
        rows.append(Row(name, _role(name), metrics, is_main=name == "retrained"))
    return Report("ota", f"trial/{kind}", PROTOCOL, seeds, tuple(rows), run)


def figures(trials: Sequence[Trial]) -> dict[str, float | None]:
    """What became of a release on machines of one kind."""
    shares = {
        f"{name}_pct": 100 * sum(trial.result is result for trial in trials) / len(trials)
        for name, result in (
            ("confirmed", Result.CONFIRMED),
            ("refused", Result.REFUSED),
            ("rolled_back", Result.ROLLED_BACK),
            ("undecided", Result.NONE),
        )
    }
    leads = [trial.lead for trial in trials if trial.lead is not None]
    return {
        **shares,
        "windows": statistics.median(trial.windows for trial in trials),
        "missed": float(sum(lead <= 0 for lead in leads)) if leads else None,
        "lead_pct": 100 * statistics.fmean(leads) if leads else None,
        "false_per_machine": sum(trial.false_alarms for trial in trials) / len(trials),
    }


def _role(name: str) -> Role:
    return Role.BASELINE if name == "nothing released" else Role.OURS
