"""PRONOSTIA bearings, from a folder to reports."""

import gzip
from pathlib import Path

import numpy as np
import pytest

from contract.bundle import load_bundle
from contract.errors import DataError
from contract.profiles import AlarmSpec, WarmupSpec
from industrialguard.bench import femto
from industrialguard.bench.errors import NothingToJudgeError
from industrialguard.bench.femto import (
    PROFILE,
    TABLE,
    bench_femto,
    raw_baselines,
    raw_bearing,
    read_table,
    report_raw,
    table_baselines,
    table_columns,
)
from industrialguard.bench.femto_rows import Rule, judge_bearings
from industrialguard.bench.femto_student import teach_nothing
from models.dataset import read_vectors
from models.recordings import open_recordings
from tests.industrialguard.bench.bearings import LOUD_FROM, WINDOWS, write_table

WARMUP, ALARM = WarmupSpec(60, 30), AlarmSpec(k=6, n=8)


@pytest.fixture(autouse=True)
def short_warmup(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half the warm-up, so that half as long lives will do."""
    monkeypatch.setattr(femto, "WARMUP", WARMUP)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_table(tmp_path_factory.mktemp("femto") / TABLE)


def write_raw(path: Path, bursts: int, seed: int) -> None:
    """A bearing whose bursts grow tenfold over the last 20."""
    random = np.random.default_rng(seed)
    loud = np.where(np.arange(bursts) < bursts - 20, 400.0, 4000.0)
    samples = random.normal(size=(bursts, 2560, 2)) * loud[:, np.newaxis, np.newaxis]
    np.savez(
        path,
        acc_mg=samples.astype(np.int32),
        start_s=1e6 + 10.0 * np.arange(bursts),
        file_no=np.arange(1, bursts + 1),
    )


def test_a_table_is_read_as_logarithms(table: Path) -> None:
    bearings = read_table(table)
    assert [b.name for b in bearings] == [f"Bearing{n}" for n in range(5)]
    assert bearings[0].rows.shape == (WINDOWS, len(table_columns()))
    assert abs(float(np.median(bearings[0].rows[:LOUD_FROM]))) < 0.01
    assert float(np.median(bearings[0].rows[LOUD_FROM:])) == pytest.approx(1.0, abs=0.02)
    assert bearings[0].times_s[1] == 10.0


def test_all_that_needs_no_network_finds_what_is_loud(table: Path) -> None:
    bearings = read_table(table)
    for contender in table_baselines(Rule(WARMUP, ALARM, 1.333)):
        findings = judge_bearings(contender, bearings, Rule(WARMUP, ALARM, 1.333), 0)
        assert all(f.is_in_time and not f.is_early for f in findings), contender.name


def test_the_report_names_every_bearing(table: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make = femto._make_student

    def without_network(*args: object) -> object:
        student = make(*args)  # type: ignore[arg-type]
        student.teach = teach_nothing
        return student

    monkeypatch.setattr(femto, "_make_student", without_network)
    report, spared = bench_femto(table.parent, [0, 1])
    assert (report.dataset, spared.dataset) == ("femto/features", "femto/features-with-margin")
    (main,) = [row for row in report.rows if row.is_main]
    assert len(main.metrics["alarm_before_end_pct"].values) == 2
    assert {f"first_alarm_pct_Bearing{n}" for n in range(5)} <= set(main.metrics)
    assert {row.name for row in report.rows} >= {"RMS alone", "kurtosis alone", "Mahalanobis"}
    assert "Leave one bearing out" in " ".join(report.protocol)


def test_raw_bursts_go_through_the_device(tmp_path: Path) -> None:
    warmup = load_bundle(PROFILE).profile.warmup
    bursts = warmup.baseline_windows + warmup.calibration_windows + 100
    for seed in range(3):
        write_raw(tmp_path / f"raw_B{seed}.npz", bursts, seed)
    report = report_raw(tmp_path, [0])
    assert report.dataset == "femto/raw"
    for row in report.rows:
        if row.is_main:
            assert row.metrics["alarm_in_first_quarter_pct"].mean == 0.0
        if "kurtosis" not in row.name:  # that of louder noise is the same
            assert row.metrics["alarm_before_end_pct"].mean == 100.0, row.name
    assert report.rows[0].is_main
    assert len(report.rows) == 1 + len(raw_baselines(load_bundle(PROFILE), Rule(WARMUP, ALARM, 1.333)))


def test_bursts_that_were_not_recorded_are_no_windows(tmp_path: Path) -> None:
    write_raw(tmp_path / "raw_B.npz", 40, 0)
    with np.load(tmp_path / "raw_B.npz") as whole:
        every_second = {name: whole[name][::2] for name in whole.files}
    np.savez(tmp_path / "raw_B.npz", **every_second)
    bundle = load_bundle(PROFILE)
    (recording,) = open_recordings(f"femto:{tmp_path}")
    bearing = raw_bearing(read_vectors(recording, bundle.profile), bundle)
    assert np.isfinite(bearing.rows).all()
    assert 18 <= len(bearing.rows) <= 20
    assert np.diff(bearing.times_s) == pytest.approx(20.0)


def test_what_cannot_be_judged_is_said(tmp_path: Path) -> None:
    with pytest.raises(NothingToJudgeError, match="neither"):
        bench_femto(tmp_path, [0])
    with pytest.raises(NothingToJudgeError, match="4 bearings"):
        read_table(write_table(tmp_path / "few.csv.gz", count=4))
    with pytest.raises(NothingToJudgeError, match="too short"):
        read_table(write_table(tmp_path / "short.csv.gz", windows=200))


def test_malformed_tables_are_said(tmp_path: Path) -> None:
    path = tmp_path / TABLE
    path.write_bytes(b"not packed")
    with pytest.raises(DataError, match="cannot be read"):
        read_table(path)
    path.write_bytes(gzip.compress(b"bearing,h_rms\nB1,loud\n"))
    with pytest.raises(DataError, match="needs a column"):
        read_table(path)


def test_the_published_table(recorded_data: Path) -> None:
    path = recorded_data / "femto" / TABLE
    if not path.is_file():
        pytest.skip(f"no {path}")
    lengths = {bearing.name: len(bearing.rows) for bearing in read_table(path)}
    assert lengths == {
        "Bearing1_1": 2803,
        "Bearing1_2": 871,
        "Bearing2_1": 911,
        "Bearing2_2": 797,
        "Bearing3_1": 515,
        "Bearing3_2": 1637,
    }
