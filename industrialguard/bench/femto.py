"""PRONOSTIA bearings (IEEE PHM 2012), run to failure: is the end announced, and not in the first quarter of life?

Rule: leave one bearing out. Time is counted in bursts, because a clock of the recordings jumps. What is not in
the folder is not reported.
"""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

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
"""Of each axis, all of them positive and seen as logarithms; the skewness has no logarithm and is left out."""
LEAST_VALUE = 1e-6
WARMUP = WarmupSpec(baseline_windows=120, calibration_windows=60)
"""Twenty and ten minutes: real bearings run in for longer than the ten minutes of the profile `bearing-rig`."""
ALARM = AlarmSpec(k=6, n=8, clear_after=30)
FIT = FitConfig(epochs=20, patience=6)
"""A few hundred to two thousand contexts: more rounds learn them by heart."""
LEAST_BEARINGS = 5
"""Two are left out at a time, and training needs three."""

RULES = (
    "Leave one bearing out: networks, yardsticks and thresholds come from the first quarters of the other "
    "bearings' lives, level and location from the judged one's own first windows.",
    f"Same false-alarm rate: every contender has the lowest threshold at which none of the other bearings "
    f"alarms in its first quarter, times {THRESHOLD_MARGIN:.3f}; the error of ours and the distances, the RMS and "
    "the kurtosis themselves are multiplied by it. An alarm is 6 of the last 8 windows.",
    "Other bearings are scored by networks that know neither them nor the judged one. First alarm: share of the "
    "bearing's bursts; a bearing without one counts as 100 % in the median. Before the end: not in the last "
    "burst. First quarter judged: the part of it in which, after its own warm-up, a bearing could be accused.",
)


def bench_femto(folder: Path, seeds: Sequence[int]) -> list[Report]:
    """All contenders on the table of features, and on raw bursts where there are some.

    Raises:
        DataError: neither is there, or one is malformed or too small.
    """
    root = folder / "femto" if (folder / "femto").is_dir() else folder
    reports = [report_table(root / TABLE, seeds)] if (root / TABLE).is_file() else []
    if any(root.glob("raw_*.npz")):
        reports.append(report_raw(root, seeds))
    if not reports:
        raise NothingToJudgeError(f"{root}: neither {TABLE} nor raw_*.npz; see --dataset femto --data DIR")
    return reports


def report_table(path: Path, seeds: Sequence[int], fit: FitConfig = FIT) -> Report:
    """Ours and the baselines on a table of features.

    Raises:
        DataError: it is malformed, or has too few bearings.
    """
    started = datetime.now(UTC)
    bearings = read_table(path)
    rule = Rule(WARMUP, ALARM)
    progress = Progress("network", networks_needed(len(bearings)) * len(seeds))
    trained = iter(range(1, networks_needed(len(bearings)) * len(seeds) + 1))
    student = table_student(fit, on_trained=lambda: progress.advance(next(trained)))
    contenders: list[Contender] = [student, *table_baselines(rule)]
    rows = []
    for contender in contenders:
        runs = seeds if contender is student else seeds[:1]
        findings = [judge_bearings(contender, bearings, rule, seed) for seed in runs]
        rows.append(make_row(contender.name, contender.role, findings, contender is student))
    lives = ", ".join(f"{bearing.name} {len(bearing.rows)}" for bearing in bearings)
    protocol = (
        f"{len(bearings)} bearings run to failure, a burst every {PERIOD_S:.0f} s: {lives} bursts. Features of "
        f"the table: {len(FEATURES)} of each of 2 axes, as logarithms; level from the first "
        f"{WARMUP.baseline_windows} windows, location from the next {WARMUP.calibration_windows}.",
        *RULES,
    )
    return Report("anomaly", "femto/features", protocol, tuple(seeds), tuple(rows), Run.since(started))


def table_student(fit: FitConfig, on_trained: object = None) -> StudentContender:
    """The int8 student on the columns of the table."""
    raise NotImplementedError


def read_table(path: Path) -> list[Bearing]:
    """Read every bearing of a table of features.

    Raises:
        DataError: a column is missing, a cell is no number, or there are too few bearings.
    """
    columns = [f"{axis}_{feature}" for axis in AXES for feature in FEATURES]
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
