"""PRONOSTIA bearings (IEEE PHM 2012), run to failure: is the end announced, and not in the first quarter?

Rule: leave one bearing out. Lives are counted in bursts, because a clock of the recordings jumps. What is
not in the folder is not reported.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle, load_bundle
from contract.errors import DataError
from contract.features import feature_specs, to_model_space
from contract.profiles import AlarmSpec, WarmupSpec
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.femto_rows import (
    Bearing,
    Contender,
    Distance,
    FeatureAlone,
    Finding,
    Rule,
    judge_bearings,
    make_row,
)
from industrialguard.bench.femto_student import (
    PERIOD_S,
    StudentContender,
    networks_needed,
    table_profile,
    teach_nothing,
)
from industrialguard.bench.report import Report, Role, Run
from models.baselines import THRESHOLD_MARGIN
from models.config import FitConfig
from models.dataset import MachineVectors, read_vectors
from models.judge import Judge
from models.progress import Progress
from models.recordings import open_recordings

TABLE = "features_learning_set.csv.gz"
PROFILE = "bearing-rig"
AXES = ("h", "v")
FEATURES = ("rms", "peak", "p2p", "kurt", "crest", "centroid", "b0_1k", "b1_3k", "b3_6k", "b6_12k")
"""Of each axis, positive and seen as logarithms; the skewness has no logarithm and is left out."""
TABLE_AXES = tuple(axis for axis in range(len(AXES)) for _ in FEATURES)
"""Number of the axis that each column is of."""
LEAST_VALUE = 1e-6
WARMUP = WarmupSpec(baseline_windows=120, calibration_windows=60)
"""Twenty and ten minutes: real bearings run in for longer than the ten of the profile `bearing-rig`."""
ALARM = AlarmSpec(k=6, n=8, clear_after=30)
FIT = FitConfig(epochs=10, patience=4)
"""A few hundred to two thousand contexts, and 21 networks a seed: short rounds."""
LEAST_BEARINGS = 5
"""Two are left out at a time, and training needs three."""

RULES = (
    "Leave one bearing out: networks, yardsticks and thresholds come from the first quarters of the other "
    "bearings' lives, level and location from the judged one's own first windows.",
    "Same false-alarm rate: every contender has the lowest threshold at which none of the other bearings "
    "alarms in its first quarter.",
    "Other bearings are scored by networks that know neither them nor the judged one. First alarm: share of "
    "the bearing's bursts; a bearing without one counts as 100 % in the median. Before the end: not in the "
    "last burst. First quarter judged: the part in which, after its own warm-up, a bearing could be accused.",
)


def bench_femto(folder: Path, seeds: Sequence[int]) -> list[Report]:
    """All contenders on the table of features, and on raw bursts where there are some.

    Raises:
        DataError: neither is there, or one is malformed or too small.
    """
    root = folder / "femto" if (folder / "femto").is_dir() else folder
    reports = report_table(root / TABLE, seeds) if (root / TABLE).is_file() else []
    if any(root.glob("raw_*.npz")):
        reports.append(report_raw(root, seeds))
    if not reports:
        raise NothingToJudgeError(f"{root}: neither {TABLE} nor raw_*.npz; see --dataset femto --data DIR")
    return reports


def report_table(path: Path, seeds: Sequence[int], fit: FitConfig = FIT) -> list[Report]:
    """Ours and the baselines on a table of features: at the threshold itself, and with a margin on it.

    Raises:
        DataError: it is malformed, or has too few bearings.
    """
    started = datetime.now(UTC)
    bearings = read_table(path)
    student = _make_student(fit, seeds, len(bearings))
    return [
        _judge_table(bearings, student, Rule(WARMUP, ALARM, margin), seeds, started)
        for margin in (1.0, THRESHOLD_MARGIN)
    ]


def _judge_table(
    bearings: Sequence[Bearing],
    student: StudentContender,
    rule: Rule,
    seeds: Sequence[int],
    started: datetime,
) -> Report:
    contenders: list[Contender] = [student, *table_baselines(rule)]
    rows = []
    for contender in contenders:
        runs = seeds if contender is student else seeds[:1]
        findings = [judge_bearings(contender, bearings, rule, seed) for seed in runs]
        rows.append(make_row(contender.name, contender.role, findings, contender is student))
    lives = ", ".join(f"{bearing.name} {len(bearing.rows)}" for bearing in bearings)
    protocol = (
        f"{len(bearings)} bearings run to failure, a burst every {PERIOD_S:.0f} s: {lives} bursts. Features "
        f"of the table: {len(FEATURES)} of each of 2 axes, as logarithms; level from the first "
        f"{WARMUP.baseline_windows} windows, location from the next {WARMUP.calibration_windows}.",
        f"An alarm is {rule.alarm.k} of the last {rule.alarm.n} windows above {rule.margin:.3f} times the "
        "threshold (of the error, the distance, the RMS or the kurtosis).",
        *RULES,
    )
    dataset = "femto/features" if rule.margin == 1.0 else "femto/features-with-margin"
    return Report("anomaly", dataset, protocol, tuple(seeds), tuple(rows), Run.since(started))


def _make_student(fit: FitConfig, seeds: Sequence[int], bearings: int) -> StudentContender:
    """The int8 student; says on stderr how far its trainings are."""
    total = networks_needed(bearings) * len(seeds)
    progress = Progress("network", total)
    numbers = iter(range(1, total + 1))
    profile = table_profile(table_columns(), WARMUP, ALARM)
    return StudentContender(
        "student int8, not distilled",
        profile,
        TABLE_AXES,
        fit=fit,
        on_trained=lambda: progress.advance(next(numbers, total)),
    )


def table_baselines(rule: Rule) -> tuple[Contender, ...]:
    """What the student is held against on the table."""
    columns = table_columns()
    profile = table_profile(columns, rule.warmup, rule.alarm)
    without = StudentContender(
        "squared deviations, no network", profile, TABLE_AXES, teach_nothing, role=Role.BASELINE
    )
    return (
        without,
        FeatureAlone("RMS alone", tuple(columns.index(f"{axis}_rms") for axis in AXES), rule),
        FeatureAlone("kurtosis alone", tuple(columns.index(f"{axis}_kurt") for axis in AXES), rule),
        Distance("Mahalanobis", rule),
    )


def table_columns() -> list[str]:
    """The columns of the table that are features."""
    return [f"{axis}_{feature}" for axis in AXES for feature in FEATURES]


def read_table(path: Path) -> list[Bearing]:
    """Read every bearing of a table of features.

    Raises:
        DataError: a column is missing, a cell is no number, or there are too few bearings.
    """
    columns = table_columns()
    found: dict[str, list[list[float]]] = {}
    try:
        with gzip.open(path, "rt", encoding="utf-8", newline="") as lines:
            for row in csv.DictReader(lines):
                found.setdefault(row["bearing"], []).append([float(row[column]) for column in columns])
    except (OSError, EOFError, zlib.error, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: needs a column bearing and numbers in {columns[0]} …: {error}") from error
    bearings = [_bearing(name, np.array(rows)) for name, rows in found.items()]
    least = WARMUP.baseline_windows
    short = [bearing.name for bearing in bearings if bearing.early < least]
    if len(bearings) < LEAST_BEARINGS or short:
        raise NothingToJudgeError(
            f"{path}: {len(bearings)} bearings, too short {short}; needs {LEAST_BEARINGS} or more with "
            f"{least} bursts in the first quarter of life"
        )
    return bearings


def _bearing(name: str, values: npt.NDArray[np.float64]) -> Bearing:
    if not np.isfinite(values).all():
        raise DataError(f"bearing {name}: a feature is no finite number")
    times_s = PERIOD_S * np.arange(len(values))
    return Bearing(name, times_s, np.log10(np.maximum(values, LEAST_VALUE)))


RAW_RULES = (
    "The device's own features of the raw bursts. The agent has the shipped bundle, which learned from "
    "simulated rigs alone and never saw a real bearing; its alarm is its own rule, nothing is set by others.",
    "Baselines: level and location from each bearing's first windows (as many as the profile's warm-up), the "
    "lowest threshold without an alarm in the first quarters of the other bearings.",
    "First alarm: share of the bearing's bursts; a bearing without one counts as 100 % in the median. Before "
    "the end: not in the last burst.",
)


def report_raw(folder: Path, seeds: Sequence[int]) -> Report:
    """The shipped agent and the baselines on raw bursts.

    Raises:
        DataError: a recording is malformed.
    """
    started = datetime.now(UTC)
    bundle = load_bundle(PROFILE)
    machines = _read_raw(folder, bundle)
    rule = Rule(bundle.profile.warmup, bundle.profile.alarm)
    bearings = [raw_bearing(machine, bundle) for machine in machines]
    agent = [judge_raw(machine, bearing, bundle) for machine, bearing in zip(machines, bearings, strict=True)]
    rows = [make_row("the agent's own decisions, shipped bundle", Role.OURS, [agent], is_main=True)]
    for contender in raw_baselines(bundle, rule):
        rows.append(
            make_row(contender.name, contender.role, [judge_bearings(contender, bearings, rule, seeds[0])])
        )
    lives = ", ".join(f"{bearing.name} {len(bearing.rows)}" for bearing in bearings)
    protocol = (f"{len(bearings)} bearings run to failure: {lives} windows.", *RAW_RULES)
    return Report("anomaly", "femto/raw", protocol, tuple(seeds), tuple(rows), Run.since(started))


def raw_baselines(bundle: Bundle, rule: Rule) -> tuple[Contender, ...]:
    """What the agent is held against on the device's features."""
    names = [spec.name for spec in feature_specs(bundle.profile)]
    waveforms = [spec.name for spec in bundle.profile.waveforms]
    return (
        FeatureAlone("RMS alone", tuple(names.index(f"{sensor}_rms") for sensor in waveforms), rule),
        FeatureAlone(
            "kurtosis alone", tuple(names.index(f"{sensor}_kurtosis") for sensor in waveforms), rule
        ),
        Distance("Mahalanobis", rule),
    )


def judge_raw(machine: MachineVectors, bearing: Bearing, bundle: Bundle) -> Finding:
    """The agent's first alarm on one bearing."""
    judgement = Judge(bundle).judge(machine)
    stamps_s = bearing.times_s + machine.vectors[0].event_time_s
    raised = [int(np.searchsorted(stamps_s, raised_s)) for raised_s, _ in judgement.alarms]
    scored = np.searchsorted(stamps_s, judgement.event_times_s)
    warmup = int(scored[0]) if len(scored) else len(stamps_s)
    return Finding(bearing, raised[0] if raised else None, warmup)


def raw_bearing(machine: MachineVectors, bundle: Bundle) -> Bearing:
    """The device's features of a bearing, as a model sees them; without windows that lack a burst."""
    known = [vector for vector in machine.vectors if vector.valid.all()]
    values = np.array([vector.values for vector in known], np.float32)
    rows = to_model_space(values, feature_specs(bundle.profile)).astype(np.float64)
    stamps_s = np.array([vector.event_time_s for vector in known])
    return Bearing(machine.machine_id, stamps_s - machine.vectors[0].event_time_s, rows)


def _read_raw(folder: Path, bundle: Bundle) -> list[MachineVectors]:
    recordings = open_recordings(f"femto:{folder}")
    progress = Progress("reading: bearing", len(recordings))
    machines = []
    for number, recording in enumerate(recordings, start=1):
        machines.append(read_vectors(recording, bundle.profile))
        progress.advance(number, recording.machine_id)
    return machines
