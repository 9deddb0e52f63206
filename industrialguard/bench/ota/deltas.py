"""`bench ota --modes delta`: what devices fetch from one real model to the next.

Rule: models are trained, adapted and calibrated by the code that ships, from one snapshot to the next, and
all of them answer the same questions about machines that none of them knows. A delta is what publishing
makes of two files.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from contract.bundle import Bundle, format_bundle, write_bundle
from contract.profiles import load_profile
from industrialguard.bench.ota.plan import Plan, Trainings
from industrialguard.bench.report import Metric, Report, Role, Row, Run
from models.config import FitConfig
from models.dataset import MachineVectors, cut_contexts
from models.export import data_digest
from models.fault_trial import Trial, try_bundle
from models.flatbuffer import read_convolutions
from models.judge import Judge
from models.recordings import open_recordings
from models.trainer import (
    TrainingData,
    adapt_bundle,
    assemble,
    baseline_factory,
    build_bundle,
    prepare_machines,
    read_machines,
    with_wander,
)
from ota.delta import apply_delta, make_delta
from simulators.__main__ import main as simulate

PROFILE = "pump"
LAST_LAYER = "reconstructed"
BEFORE, CALIBRATED = "the bundle before", "calibrated anew, the same network"
LAST, ALL, SCRATCH = "last layer adapted", "adapted (train edge --start-from)", "trained from scratch"
FIRST_SEED = 4000
"""Of machines; shipped bundles learned from others."""
PROTOCOL = (
    "bundle_bytes: the whole file. delta_bytes: from the bundle before, as `ota publish` makes it (bsdiff4), "
    "applied and compared; delta_pct: of the whole file. packed_bytes: the whole file under zlib, to see: "
    "parts of a bundle lie in it uncompressed, and devices fetch it as it is. model_delta_bytes: of the "
    "network's file alone. unchanged_pct: weights whose byte stayed. train_s: from vectors to the bundle.",
    "Of machines that no bundle learned from: test_error, the network's mean squared error, asked as in "
    "training (noisy, wandering, astray); auc_roc, events_found_pct and false_episodes_per_h as the "
    "Evaluator takes them, a fault put into the second half of each recording.",
)

Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Machines of one seed."""

    before: TrainingData
    after: TrainingData
    """The same machines, and as many new ones."""
    test: tuple[MachineVectors, ...]
    config: FitConfig


def measure(plan: Plan, folder: Path) -> Iterator[Report]:
    """One report: every way to the next model, beside training from scratch."""
    started = datetime.now(UTC)
    seeds, found = tuple(range(1, plan.seeds + 1)), dict[str, list[Figures]]()
    for seed in seeds:
        home = folder / str(seed)
        home.mkdir()
        for name, figures in compare(take_snapshots(seed, plan.trainings, home), home):
            found.setdefault(name, []).append(figures)
    rows = tuple(Row(name, _role(name), _metrics(runs), is_main=name == ALL) for name, runs in found.items())
    size = plan.trainings
    sentence = (
        f"Simulated pumps of {size.seconds} s: a bundle trained from scratch on {size.machines}, and the "
        f"next one on these and {size.machines} new ones; {size.test_machines} others to ask about."
    )
    yield Report("ota", "ota/delta/pump", (sentence, *PROTOCOL), seeds, rows, Run.since(started))


def take_snapshots(seed: int, size: Trainings, folder: Path) -> Snapshots:
    """Record machines and prepare them as `train edge` does."""
    profile, count = load_profile(PROFILE), 2 * size.machines + size.test_machines
    words = {"--machines": count, "--seconds": size.seconds, "--seed": FIRST_SEED + seed, "--out": folder}
    line = [str(word) for pair in words.items() for word in pair]
    simulate(["record", "--profile", PROFILE, "--healthy", *line])
    machines = read_machines(open_recordings(f"npz:{folder}"), profile, 1.0)
    known = 2 * size.machines
    before, after = (prepare_machines(machines[:n], profile, seed) for n in (size.machines, known))
    config = FitConfig(seed=seed, epochs=size.epochs, threads=2)
    return Snapshots(before, after, tuple(machines[known:]), config)


def compare(snapshots: Snapshots, folder: Path) -> Iterator[tuple[str, Figures]]:
    """Train the first bundle, then take every way to the next; name and figures of each."""
    path, after, config = folder / "before.igb", snapshots.after, snapshots.config
    started_s = time.perf_counter()
    before = build_bundle(snapshots.before, config, describe(snapshots.before, config))
    write_bundle(path, before)
    yield BEFORE, judge(before, snapshots) | {"train_s": time.perf_counter() - started_s}
    begun, lineage = replace(config, start_from=str(path)), describe(after, config)
    ways: dict[str, Callable[[], Bundle]] = {
        CALIBRATED: lambda: assemble(after, before.model, config.seed, {}, lineage, before.golden_input),
        LAST: lambda: adapt_bundle(after, begun, lineage, (LAST_LAYER,)),
        ALL: lambda: build_bundle(after, begun, lineage),
        SCRATCH: lambda: build_bundle(after, config, lineage),
    }
    for name, make in ways.items():
        started_s = time.perf_counter()
        bundle = make()
        took: Figures = {"train_s": time.perf_counter() - started_s}
        yield name, weigh(before, bundle) | judge(bundle, snapshots) | took


def weigh(before: Bundle, bundle: Bundle) -> Figures:
    """What devices fetch."""
    old, new = format_bundle(before), format_bundle(bundle)
    delta = make_delta(old, new)
    if apply_delta(old, delta, len(new)) != new:
        raise AssertionError("a delta gives another file than it was made of")
    pairs = zip(read_convolutions(before.model), read_convolutions(bundle.model), strict=True)
    stayed = np.concatenate([(first.kernel == second.kernel).ravel() for first, second in pairs])
    return {
        "bundle_bytes": len(new),
        "delta_bytes": len(delta),
        "delta_pct": 100 * len(delta) / len(new),
        "packed_bytes": len(zlib.compress(new, 9)),
        "model_delta_bytes": len(make_delta(before.model, bundle.model)),
        "unchanged_pct": 100 * float(stayed.mean()),
    }


def judge(bundle: Bundle, snapshots: Snapshots) -> Figures:
    """What it is worth on machines that it does not know."""
    device = Judge(bundle)
    tried = [trial for machine in snapshots.test if (trial := try_bundle(device, machine)) is not None]
    return {"test_error": ask_network(bundle, snapshots), **sum_up(tried)}


def ask_network(bundle: Bundle, snapshots: Snapshots) -> float:
    """The same exam for every network: that of training, on the test machines."""
    from models.adapt import Reopened
    from models.fit import exam_error, start

    data, config = snapshots.after, with_wander(snapshots.after, snapshots.config)
    make_baseline = baseline_factory(data.profile, data.wander)
    asked = [cut_contexts(m, data.profile, make_baseline, from_start=True) for m in snapshots.test]
    start(config)
    _, _, context, features = bundle.golden_input.shape
    network = Reopened.of(bundle.model, context, features).aware
    return exam_error(network, data.learning, asked, config)


def sum_up(tried: Sequence[Trial]) -> Figures:
    """Over machines, as the Evaluator does."""
    hours = sum(trial.hours for trial in tried)
    return {
        "auc_roc": float(np.mean([trial.auc for trial in tried])) if tried else None,
        "events_found_pct": 100 * sum(trial.is_found for trial in tried) / len(tried) if tried else None,
        "false_episodes_per_h": sum(trial.episodes for trial in tried) / hours if hours else None,
    }


def describe(data: TrainingData, config: FitConfig) -> dict[str, Any]:
    """Where a bundle comes from, as long as `train edge` writes it."""
    return {
        "code_version": "bench",
        "validated_on": "other machines",
        "data_sha256": data_digest(data.machines),
        "machines": sorted(machine.machine_id for machine in data.machines),
        "windows": sum(len(machine.vectors) for machine in data.machines),
        "seed": config.seed,
    }


def _role(name: str) -> Role:
    return Role.BASELINE if name in (BEFORE, SCRATCH) else Role.OURS


def _metrics(runs: Sequence[Figures]) -> dict[str, Metric]:
    return {name: Metric(tuple(run[name] for run in runs)) for name in runs[0]}
