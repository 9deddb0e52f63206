"""The command runs a small plant under all policies, says how, and writes the one shape."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from industrialguard.bench.fleet import command
from industrialguard.bench.fleet.chart import draw
from industrialguard.bench.fleet.command import main, shortened
from industrialguard.bench.fleet.rows import build_rows
from industrialguard.bench.fleet.tuning import tune
from industrialguard.bench.fleet.years import Maintenance, Year, live, live_all
from simulators.year.settings import Settings, read_settings
from tests.simulators.year.small_plant import small_settings


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch) -> Settings:
    settings = small_settings(machines=1, days=20)
    monkeypatch.setattr(command, "shortened", lambda _: shortened_to(settings))
    return shortened_to(settings)


def shortened_to(settings: Settings) -> Settings:
    tuning = replace(settings.tuning, seeds=(1, 2))
    return replace(settings, tuning=tuning)


def test_a_quick_run_writes_report_and_chart(
    tiny: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    document = tmp_path / "value.md"
    document.write_text("# Value\n<!-- fleet: begin -->\n<!-- fleet: end -->\n", "utf-8")
    argv = ["--quick", "--json", str(tmp_path / "a.json"), "--chart", str(tmp_path / "a.svg")]
    argv += ["--keep", str(tmp_path / "kept"), "--document", str(document)]
    assert main(argv) == 0
    printed = capsys.readouterr().out
    assert "against time-based" in printed and "The clock is shortened" in printed
    report = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert report["dataset"] == "fleet-year/tuning", "a try is no look at what is held out"
    assert [row["name"] for row in report["rows"] if row.get("main")] == [str(Maintenance.OURS)]
    assert len(report["seeds"]) == 2 and len(report["protocol"]) > 5
    ElementTree.parse(tmp_path / "a.svg")
    assert "fleet-year/tuning" in document.read_text("utf-8")
    kept = sorted((tmp_path / "kept").iterdir())
    assert len(kept) == 8
    assert main(argv) == 0
    assert sorted((tmp_path / "kept").iterdir()) == kept


def test_a_year_is_the_same_wherever_it_is_lived(tiny: Settings) -> None:
    years = live_all(tiny, tiny.tuning, policies=[Maintenance.RUN_TO_FAILURE, Maintenance.TIME_BASED])
    assert set(years) == {Maintenance.RUN_TO_FAILURE, Maintenance.TIME_BASED}
    assert years[Maintenance.TIME_BASED][1] == live(tiny, tiny.tuning, Year(Maintenance.TIME_BASED, 2))


def test_a_chart_escapes_and_scales(tiny: Settings) -> None:
    ledger = live(tiny, tiny.tuning, Year(Maintenance.RUN_TO_FAILURE, 1))
    rows = build_rows({policy: [ledger, ledger] for policy in Maintenance})
    picture = ElementTree.fromstring(draw(rows))
    bars = [each for each in picture.iter() if each.tag.endswith("rect") and each.get("class")]
    assert len(bars) == 16
    assert all(0 <= float(each.get("width", "-1")) <= 760 for each in bars)


def test_tuning_prints_what_to_write_down(tiny: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("industrialguard.bench.fleet.tuning.CALENDAR_SEEDS", range(1, 3))
    monkeypatch.setattr("industrialguard.bench.fleet.tuning.VELOCITIES_MMS", (2.0,))
    monkeypatch.setattr("industrialguard.bench.fleet.tuning.TEMPERATURES_C", (70.0,))
    lines = list(tune(tiny))
    assert lines[0] == "[tuned]"
    assert [line.partition(" = ")[0] for line in lines[1:]] == [
        "interval_factor",
        "velocity_mms",
        "temperature_c",
    ]


def test_the_shortened_plant_is_small() -> None:
    settings = shortened(read_settings())
    assert settings.year.machines <= 3 and len(settings.tuning.seeds) == 2
