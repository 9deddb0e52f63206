"""A small fleet in every scenario; `industrialguard bench ota --modes fleet` has 1,000 devices in each."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from simulators.ota.audit import audit
from simulators.ota.cast import DAY_S, Hardships
from simulators.ota.scenarios import SCENARIOS, Size, play

HARD = Hardships(cuts_per_day=2.0, gone=0.05, offline_days=(0.7, 1.5), offline_from_days=(-0.5, 1.0))
SHORTER_DAYS = 3.0
"""For all are back sooner."""
MEMORY = Path("/dev/shm")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is some: the store alone would wait for a disk ten thousand times."""
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else tmp_path) as name:
        yield Path(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCENARIOS)
def test_a_small_fleet_ends_as_it_must(name: str, folder: Path) -> None:
    scenario = replace(SCENARIOS[name], days=SCENARIOS[name].days - SHORTER_DAYS)
    result = play(scenario, Size(40, 1, HARD), folder)
    assert result.findings == ()
    figures = result.figures
    assert figures["on_right_version"] == figures["reachable"] > 30
    assert figures["power_cuts"] > 40 and figures["failed_requests"] > 100 and figures["resumed_bodies"] > 0
    assert (figures["had_bad_release"] > 0) == (name in ("crashes", "alarms"))


def test_an_easy_fleet_is_quick_and_needs_no_retry(folder: Path) -> None:
    easy = Hardships(0.0, 0.0, 0.0, gone=0.0, no_clock=0.0, wrong_clock=0.0, cuts_per_day=0.0, liars=0)
    scenario = replace(SCENARIOS["good"], days=3.5)
    result = play(scenario, Size(10, 1, easy), folder)
    assert result.findings == ()
    assert result.figures["failed_requests"] == result.figures["power_cuts"] == 0
    assert result.figures["assignments"] == 10
    assert result.figures["to_all_h"] < 3 * 24


def test_the_auditors_see_a_device_that_was_stuck(folder: Path) -> None:
    """A world that ends before the rollout does."""
    scenario = replace(SCENARIOS["good"], days=1.5)
    result = play(scenario, Size(10, 1, Hardships(offline=0.0)), folder)
    assert any("was reachable and runs" in finding for finding in result.findings)
    assert any("is running, and must be completed" in finding for finding in result.findings)
    assert result.world.now_s == 1.5 * DAY_S
    assert audit(result.world.ledger, result.expected) == list(result.findings)
