"""Case Western bearings: the same bearing rig, first healthy, then with one of many faults.

Rule: everything at 12 kHz, so that the sample rate does not tell the states apart. The data set is saturated:
it shows that the road from samples to alarms works, and nothing about who is better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from contract.bundle import Bundle, load_bundle
from contract.extract import FeatureExtractor
from contract.features import FeatureVector, feature_specs, to_model_space
from contract.profiles import MachineProfile, load_profile
from contract.signals import QualityFlag, Reading, Samples
from industrialguard.bench.agent_rows import AgentContender
from industrialguard.bench.baseline_rows import baselines
from industrialguard.bench.device import DeviceDecisions
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Report, Run
from industrialguard.bench.row_protocol import RULES, LabelledTable, Table, run_detectors
from models.recordings.arrays import load_array
from models.recordings.cwru import (
    BURST_SAMPLES,
    NORMAL_DECIMATION,
    PERIOD_S,
    PROFILE,
    RATE_HZ,
    SENSOR,
    decimate,
)
from models.recordings.folders import find_files

NORMAL_STEP = 512
"""Samples between two bursts of the normal state; they overlap, because it lasts for five seconds only."""
FAULT_STEP = round(PERIOD_S * RATE_HZ)
SPARED = BURST_SAMPLES // NORMAL_STEP
"""Normal bursts between training and test that are left out, because they share samples with both."""

PROTOCOL = (
    "Saturated: any method separates these states. It checks the road from samples to alarms; no headline.",
    "Drive end at 12 kHz; the normal state was recorded at 48 kHz and is decimated by 4. One table for each "
    "fault: the first half of the normal bursts is training, the second half and then the fault are judged.",
    f"A row is a burst of {BURST_SAMPLES} samples. Normal ones start every {NORMAL_STEP} and overlap; "
    "no sample is in both training and test. Rows are 0.2 s apart; figures per hour mean little.",
)


def bench_cwru(folder: Path, seeds: Sequence[int]) -> list[Report]:
    """All contenders on a folder of CWRU files.

    Raises:
        DataError: no files, a malformed one, or no normal state or no fault among them.
    """
    started = datetime.now(UTC)
    tables = read_tables(folder)
    agent = AgentContender("the agent's own decisions", load_bundle(PROFILE), decide_features, is_main=True)
    rows = run_detectors(tables, (), (agent, *baselines(smoothing=False)), seeds)
    counted = f"{len(tables)} faults, {tables[0].table.train_rows} training rows each."
    return [Report("anomaly", "cwru", (counted, *PROTOCOL, *RULES), tuple(seeds), rows, Run.since(started))]


def read_tables(folder: Path) -> list[LabelledTable]:
    """One table for each fault: the features of the normal state, then those of the fault.

    Raises:
        DataError: no files, a malformed one, or no normal state or no fault among them.
    """
    root = folder / "cwru" if (folder / "cwru").is_dir() else folder
    paths = find_files(root, ("*.npz",), "--dataset cwru --data DIR")
    normal = [path for path in paths if path.stem.lower().startswith("normal")]
    faults = [path for path in paths if path not in normal]
    if not normal or not faults:
        raise NothingToJudgeError(f"{root}: needs Normal_*.npz and fault files; it has {len(paths)} files")
    profile = load_profile(PROFILE)
    healthy = compute_rows(decimate(_load(normal[0]), NORMAL_DECIMATION), NORMAL_STEP, profile)
    train_rows = len(healthy) // 2
    healthy = np.delete(healthy, slice(train_rows, train_rows + SPARED), axis=0)
    return [
        _join(path.stem, healthy, compute_rows(_load(path), FAULT_STEP, profile), train_rows)
        for path in faults
    ]


def compute_rows(signal: Samples, step: int, profile: MachineProfile) -> npt.NDArray[np.float64]:
    """The features of all bursts of a signal, as a model sees them: float64 (n, n_features)."""
    extractor = FeatureExtractor(profile)
    starts = range(0, len(signal) - BURST_SAMPLES + 1, step)
    bursts = (signal[first : first + BURST_SAMPLES] for first in starts)
    readings = (Reading(SENSOR, n * PERIOD_S, n * PERIOD_S, burst) for n, burst in enumerate(bursts))
    vectors = [vector.values for reading in readings for vector in extractor.add(reading)]
    if not vectors:
        raise NothingToJudgeError(f"a signal of {len(signal)} samples gives no features; it is too short")
    return to_model_space(np.array(vectors, np.float32), feature_specs(profile)).astype(np.float64)


def _join(
    name: str, healthy: npt.NDArray[np.float64], fault: npt.NDArray[np.float64], train_rows: int
) -> LabelledTable:
    values = np.concatenate([healthy, fault])
    sensors = tuple(spec.name for spec in feature_specs(load_profile(PROFILE)))
    stamps_s = np.arange(len(values)) * PERIOD_S
    labels = np.arange(len(values)) >= len(healthy)
    return LabelledTable(Table(name, sensors, stamps_s, values, train_rows), labels)


def _load(path: Path) -> Samples:
    signal: Samples = load_array(path, "DE", kinds="f").astype(np.float32)
    return signal


def decide_features(bundle: Bundle, table: Table) -> Iterator[tuple[float, bool]]:
    """A table of features in model space, as `industrialguard.bench.agent_rows.Decide`."""
    device = DeviceDecisions(bundle)
    is_log = np.array([spec.scale == "log" for spec in feature_specs(bundle.profile)])
    for stamp_s, row in zip(table.stamps_s.tolist(), table.values, strict=True):
        values = np.where(is_log, 10.0 ** np.where(is_log, row, 0.0), row).astype(np.float32)
        valid = np.isfinite(values)
        counts, flags = {SENSOR: (BURST_SAMPLES, 0, 0)}, {SENSOR: QualityFlag.NONE}
        vector = FeatureVector(stamp_s, values, valid, "", False, counts, flags, float(valid.mean()))
        verdict = device.decide(vector)
        yield np.nan if verdict.score is None else verdict.score, device.is_alarming
