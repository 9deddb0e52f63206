"""The rollout pages in a real browser: live, by keyboard, on a phone, with contrast and names."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud.store.database import Database
from contract.updates import UpdateState
from tests.browser.conftest import RunningPage, Watch, sign_in
from tests.browser.test_page import CONTRAST_SCRIPT, NAMELESS_SCRIPT, PHONE_WIDTH
from tests.cloud.release_samples import Plant

pytestmark = pytest.mark.browser


@pytest.fixture
def plant(database: Database) -> Plant:
    plant = Plant(database, 20)
    plant.now = datetime.now(UTC)
    return plant


def run_canary(plant: Plant) -> str:
    """A rollout whose canary is at it."""
    rollout_id = plant.begin()
    plant.go(seconds=1)
    first, second, third, *rest = plant.assigned()
    plant.say([first], UpdateState.CONFIRMED)
    plant.say([second], UpdateState.PROBATION)
    plant.say([third], UpdateState.SHADOW)
    plant.go(seconds=1)
    assert rest
    return rollout_id


def fail_one(plant: Plant) -> None:
    plant.say(
        plant.assigned()[-1:], UpdateState.REFUSED, reason_code="slow", reason="41 ms a window, 20 at most"
    )
    plant.go(seconds=1)


def test_a_halt_is_seen_without_a_reload(plant: Plant, served: RunningPage, page: Page, watch: Watch) -> None:
    rollout_id = run_canary(plant)
    page.goto(f"{served.url}/rollouts")
    expect(page.locator(".stands")).to_have_text("Running")
    page.click("text=pump 7-aaaaaaaaaaaa")
    expect(page.locator(".why")).to_contain_text("1 of 5 confirmed, 5 must be; 4 under way")
    page.evaluate("window.stayed = true")
    fail_one(plant)
    expect(page.locator(".stands")).to_have_text("Halted")
    expect(page.locator("tbody tr").first).to_contain_text("41 ms a window")
    assert page.evaluate("window.stayed") is True and rollout_id in page.url
    assert watch.complaints == []
    assert watch.hosts == {urlsplit(served.url).netloc}


def test_buttons_are_reached_by_keyboard_and_leave_a_name(
    plant: Plant, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(f"{served.url}/rollouts/{run_canary(plant)}")
    page.locator("#do-pause").focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator(".stands")).to_have_text("Paused")
    expect(page.locator(".audit li").first).to_contain_text("Jo Brandt")
    page.once("dialog", lambda dialog: dialog.dismiss())
    page.click("#do-abort")
    expect(page.locator(".stands")).to_have_text("Paused")
    page.once("dialog", lambda dialog: dialog.accept())
    page.click("#do-abort")
    expect(page.locator(".stands")).to_have_text("Aborted")
    assert watch.complaints == []


def test_a_phone_never_scrolls_sideways(plant: Plant, served: RunningPage, browser: Browser) -> None:
    rollout_id = run_canary(plant)
    fail_one(plant)
    context = browser.new_context(viewport={"width": PHONE_WIDTH, "height": 844})
    sign_in(context, served)
    tab = context.new_page()
    for path in ("/rollouts", f"/rollouts/{rollout_id}"):
        tab.goto(served.url + path)
        expect(tab.locator("#live")).to_have_attribute("data-state", "live")
        assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH, path
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_controls_have_names(
    plant: Plant, served: RunningPage, browser: Browser, scheme: str
) -> None:
    rollout_id = run_canary(plant)
    plant.devices = plant.devices[:10]
    plant.go(seconds=1000)
    fail_one(plant)
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    sign_in(context, served)
    tab = context.new_page()
    for path in ("/rollouts", f"/rollouts/{rollout_id}"):
        tab.goto(served.url + path)
        assert tab.evaluate(CONTRAST_SCRIPT) == []
        assert tab.evaluate(NAMELESS_SCRIPT) == []
        levels = tab.eval_on_selector_all("h1, h2, h3, h4", "all => all.map((h) => Number(h.tagName[1]))")
        assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels)), levels
    context.close()
