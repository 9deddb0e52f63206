"""What holds for every page in every state: accessible, quiet, on its own server, one live connection.

A new page needs one line here: its address in `PAGES`, or in `LACKING` where it has no such thing to show.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from cloud.settings import sqlite_url
from cloud.store.database import open_database
from tests.browser.conftest import RunningPage, Watch, sign_in
from tests.browser.seeded_fleet import SeededFleet
from tests.browser.seeded_lives import fill_lives

pytestmark = pytest.mark.browser

PAGES = (
    "/",
    "/?health=ok",
    "/?q=nobody",
    "/machines/pump-07",
    "/machines/pump-14",
    "/cases",
    "/cases/1",
    "/cases?closed=true",
    "/orders",
    "/orders/1",
    "/alerts",
    "/planning",
    "/assets",
    "/assets/import",
    "/rollouts",
    "/kpis",
    "/data",
    "/models",
    "/value",
    "/people",
    "/audit",
    "/account",
)
"""With machines in every state."""
EMPTY = (
    *("/", "/cases", "/orders", "/alerts", "/planning", "/assets", "/rollouts", "/kpis", "/data", "/models"),
    *("/value", "/people", "/audit"),
)
"""Before anything was heard."""
LACKING = ("/machines/nobody", "/cases/999", "/rollouts/nobody", "/orders/999", "/nowhere")
"""Refused."""
WIDTHS = (1280, 390)
# What folds is looked at unfolded; of the tables of charts, which are all alike, the first.
OPEN_SCRIPT = """() => document.querySelectorAll("main details").forEach((each) => {
  each.open = !each.matches(".twin-of") || each === document.querySelector(".twin-of");
})"""
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}


@pytest.fixture(params=["light", "dark"])
def tab(request: pytest.FixtureRequest, browser: Browser, watch: Watch) -> Iterator[Page]:
    context = browser.new_context(color_scheme=request.param, locale="en-GB")
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    opened.on("console", watch.on_console)
    opened.on("pageerror", lambda error: watch.complaints.append(str(error)))
    opened.on("request", watch.on_request)
    yield opened
    context.close()


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPage]:
    """Served: machines in every state, with lives behind them."""
    yield from _serve(tmp_path_factory.mktemp("full"), is_full=True)


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningPage]:
    """Served: nothing at all."""
    yield from _serve(tmp_path_factory.mktemp("bare"), is_full=False)


def _serve(folder: Path, is_full: bool) -> Iterator[RunningPage]:
    database = open_database(sqlite_url(folder / "store.db"))
    if is_full:
        fleet = SeededFleet(database)
        fleet.fill()
        fill_lives(fleet)
        fleet.raise_alarm("pump-05")
    running = RunningPage(database)
    running.start()
    yield running
    running.stop()
    database.close()


def look_at(tab: Page, running: RunningPage, path: str) -> list[str]:
    """What is wrong with a page, at every width, for somebody who is signed in."""
    sign_in(tab.context, running)
    found = []
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": 900})
        tab.goto(running.url + path)
        assert urlsplit(tab.url).path == urlsplit(path).path, tab.url
        if tab.locator("#live").count():
            expect(tab.locator("#live")).to_have_attribute("data-state", "live", timeout=20_000)
        tab.evaluate(OPEN_SCRIPT)
        found += [f"at {width} px: {each}" for each in (*_violations(tab), *_outline(tab, width))]
    return found


def _violations(tab: Page) -> Iterator[str]:
    for violation in Axe().run(tab, options=RULES).response["violations"]:
        for node in violation["nodes"]:
            yield f"{violation['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"


def _outline(tab: Page, width: int) -> Iterator[str]:
    levels = tab.eval_on_selector_all("h1, h2, h3, h4", "all => all.map((h) => Number(h.tagName[1]))")
    if levels.count(1) != 1 or levels[0] != 1 or any(b - a > 1 for a, b in pairwise(levels)):
        yield f"its headings are {levels}"
    if tab.evaluate("document.documentElement.scrollWidth") > width:
        yield "it scrolls sideways"


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_accessible_and_quiet(full: RunningPage, tab: Page, watch: Watch, path: str) -> None:
    assert look_at(tab, full, path) == []
    assert watch.complaints == []
    assert watch.hosts == {urlsplit(full.url).netloc}


@pytest.mark.parametrize("path", EMPTY)
def test_so_it_is_before_anything_was_heard(bare: RunningPage, tab: Page, watch: Watch, path: str) -> None:
    assert look_at(tab, bare, path) == []
    assert watch.complaints == []
    assert watch.hosts == {urlsplit(bare.url).netloc}


@pytest.mark.parametrize("path", LACKING)
def test_so_is_every_refusal(bare: RunningPage, tab: Page, watch: Watch, path: str) -> None:
    assert look_at(tab, bare, path) == []
    assert all("404" in each for each in watch.complaints)
    assert watch.hosts == {urlsplit(bare.url).netloc}


def test_so_is_the_door(bare: RunningPage, tab: Page, watch: Watch) -> None:
    for width in WIDTHS:
        tab.set_viewport_size({"width": width, "height": 900})
        tab.goto(f"{bare.url}/cases")
        expect(tab.locator("h1")).to_have_text("Sign in")
        assert [*_violations(tab), *_outline(tab, width)] == []
    assert watch.complaints == []


@pytest.mark.parametrize("path", EMPTY)
def test_a_page_has_one_live_connection(bare: RunningPage, page: Page, path: str) -> None:
    asked: list[str] = []
    sign_in(page.context, bare)
    page.on("request", lambda request: asked.append(urlsplit(request.url).path))
    page.goto(bare.url + path)
    expect(page.locator("#live")).to_have_attribute("data-state", "live", timeout=20_000)
    assert asked.count("/api/v1/events") == 1


def test_the_menu_opens_by_keyboard_on_a_phone_and_closes_with_escape(bare: RunningPage, page: Page) -> None:
    sign_in(page.context, bare)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(bare.url)
    expect(page.locator("#menu")).to_be_hidden()
    page.locator(".menu-button").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#menu a", has_text="Fleet")).to_be_visible()
    expect(page.locator("#menu [aria-current=page]")).to_have_text("Fleet")
    page.keyboard.press("Escape")
    expect(page.locator("#menu")).to_be_hidden()
    page.locator(".menu-button").click()
    page.click("#menu >> text=Cases")
    expect(page.locator("h1")).to_have_text("Cases")


def test_the_first_tab_stop_skips_to_the_content(bare: RunningPage, page: Page) -> None:
    sign_in(page.context, bare)
    page.goto(bare.url)
    page.keyboard.press("Tab")
    expect(page.locator(".skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
