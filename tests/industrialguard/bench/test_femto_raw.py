"""PRONOSTIA bearings as raw bursts, through the device's own code."""

from pathlib import Path

import numpy as np
import pytest

from contract.bundle import load_bundle
from contract.features import showing_wear
from industrialguard.bench.creep_rows import NOBODY_FOLLOWS
from industrialguard.bench.femto import PROFILE
from industrialguard.bench.femto_course import OwnWarmup
from industrialguard.bench.femto_raw import AGENT, RAW_RULES, raw_baselines, raw_bearing, report_raw
from models.dataset import read_vectors
from models.recordings import open_recordings


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


def test_raw_bursts_go_through_the_device(tmp_path: Path) -> None:
    bundle = load_bundle(PROFILE)
    warmup = bundle.profile.warmup
    known = warmup.baseline_windows + warmup.calibration_windows
    for seed in range(3):
        write_raw(tmp_path / f"raw_B{seed}.npz", 4 * known + 40, seed)
    report = report_raw(tmp_path, bundle, [0])
    assert report.dataset == "femto/raw"
    rows = {row.name: row.metrics for row in report.rows}
    assert report.rows[0].name == AGENT
    assert report.rows[0].is_main
    assert rows[AGENT]["alarm_in_first_quarter_pct"].mean == 0.0
    for name in (AGENT, "RMS alone", "Mahalanobis"):
        assert rows[name]["alarm_before_end_pct"].mean == 100.0, name
    names = [c.name for c in raw_baselines(bundle, OwnWarmup(60, 30))]
    assert list(rows) == [AGENT, *names, "always alarm"]


def test_nobody_follows_creep_as_the_protocol_says() -> None:
    assert NOBODY_FOLLOWS in RAW_RULES
    assert showing_wear(load_bundle(PROFILE).profile).all()


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
