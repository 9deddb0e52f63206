"""Skoltech Anomaly Benchmark, or any folder of tables in its format: with and without the flow sensor.

Rule: the public split (the first 400 rows of a file may be learned from) under this project's causal rules;
no file is left out in silence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from contract.bundle import load_bundle
from contract.profiles import load_profile
from industrialguard.bench.agent_rows import AgentContender
from industrialguard.bench.baseline_rows import baselines, sensor_alone
from industrialguard.bench.creep_rows import (
    WHO_FOLLOWS,
    following_baselines,
    following_sensor,
    not_followed,
)
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.hardest import draw_hardest
from industrialguard.bench.no_network import NO_NETWORK
from industrialguard.bench.report import Report, Role, Run
from industrialguard.bench.row_protocol import RULES, Detector, LabelledTable, Table, run_detectors
from industrialguard.bench.trained_rows import TrainedAgent, TrainedFleet, VariantContender
from models.dataset import MIN_MACHINES
from models.recordings.folders import find_files
from models.recordings.skab import SENSOR_OF_COLUMN, read_table
from models.variants import AFTERWARDS, ALONE, PRUNED, SHIPS, STUDENT, TEACHER

TRAIN_ROWS = 400
PROFILE = "pump-loop"
SHOWN = (SHIPS, STUDENT, TEACHER, AFTERWARDS, PRUNED, ALONE)
SHOWN_IN_SHORT = (SHIPS, STUDENT, TEACHER)
LABEL = "anomaly"
FLOW = "flow"
SHIPPED_AGENT = "the agent's own decisions, shipped bundle"
FLOW_ROWS = (30, 60)
"""Smoothing of the flow sensor alone: a usual one, and the best of those that were tried."""


@dataclass(frozen=True, slots=True)
class SkabTables:
    """What a folder holds."""

    labelled: tuple[LabelledTable, ...]
    healthy: tuple[Table, ...]
    """Tables without labels: healthy throughout."""
    left_out: tuple[str, ...]
    """Sentences: which files cannot be judged, and why."""


def bench_skab(folder: Path, seeds: Sequence[int], plot: Path | None = None) -> list[Report]:
    """All contenders on a folder, with all sensors and without flow.

    Args:
        folder: Tables in SKAB's format, also in folders below it.
        seeds: For the contenders that are seeded.
        plot: Where to draw the table that the main contender did worst on.

    Raises:
        DataError: no tables, a malformed one, or none that can be judged.
        ConfigError: the picture cannot be written.
    """
    tables = read_tables(folder)
    can_train = len(tables.labelled) >= MIN_MACHINES
    everyone = skab_contenders() if can_train else contenders_of_few()
    reports = [run_skab(folder, everyone, seeds)]
    if plot is not None:
        (main,) = [contender for contender in everyone if contender.is_main]
        draw_hardest(plot, main, tables.labelled)
    return [*reports, run_skab(folder, skab_contenders((FLOW,)), seeds, (FLOW,))] if can_train else reports


def contenders_of_few() -> tuple[Detector, ...]:
    """Where there are too few tables to train a network: the shipped bundle is the main one."""
    shipped = AgentContender(SHIPPED_AGENT, load_bundle(PROFILE), is_main=True)
    return (shipped, *baselines(), *following_baselines(), *_flow_alone())


def skab_contenders(drop: Sequence[str] = ()) -> tuple[Detector, ...]:
    """Ours first, then the baselines; what needs a sensor that is dropped is left out."""
    alone = () if FLOW in drop else _flow_alone()
    return (*our_contenders(drop), *baselines(), *following_baselines(), *alone)


def _flow_alone() -> tuple[Detector, ...]:
    return (*(sensor_alone(FLOW, rows) for rows in FLOW_ROWS), following_sensor(FLOW))


def our_contenders(drop: Sequence[str] = ()) -> tuple[Detector, ...]:
    """What ships, what it was made from, and the agent; exactly one is the main one."""
    profile = load_profile(PROFILE)
    kept = tuple(spec for spec in profile.sensors if spec.name not in drop)
    names = SHOWN_IN_SHORT if drop else SHOWN
    fleet = TrainedFleet(replace(profile, sensors=kept), names)
    return (
        *(VariantContender(name, fleet) for name in (*names, not_followed(SHIPS))),
        *(
            VariantContender(name, fleet, Role.BASELINE, is_seeded=False)
            for name in (NO_NETWORK, not_followed(NO_NETWORK))
        ),
        TrainedAgent("the agent's own decisions, trained here", fleet),
        *(() if drop else (AgentContender(SHIPPED_AGENT, load_bundle(PROFILE)),)),
    )


def run_skab(
    folder: Path, detectors: Sequence[Detector], seeds: Sequence[int], drop: Sequence[str] = ()
) -> Report:
    """Judge detectors on every table of a folder.

    Args:
        folder: Tables in SKAB's format, also in folders below it.
        detectors: Exactly one is the main one.
        seeds: For the detectors that are seeded.
        drop: Sensors to leave out, by the names of the profile `pump-loop`.

    Raises:
        DataError: no tables, a malformed one, or none that can be judged.
        NotCausalError: a detector looks ahead.
    """
    started = datetime.now(UTC)
    tables = read_tables(folder, drop)
    rows = run_detectors(tables.labelled, (), detectors, seeds)
    dataset = "skab" + "".join(f"/without-{sensor}" for sensor in drop)
    return Report("anomaly", dataset, _protocol(tables, drop), tuple(seeds), rows, Run.since(started))


def read_tables(folder: Path, drop: Sequence[str] = ()) -> SkabTables:
    """Read every table of a folder.

    Raises:
        DataError: no tables, a malformed one, or none that can be judged.
    """
    root = folder / "skab" if (folder / "skab").is_dir() else folder
    labelled: list[LabelledTable] = []
    healthy: list[Table] = []
    left_out: list[str] = []
    for path in find_files(root, ("*.csv",), "--dataset skab --data DIR"):
        stamps_s, columns = read_table(path)
        values = np.stack([columns[column] for column in SENSOR_OF_COLUMN], axis=1)
        sensors = tuple(SENSOR_OF_COLUMN.values())
        name = str(path.relative_to(root)) if path != root else path.name
        table = Table(name, sensors, stamps_s, values, min(TRAIN_ROWS, len(stamps_s))).without(drop)
        if len(stamps_s) <= TRAIN_ROWS:
            left_out.append(f"Left out: {name} has {len(stamps_s)} rows, needs more than {TRAIN_ROWS}.")
        elif LABEL in columns:
            labelled.append(LabelledTable(table, columns[LABEL] > 0))
        else:
            healthy.append(table)
    if not labelled:
        raise NothingToJudgeError(
            f"{root}: no table with the column {LABEL!r} and more than {TRAIN_ROWS} rows; detectors need one"
        )
    return SkabTables(tuple(labelled), tuple(healthy), tuple(left_out))


def _protocol(tables: SkabTables, drop: Sequence[str]) -> tuple[str, ...]:
    test = [file.labels[TRAIN_ROWS:] for file in tables.labelled]
    n_test = sum(map(len, test))
    without = f", without the sensor {', '.join(drop)}" if drop else ""
    share = sum(part.sum() for part in test) / n_test
    learned = (
        "Ours learn from the training rows of all files and share one network; each file is standardised by "
        "its own training rows."
    )
    few = (
        f"Fewer than {MIN_MACHINES} files: no network can be trained on them, so the shipped bundle stands "
        "for ours, and nothing is said without flow."
    )
    return (
        f"{len(tables.labelled)} files{without}; the first {TRAIN_ROWS} rows of each are training, the other "
        f"{n_test} are judged, {share:.1%} of them anomalous.",
        f"{len(tables.healthy)} more files without labels are left aside, as in the published protocol.",
        *tables.left_out,
        learned if len(tables.labelled) >= MIN_MACHINES else few,
        "The agent has its own rule: warm-up, score, k of n, frozen while alarming.",
        *WHO_FOLLOWS,
        *RULES,
    )
