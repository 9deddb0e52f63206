"""The plant in a real browser: a list is taken over, a device mapped, a stop planned."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud.api.deps import utc_now
from cloud.assets import Asset, Place
from cloud.outcomes import MadeForecast
from cloud.store.assets import save_assets
from cloud.store.database import Database
from cloud.store.forecasts import store_forecasts
from contract.forecast import Forecast
from tests.browser.conftest import RunningPage, Watch
from tests.browser.seeded_fleet import SeededFleet
from tests.browser.test_page import CONTRAST_SCRIPT, NAMELESS_SCRIPT, PHONE_WIDTH

pytestmark = pytest.mark.browser
PATHS = ("/", "/?site=north", "/planning", "/assets", "/assets/import")


@pytest.fixture
def plant(fleet: SeededFleet, database: Database) -> Database:
    """Two lines, one of them half watched, and a forecast."""
    place = Place("north", "packing", "L1")
    assets = [Asset(f"P-{n}", place, f"Feed pump {n}", device_id=f"pump-0{n}") for n in (1, 7)]
    made = MadeForecast("pump-01", "seal", utc_now(), "1-a", "pump", "h", Forecast(300, 240, 300, 600, 999))
    with database.transaction() as session:
        save_assets(session, [*assets, Asset("P-9", place)])
        store_forecasts(session, [made], utc_now())
    return database


def test_a_list_is_looked_at_and_taken_over(
    plant: Database, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(served.url)
    page.locator("#kpi-unwatched").click()
    expect(page.locator("main")).to_contain_text("P-9")
    page.goto(f"{served.url}/assets/import")
    page.fill("#list", "tag,site,device\nP-9,south,pump-09\n")
    page.get_by_role("button", name="Show what would change").click()
    expect(page.get_by_role("status").last).to_have_text("0 would be added, 1 would be changed, 0 as before")
    page.get_by_role("button", name="Take it over").click()
    expect(page.get_by_role("heading", name="Machines by place")).to_be_visible()
    expect(page.locator("main")).to_contain_text("pump-09")
    assert watch.complaints == []
    assert watch.hosts == {urlsplit(served.url).netloc}


def test_a_device_is_mapped_and_stands_on_its_line(
    plant: Database, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(f"{served.url}/assets")
    page.get_by_label("Tag of the machine that pump-02 watches").fill("P-9")
    page.get_by_role("button", name="Map pump-02").click()
    expect(page.get_by_role("button", name="Take pump-02 away from P-9")).to_be_visible()
    page.goto(f"{served.url}/?site=north")
    expect(page.locator(".tile")).to_have_count(3)
    expect(page.locator("#row-pump-02 .name a")).to_have_text("P-9")
    assert watch.complaints == []


def test_a_stop_is_planned_and_catches_the_machine(
    plant: Database, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(f"{served.url}/planning")
    expect(page.locator("#plan-pump-01")).to_have_attribute("data-level", "none")
    page.get_by_text("Plan a stop").click()
    start = utc_now() + timedelta(days=3)
    page.get_by_label("Site", exact=True).last.fill("north")
    page.get_by_label("From, UTC").fill(f"{start:%Y-%m-%dT%H:%M}")
    page.get_by_label("Until, UTC").fill(f"{start + timedelta(hours=6):%Y-%m-%dT%H:%M}")
    page.get_by_role("button", name="Plan it").click()
    expect(page.locator("#plan-pump-01")).to_have_attribute("data-level", "stop")
    page.get_by_role("button", name="Call off the stop of north").click()
    expect(page.locator("#plan-pump-01")).to_have_attribute("data-level", "none")
    assert watch.complaints == []


def test_a_phone_never_scrolls_sideways(plant: Database, served: RunningPage, browser: Browser) -> None:
    context = browser.new_context(viewport={"width": PHONE_WIDTH, "height": 844})
    tab = context.new_page()
    for path in PATHS:
        tab.goto(served.url + path)
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH, path
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_controls_have_names(
    plant: Database, served: RunningPage, browser: Browser, scheme: str
) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    tab = context.new_page()
    for path in PATHS:
        tab.goto(served.url + path)
        assert tab.evaluate(CONTRAST_SCRIPT) == [], path
        assert tab.evaluate(NAMELESS_SCRIPT) == [], path
        levels = tab.eval_on_selector_all("h1, h2, h3, h4", "all => all.map((h) => Number(h.tagName[1]))")
        assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels)), (path, levels)
    context.close()
