"""The value page shows the report, says what to do without one, and escapes what stands in it."""

from __future__ import annotations

import json
from pathlib import Path

from cloud.api.app import create_app
from cloud.api.settings import ApiSettings
from cloud.store.database import Database
from cloud.value import parse_value
from cloud.web.value_pages import BAR_WIDTH, build_panels
from tests.cloud.signed_in import SignedIn as TestClient
from tests.cloud.value_sample import value_report

OWN = "http://127.0.0.1"


def page(database: Database, path: Path | None) -> str:
    with TestClient(create_app(ApiSettings(value_report=path), database), base_url=OWN) as client:
        answer = client.get("/value")
    assert answer.status_code == 200
    return str(answer.text)


def test_without_a_report_it_says_how_to_make_one(database: Database) -> None:
    assert "industrialguard bench fleet --json" in page(database, None)


def test_a_report_is_shown_as_bars_and_as_a_table(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(value_report("<b>ours</b>")), "utf-8")
    text = page(database, path)
    assert text.count("<h1>") == 1 and text.count("<rect") == 8
    assert "-60 % (-75 to -40)" in text and "The clock is shortened." in text
    assert "<b>ours" not in text and "&lt;b&gt;ours" in text
    assert "style=" not in text, "the policy of the page's content refuses it"


def test_a_file_that_is_none_is_said(database: Database, tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    path.write_text("{}", "utf-8")
    assert "cannot be shown" in page(database, path)
    assert "cannot be read" in page(database, tmp_path / "none.json")


def test_the_longest_bar_fills_its_place_and_what_is_missing_has_none() -> None:
    found = value_report()
    found["rows"][0]["metrics"]["life_used_pct"]["mean"] = None
    panels = build_panels(parse_value(json.dumps(found)))
    assert [max(bar.width for bar in panel.bars) for panel in panels] == [BAR_WIDTH] * 4
    assert (panels[2].bars[0].width, panels[2].bars[0].words) == (0.0, "no figure")
