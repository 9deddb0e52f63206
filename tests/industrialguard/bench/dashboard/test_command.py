"""The benchmark of the pages: its bars, and one small run with everything real."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from contract.errors import ConfigError
from industrialguard.bench.dashboard.command import BARS, judge, main
from industrialguard.bench.report import Metric, Report, Role, Row, Run


def report(value: float) -> Report:
    metrics = {name: Metric((value,)) for name in BARS}
    row = Row("fleet page", Role.OURS, metrics, is_main=True)
    return Report("dashboard", "plant/50", ("one sentence",), (0,), (row,), Run.since(datetime.now(UTC)))


def test_a_bar_is_kept_up_to_its_value() -> None:
    assert all(is_kept for _, is_kept in judge(report(150.0)))
    lines = [line for line, is_kept in judge(report(151.0)) if not is_kept]
    assert lines == ["MISSED  server_p50_ms 151, at most 150"]


def test_without_a_browser_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ConfigError, match="no Chromium on the PATH"):
        main([])


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.browser
def test_a_small_plant_is_measured(chromium: str, tmp_path: Path) -> None:
    file = tmp_path / "dashboard.json"
    assert main(["--machines", "50", "--repeats", "2", "--chromium", chromium, "--json", str(file)]) in (0, 1)
    found = json.loads(file.read_text("utf-8"))
    (main_row,) = (row for row in found["rows"] if row.get("main"))
    assert main_row["metrics"].keys() >= BARS.keys() and len(found["rows"]) == 7
