"""Fifty machines, ten minutes of machine time at speed 20; then the same with a part killed in the middle."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import run_demo, start_demo

FLEET = ("--machines", "50", "--speed", "20", "--seconds", "30", "--seed", "1")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return run_demo(tmp_path_factory.mktemp("undisturbed"), *FLEET)


def test_every_message_is_stored_exactly_once(undisturbed: dict[str, Any]) -> None:
    messages = undisturbed["messages"]

    assert messages["sent"] > 1000
    assert messages["stored"] == messages["sent"]
    assert (messages["duplicated"], messages["dead_lettered"], messages["dropped"]) == (0, 0, 0)
    assert undisturbed["exit_code"] == 0


def test_only_machines_that_degrade_have_alerts(undisturbed: dict[str, Any]) -> None:
    alerted = set(undisturbed["alerts"])
    pumps = {machine for machine in undisturbed["degrading"] if machine.startswith("pump")}

    assert alerted <= set(undisturbed["degrading"])
    assert len(alerted & pumps) >= 0.8 * len(pumps), f"{pumps - alerted} wore out unseen"


def test_ten_minutes_of_machine_time_are_covered(undisturbed: dict[str, Any]) -> None:
    assert undisturbed["machine_seconds"] >= 590
    assert undisturbed["windows"] >= 46 * 110
    assert undisturbed["samples"] > 20_000_000
    assert undisturbed["window_cost_us"] > 0


def test_the_process_tree_stays_under_a_gigabyte(undisturbed: dict[str, Any]) -> None:
    assert 50e6 < undisturbed["peak_rss_bytes"] < 1e9


@pytest.mark.parametrize(
    ("part", "broker"),
    [
        ("ingest", "embedded"),
        ("serve", "auto"),
        pytest.param("broker", "embedded", marks=pytest.mark.long),
        pytest.param("broker", "auto", marks=pytest.mark.long),
    ],
)
def test_a_part_killed_for_twenty_seconds_changes_no_count(
    part: str, broker: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    disturbed = run_demo(tmp_path, *FLEET, "--broker", broker, "--kill", f"{part}@6+20")

    assert disturbed["restarts"][part] == 1
    assert disturbed["exit_code"] == 0
    for name in ("samples", "windows", "scored", "degrading"):
        assert disturbed[name] == undisturbed[name], name
    for name in ("sent", "stored", "duplicated", "dead_lettered", "dropped", "waiting"):
        assert disturbed["messages"][name] == undisturbed["messages"][name], name
    assert _episodes(disturbed) == _episodes(undisturbed)


def test_two_demos_that_start_at_the_same_moment_have_a_page_each(tmp_path: Path) -> None:
    with ExitStack() as demos, ThreadPoolExecutor() as threads:
        folders = [tmp_path / name for name in ("one", "other")]
        for folder in folders:
            folder.mkdir()
        starts = [start_demo(folder, "--machines", "1", "--no-release") for folder in folders]
        running = list(threads.map(demos.enter_context, starts))
        assert running[0].address != running[1].address
        assert [demo.interrupt() for demo in running] == [0, 0]


def _episodes(summary: dict[str, Any]) -> dict[str, list[tuple[str, float, int]]]:
    """Alerts without the parts that name the day."""
    return {
        machine: [(a["title"], a["score"], a["occurrences"]) for a in alerts]
        for machine, alerts in summary["alerts"].items()
    }
