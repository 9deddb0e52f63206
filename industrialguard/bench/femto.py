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

from contract.bundle import load_bundle
from contract.errors import DataError
from contract.profiles import AlarmSpec, WarmupSpec
from industrialguard.bench.creep_rows import NOBODY_FOLLOWS
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.femto_baselines import Distance, FeatureAlone, Forest
from industrialguard.bench.femto_course import Bearing, OwnWarmup, ShareOfLife, Warmup
from industrialguard.bench.femto_raw import report_raw
from industrialguard.bench.femto_rows import always_row, contender_row
from industrialguard.bench.femto_rule import Contender, Rule
from industrialguard.bench.femto_student import (
    PERIOD_S,
    TAUGHT,
    BearingFleet,
    NetworkContender,
    table_profile,
    trainings_needed,
)
from industrialguard.bench.no_network import NO_NETWORK
from industrialguard.bench.report import Report, Role, Run
from models.config import FitConfig
from models.progress import Progress
from models.variants import SHIPS

TABLE = "features_learning_set.csv.gz"
PROFILE = "bearing-rig"
AXES = ("h", "v")
LEVELS = ("rms", "peak", "crest", "kurt")
SHARES = ("b0_1k", "b1_3k", "b3_6k", "b6_12k")
"""Of the energy, by band. A device computes the RMS of a band, and that is RMS x sqrt(share)."""
FEATURES = (*LEVELS, *SHARES)
"""Of each axis: those of the table that a device computes too. All are positive and seen as logarithms."""
TABLE_AXES = tuple(axis for axis in range(len(AXES)) for _ in FEATURES)
"""Number of the axis that each column is of."""
LEAST_VALUE = 1e-6
OWN = OwnWarmup(level_windows=120, location_windows=60)
"""Twenty and ten minutes: real bearings run in for longer than the ten of the profile `bearing-rig`."""
HINDSIGHT = ShareOfLife(skipped=0.05, level_to=0.125, judged_from=0.15)
"""Published evaluations learn from 5 % of life on; two fifths of the first quarter are left to be judged."""
RUNS = (AlarmSpec(k=6, n=8), AlarmSpec(k=12, n=16))
"""The run of the shipped profile, and twice that. Longer ones do not fit into the judged part of every first
quarter (19 windows of Bearing2_2): they could not raise a false alarm there, and would be chosen for that."""
FALSE_ALARM_SHARES = (1 / 20, 1 / 6)
"""The second is what the highest of five others would give without a margin."""
FIT = FitConfig(epochs=12, patience=4, tuning_epochs=6)
"""A few hundred to two thousand contexts, and 15 trainings a seed: short rounds."""
LEAST_BEARINGS = 5
"""Two are left out at a time, and training needs three."""

RULES = (
    "Leave one bearing out: networks and yardsticks come from the first quarters of the others' lives, "
    "limits from the judged part of these, level and location from the judged bearing's own windows.",
    "Other bearings are scored by networks that know neither them nor the judged one, the judged one by "
    "networks that do not know the next by name either: all have learned from as many. Taught with the "
    f"first {OWN.level_windows} windows as level, whatever the yardstick.",
    NOBODY_FOLLOWS,
    "How long an alarm lasts is chosen among "
    + ", ".join(f"{run.k} of {run.n}" for run in RUNS)
    + " windows for each judged bearing and contender, on the others alone: fewest false alarms, then fewest "
    "missed, then the earliest median when each of them is judged by the rest.",
    "First alarm: share of the bearing's bursts; a bearing without one counts as 100 % in the median. Before "
    "the end: not in the last burst. A bearing's own figure is over the seeds that found it. First "
    "quarter judged: the part in which a bearing could be accused.",
    f"If quiet young: no decision, but a comparison at the same measured rate, none: {RUNS[0].k} of "
    f"{RUNS[0].n} windows above the lowest limit for all bearings at which none alarms in its first quarter.",
)


def bench_femto(folder: Path, seeds: Sequence[int]) -> list[Report]:
    """All contenders on the table of features, and on raw bursts where there are some.

    Raises:
        DataError: neither is there, or one is malformed or too small.
    """
    root = folder / "femto" if (folder / "femto").is_dir() else folder
    # The bursts first: they are read in a minute, and what is wrong with them should not cost an hour.
    has_raw = any(root.glob("raw_*.npz"))
    raw = [report_raw(root, load_bundle(PROFILE), seeds)] if has_raw else []
    table = report_table(root / TABLE, seeds) if (root / TABLE).is_file() else []
    if not (table or raw):
        raise NothingToJudgeError(f"{root}: neither {TABLE} nor raw_*.npz; see --dataset femto --data DIR")
    return [*table, *raw]


def report_table(path: Path, seeds: Sequence[int], fit: FitConfig = FIT) -> list[Report]:
    """Ours and the baselines on a table of features: by two yardsticks, each at two rates of false alarms.

    Raises:
        DataError: it is malformed, or has too few bearings.
    """
    bearings = read_table(path)
    fleet = make_fleet(fit, seeds, len(bearings))
    reports = []
    for warmup in (OWN, HINDSIGHT):
        contenders = table_contenders(fleet, warmup)
        for share in FALSE_ALARM_SHARES:
            reports.append(_judge_table(bearings, contenders, Rule(warmup, RUNS, share), seeds))
    return reports


def _judge_table(
    bearings: Sequence[Bearing], contenders: Sequence[Contender], rule: Rule, seeds: Sequence[int]
) -> Report:
    started = datetime.now(UTC)
    rows = [contender_row(one, bearings, rule, seeds, one.name == SHIPS) for one in contenders]
    rows.append(always_row(bearings, rule.warmup))
    courses = [(bearing.early, rule.warmup.course(bearing).judged_from) for bearing in bearings]
    judged_h = sum(max(early - first, 0) for early, first in courses) * PERIOD_S / 3600.0
    lives = ", ".join(f"{bearing.name} {len(bearing.rows)}" for bearing in bearings)
    protocol = (
        f"{len(bearings)} bearings run to failure, a burst every {PERIOD_S:.0f} s: {lives} bursts. Features "
        f"of the table: {len(FEATURES)} of each of 2 axes, as logarithms; a band's share of the energy as "
        "its RMS, as on a device.",
        rule.warmup.sentence,
        f"Same false-alarm rate: every contender's limit is what the most healthy growth of one more bearing "
        f"exceeds with a probability of {rule.false_alarm_share:.3f}, if that of the others is normally "
        f"distributed. Measured on {judged_h:.1f} h of first quarters: one alarm more or less decides.",
        *RULES,
    )
    dataset = f"femto/{rule.warmup.name}/one-in-{round(1 / rule.false_alarm_share)}"
    return Report("anomaly", dataset, protocol, tuple(seeds), tuple(rows), Run.since(started))


def make_fleet(fit: FitConfig, seeds: Sequence[int], bearings: int) -> BearingFleet:
    """The networks of all contenders; says on stderr how far their trainings are."""
    total = trainings_needed(bearings) * len(seeds)
    progress = Progress("training", total)
    numbers = iter(range(1, total + 1))
    warmup = WarmupSpec(OWN.level_windows, OWN.location_windows)
    profile = table_profile(table_columns(), warmup, RUNS[0])
    return BearingFleet(
        profile, TABLE_AXES, fit=fit, on_trained=lambda: progress.advance(next(numbers, total))
    )


def table_contenders(fleet: BearingFleet, warmup: Warmup) -> tuple[Contender, ...]:
    """Ours and what they are held against on the table."""
    return (
        *(NetworkContender(name, fleet, warmup) for name in TAUGHT),
        NetworkContender(NO_NETWORK, fleet, warmup, Role.BASELINE, is_seeded=False),
        *table_baselines(warmup),
    )


def table_baselines(warmup: Warmup) -> tuple[Contender, ...]:
    """What looks at the judged bearing alone."""
    columns = table_columns()
    return (
        FeatureAlone("RMS alone", tuple(columns.index(f"{axis}_rms") for axis in AXES), warmup),
        FeatureAlone("kurtosis alone", tuple(columns.index(f"{axis}_kurt") for axis in AXES), warmup),
        Distance("Mahalanobis", warmup),
        Forest("isolation forest", warmup),
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
    least = OWN.level_windows
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
    return Bearing.whole(name, times_s, to_band_levels(np.log10(np.maximum(values, LEAST_VALUE))))


def to_band_levels(rows: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Logarithms of the table's columns float64 (n, F): shares of the energy become RMS of their band."""
    by_axis = rows.reshape(len(rows), len(AXES), len(FEATURES)).copy()
    first = len(LEVELS)
    by_axis[..., first:] = by_axis[..., first:] / 2 + by_axis[..., :1]  # RMS is the first column of an axis
    return by_axis.reshape(rows.shape)
