"""The case pages in a real browser: from a new alarm to a finding, by keyboard, on a phone."""

from __future__ import annotations

from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import RunningPage, Watch, sign_in
from tests.browser.seeded_fleet import SeededFleet
from tests.browser.test_page import CONTRAST_SCRIPT, NAMELESS_SCRIPT, PHONE_WIDTH

pytestmark = pytest.mark.browser


def test_a_new_alarm_becomes_a_case_and_the_case_a_finding(
    fleet: SeededFleet, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(f"{served.url}/cases")
    before = page.locator(".cases > li").count()
    page.evaluate("window.stayed = true")
    fleet.raise_alarm("pump-05")
    expect(page.locator(".cases > li")).to_have_count(before + 1)
    assert page.evaluate("window.stayed") is True
    page.click("text=/pump-05/")
    page.click("#do-claim")
    expect(page.locator("section.case")).to_contain_text("In work: Jo Brandt")
    page.select_option("#close-verdict", "true")
    page.select_option("#close-mode", "VIB")
    page.select_option("#close-cause", "3.4")
    page.select_option("#close-activity", "1")
    page.fill("#close-component", "bearing")
    page.select_option("#close-end", "replaced")
    page.fill("#close-why", "metal in the grease")
    page.click("text=Close the case")
    expect(page.locator("section.case")).to_contain_text("Replaced before it failed")
    expect(page.locator(".audit li").filter(has_text="closed")).to_contain_text("Jo Brandt")
    page.goto(f"{served.url}/cases?closed=true")
    expect(page.locator(".cases")).to_contain_text("pump-05")
    assert watch.complaints == []
    assert watch.hosts == {urlsplit(served.url).netloc}


def test_what_is_being_written_stays_while_the_page_changes(
    fleet: SeededFleet, served: RunningPage, page: Page, watch: Watch
) -> None:
    fleet.raise_alarm("pump-05")
    page.goto(f"{served.url}/cases")
    page.click("text=/pump-05/")
    page.fill("#close-why", "half a sen")
    page.select_option("#close-verdict", "early")
    fleet.clear_alarm("pump-05")
    expect(page.locator(".evidence")).to_have_attribute("data-status", "cleared")
    assert page.input_value("#close-why") == "half a sen"
    assert page.input_value("#close-verdict") == "early"
    assert watch.complaints == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_controls_have_names_and_a_phone_never_scrolls_sideways(
    fleet: SeededFleet, served: RunningPage, browser: Browser, scheme: str
) -> None:
    fleet.raise_alarm("pump-05", score=0.95)
    for width in (1400, PHONE_WIDTH):
        context = browser.new_context(
            color_scheme="dark" if scheme == "dark" else "light", viewport={"width": width, "height": 844}
        )
        sign_in(context, served)
        tab = context.new_page()
        for path in ("/cases", "/cases/1", "/cases?closed=true"):
            tab.goto(served.url + path)
            expect(tab.locator("#live")).to_have_attribute("data-state", "live")
            assert tab.evaluate(CONTRAST_SCRIPT) == []
            assert tab.evaluate(NAMELESS_SCRIPT) == []
            assert tab.evaluate("document.documentElement.scrollWidth") <= width, path
            levels = tab.eval_on_selector_all("h1, h2, h3, h4", "all => all.map((h) => Number(h.tagName[1]))")
            assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels)), levels
        context.close()
