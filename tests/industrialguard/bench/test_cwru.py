"""Case Western bearings, healthy first and then with a fault: here made of noise and clicks."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from contract.errors import DataError
from contract.features import feature_specs
from contract.profiles import load_profile
from industrialguard.bench.cwru import SPARED, bench_cwru, compute_rows, read_tables
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.report import Report
from models.recordings.cwru import BURST_SAMPLES, PROFILE

Floats = npt.NDArray[np.float32]


def noise(samples: int, seed: int) -> Floats:
    return np.random.default_rng(seed).normal(0, 0.05, samples).astype(np.float32)


def clicks(samples: int, seed: int) -> Floats:
    """Noise with an impact every 9 ms."""
    signal = noise(samples, seed)
    signal[::108] += 2.0
    return signal


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("cwru")
    np.savez(place / "Normal_0.npz", DE=noise(250_000, 1))
    np.savez(place / "OR_007.npz", DE=clicks(30_000, 2))
    np.savez(place / "IR_007.npz", DE=clicks(30_000, 3))
    return place


@pytest.fixture(scope="module")
def report(folder: Path) -> Report:
    (found,) = bench_cwru(folder, [0])
    return found


def test_a_table_is_the_normal_state_and_then_a_fault(folder: Path) -> None:
    tables = read_tables(folder)
    assert [file.table.name for file in tables] == ["IR_007", "OR_007"]
    table, labels = tables[0].table, tables[0].labels
    assert table.sensors == tuple(spec.name for spec in feature_specs(load_profile(PROFILE)))
    n_normal = int((~labels).sum())
    assert not labels[:n_normal].any()
    assert labels[n_normal:].all()
    assert 40 < table.train_rows < n_normal
    assert np.isfinite(table.values).all()


def test_no_sample_is_in_training_and_test(folder: Path) -> None:
    # Bursts start every 512 samples and are 2048 long: four of them share samples with their neighbours.
    assert SPARED == 4
    profile = load_profile(PROFILE)
    healthy = compute_rows(noise(60_000, 1), 512, profile)
    table = read_tables(folder)[0]
    n_normal = int((~table.labels).sum())
    assert n_normal == len(compute_rows(noise(250_000 // 4 - 64, 1), 512, profile)) - SPARED
    assert len(healthy) > SPARED


def test_everything_separates_the_states(report: Report) -> None:
    assert report.dataset == "cwru"
    for row in report.rows:
        area = row.metrics["auc_roc"].mean
        assert area == pytest.approx(0.5 if row.name == "always alarm" else 1.0, abs=0.02)


def test_the_agent_alarms_on_every_fault_and_never_before(report: Report) -> None:
    (agent,) = [row for row in report.rows if row.is_main]
    assert agent.metrics["events_announced_pct"].mean == 100
    assert agent.metrics["far_pct"].mean == 0


def test_it_says_that_this_is_no_headline(report: Report) -> None:
    assert "Saturated" in " ".join(report.protocol)
    assert report.protocol[0].startswith("2 faults")


def test_missing_states_are_said(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        read_tables(tmp_path / "missing")
    np.savez(tmp_path / "OR_007.npz", DE=clicks(30_000, 2))
    with pytest.raises(NothingToJudgeError, match="needs Normal_"):
        read_tables(tmp_path)


def test_a_signal_that_is_too_short_is_said() -> None:
    with pytest.raises(NothingToJudgeError, match="too short"):
        compute_rows(noise(BURST_SAMPLES - 1, 1), 512, load_profile(PROFILE))


def test_the_published_recordings(recorded_data: Path) -> None:
    if not (recorded_data / "cwru").is_dir():
        pytest.skip(f"no {recorded_data / 'cwru'}")
    tables = read_tables(recorded_data)
    assert len(tables) == 15
    assert {file.table.train_rows for file in tables} == {57}
