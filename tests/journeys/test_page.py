"""A person watches the page while a demo runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.journeys.conftest import start_demo

pytestmark = [pytest.mark.slow, pytest.mark.browser, pytest.mark.timeout(300)]


def test_an_alert_appears_on_the_page_without_a_reload(tmp_path: Path, chromium: str) -> None:
    from playwright.sync_api import expect, sync_playwright

    with (
        start_demo(tmp_path, "--machines", "10", "--speed", "20", "--seed", "1") as demo,
        sync_playwright() as tool,
    ):
        browser = tool.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        requests: list[str] = []
        page.on("request", lambda request: requests.append(request.url))
        page.goto(demo.link)
        page.evaluate("window.neverReloaded = true")
        expect(page).to_have_title("Fleet · IndustrialGuard")
        cases = page.locator("[data-alert-id]")
        expect(cases).to_have_count(0)

        expect(page).to_have_title(re.compile(r"^\([1-9]"), timeout=120_000)

        expect(cases.first).to_be_visible()
        assert page.evaluate("window.neverReloaded") is True
        page.screenshot(path=str(tmp_path / "fleet.png"), full_page=True)
        browser.close()
        assert demo.interrupt() == 0
    assert all(url.startswith(demo.address) for url in requests), requests
