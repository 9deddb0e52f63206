"""The README's way to one's own machines: a profile, a healthy CSV, one command to train, one to watch."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROFILE = """
name = "press"
version = 1
description = "Hydraulic press"
summary_interval_s = 60.0

[window]
length_s = 10.0
hop_s = 10.0
context = 8

[warmup]
baseline_windows = 30
calibration_windows = 30
"""
SENSOR = """
[[sensor]]
name = "{name}"
quantity = "{name}"
unit = "{unit}"
rate_hz = 1.0
"""
UNITS = {"temperature": "Cel", "pressure": "bar", "current": "A"}
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def write_profile(path: Path) -> None:
    path.write_text(PROFILE + "".join(SENSOR.format(name=n, unit=u) for n, u in UNITS.items()))


def write_run(path: Path, seconds: int, leak_from_s: int | None) -> None:
    """A press that cycles every 250 s; a leak costs pressure and takes current."""
    rng = np.random.default_rng(seconds)
    t = np.arange(seconds)
    leak = np.zeros(seconds) if leak_from_s is None else np.clip((t - leak_from_s) / 2000, 0, 1)
    columns = (
        40 + 3 * np.sin(t / 3000) + rng.normal(0, 0.2, seconds),
        120 + 5 * np.sin(t / 40) + rng.normal(0, 1, seconds) - 30 * leak,
        30 + 4 * np.sin(t / 40 + 0.3) + rng.normal(0, 0.5, seconds) + 8 * leak,
    )
    with path.open("w") as file:
        file.write("time," + ",".join(UNITS) + "\n")
        for second, values in enumerate(zip(*columns, strict=True)):
            stamp = (START + timedelta(seconds=second)).isoformat()
            file.write(f"{stamp}," + ",".join(f"{value:.2f}" for value in values) + "\n")


def industrialguard(folder: Path, *arguments: str) -> str:
    command = [sys.executable, "-m", "industrialguard", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_a_press_is_described_recorded_trained_and_watched(tmp_path: Path) -> None:
    write_profile(tmp_path / "press.toml")
    write_run(tmp_path / "healthy.csv", 14_400, None)
    write_run(tmp_path / "calm.csv", 5_000, None)
    write_run(tmp_path / "leak.csv", 7_200, 5_000)

    trained = industrialguard(
        tmp_path,
        "train",
        "edge",
        "--profile",
        "press.toml",
        "--data",
        "csv:healthy.csv",
        "--out",
        "press.igb",
    )

    assert "other times of the same machine" in trained
    assert alarms(tmp_path, "calm") == 0
    assert alarms(tmp_path, "leak") == 1


def alarms(folder: Path, run: str) -> int:
    source = ("--source", f"csv:{run}.csv", "--speed", "0")
    said = industrialguard(folder, "agent", "--bundle", "press.igb", *source, "--device", run, "--offline")
    counters = json.loads(said.strip().splitlines()[-1])
    count: int = counters["messages"].get("alarm", 0)
    return count
