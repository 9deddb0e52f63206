"""The value page with a report: readable, accessible, quiet, wide and narrow."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.conftest import RunningPage, Watch
from tests.cloud.value_sample import value_report

pytestmark = pytest.mark.browser


@pytest.mark.parametrize("width", [1280, 390])
def test_a_report_is_shown(page: Page, served: RunningPage, watch: Watch, tmp_path: Path, width: int) -> None:
    report = tmp_path / "fleet.json"
    report.write_text(json.dumps(value_report()), "utf-8")
    served.app.state.settings = replace(served.app.state.settings, value_report=report)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"{served.url}/value")
    expect(page.get_by_role("heading", level=1)).to_have_text("Does it pay?")
    expect(page.get_by_role("row", name="IndustrialGuard")).to_contain_text("-60 % (-75 to -40)")
    page.screenshot(path=tmp_path / "value.png", full_page=True)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert Axe().run(page).response["violations"] == []
    assert watch.complaints == []
