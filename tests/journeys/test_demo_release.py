"""A release as the demo shows it, end to end; its summary is held against the rows of the store."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.conftest import start_demo

FLEET = ("--machines", "4", "--speed", "100")
OLD, NEW = 0, 1
LONGEST_S = 240.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(360)]


def show(folder: Path, until: str, *arguments: str) -> dict[str, Any]:
    """Run a demo until it has said something; returns its summary."""
    summary, data = folder / "demo.json", folder / "data"
    with start_demo(folder, *FLEET, *arguments, "--json", str(summary), "--data", str(data)) as demo:
        demo.wait_for(until, LONGEST_S)
        assert demo.interrupt() == 0
        found: dict[str, Any] = json.loads(summary.read_text("utf-8"))
        found["output"] = demo.output()
    return found


def scored_by(folder: Path) -> dict[str, list[str]]:
    """Versions that have scored each machine, in their order, from the rows of the store."""
    query = "SELECT device_id, model_version FROM summary GROUP BY 1, 2 ORDER BY device_id, max(event_time)"
    found: dict[str, list[str]] = {}
    with closing(sqlite3.connect(folder / "data" / "cloud" / "store.db")) as store:
        for device, version in store.execute(query):
            found.setdefault(device, []).append(version)
    return found


def published(folder: Path) -> list[str]:
    listing: list[str] = json.loads((folder / "data" / "release" / "releases.json").read_text("utf-8"))
    return listing


def check_books(summary: dict[str, Any]) -> None:
    """What holds of every demo: no message is lost or twice, and no window is without a summary."""
    messages = summary["messages"]
    assert (messages["duplicated"], messages["dead_lettered"], messages["dropped"]) == (0, 0, 0)
    assert messages["sent"] - messages["waiting"] <= messages["stored"] <= messages["sent"]
    assert summary["release"]["windows_lost"] == 0


def check_good(folder: Path, summary: dict[str, Any]) -> None:
    release, versions = summary["release"], published(folder)
    seen = scored_by(folder)
    assert (release["old"], release["new"], release["spoiled"]) == (*versions, None)
    assert (release["state"], release["failures"]) == ("completed", {})
    assert len(seen) == 4
    assert release["machines"] == {device: found[-1] for device, found in seen.items()}
    assert release["ran"] == sorted(device for device, found in seen.items() if versions[NEW] in found)
    assert set(release["canary"]) < set(release["ran"])
    assert len(release["ran"]) >= 0.9 * 3 + 1, "the canary, and as many of the others as a group must have"
    assert 0 < release["seconds_to_canary"] < release["seconds_to_complete"]
    for said in (
        "A release, 3.",
        "healthy with the new model",
        "Now the other 3",
        "Rollout complete after",
    ):
        assert said in summary["output"]
    check_books(summary)


def test_a_good_release_goes_to_one_machine_and_then_to_all(tmp_path: Path) -> None:
    check_good(tmp_path, show(tmp_path, "Rollout complete after"))


@pytest.mark.long
def test_it_goes_through_while_its_parts_are_killed(tmp_path: Path) -> None:
    kills = ("--kill", "web@4+6", "--kill", "releases@15+5", "--kill", "serve@25+5")
    summary = show(tmp_path, "Rollout complete after", *kills)

    check_good(tmp_path, summary)
    assert summary["restarts"] == {"web": 1, "releases": 1, "serve": 1}


@pytest.mark.parametrize(
    ("how", "has_run", "said"),
    [
        ("alarm", True, "by itself, it finds"),
        ("answers", False, "refused, self-test"),
    ],
)
def test_a_spoiled_release_stops_at_the_first_machine(
    how: str, has_run: bool, said: str, tmp_path: Path
) -> None:
    summary = show(tmp_path, "were never told of it.", "--bad-release", how)

    release, (old, new) = summary["release"], published(tmp_path)
    seen = scored_by(tmp_path)
    (canary,) = release["canary"]
    assert said in summary["output"]
    assert (release["spoiled"], release["state"]) == (how, "aborted")
    assert list(release["failures"]) == [canary]
    assert seen[canary] == ([new, old] if has_run else [old]), "by the time of their last summaries"
    assert all(found == [old] for device, found in seen.items() if device != canary)
    assert set(release["machines"].values()) == {old}
    assert release["ran"] == ([canary] if has_run else [])
    assert release["alarms"][new] == (1 if has_run else 0), "the false alarm by which it shows"
    check_books(summary)
