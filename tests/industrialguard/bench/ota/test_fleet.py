"""`industrialguard bench ota --modes fleet`, small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from industrialguard.bench.ota import plan
from industrialguard.bench.ota.command import main
from simulators.ota.audit import audit
from simulators.ota.scenarios import SCENARIOS


def test_the_command_knows_every_scenario() -> None:
    assert tuple(SCENARIOS) == plan.SCENARIOS


@pytest.mark.slow
def test_a_small_fleet_is_reported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "fleet.json"
    options = ["--modes", "fleet", "--fleet", "12", "--scenarios", "crashes", "--json", str(path)]
    assert main(options) == 0
    report = json.loads(path.read_text())
    assert (report["bench"], report["dataset"], report["seeds"]) == ("ota", "fleet/crashes", [1])
    (row,) = report["rows"]
    figures = {name: metric["mean"] for name, metric in row["metrics"].items()}
    assert row["main"] and figures["violations"] == 0 and figures["devices"] == 12
    assert figures["on_right_version"] == figures["reachable"] and figures["had_bad_release"] > 0
    assert "30%" in report["protocol"][2]
    shown = capsys.readouterr()
    assert "fleet/crashes, seed 1" in shown.err and "violations" in shown.out


@pytest.mark.slow
def test_what_is_wrong_fails_the_run_and_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("simulators.ota.scenarios.audit", lambda *facts: [*audit(*facts), "planted"])
    assert main(["--modes", "fleet", "--fleet", "8", "--scenarios", "crashes"]) == 1
    assert "wrong: planted" in capsys.readouterr().err
