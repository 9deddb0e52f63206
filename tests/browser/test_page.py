"""What a person sees in a real browser."""

from __future__ import annotations

import re
from itertools import pairwise
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from cloud.health import Health
from cloud.store.database import Database
from contract.profiles import load_profile
from tests.browser.conftest import RunningPage, Watch
from tests.browser.seeded_fleet import FLEET, SeededFleet

pytestmark = pytest.mark.browser

PHONE_WIDTH = 390
# WCAG 2.2, criterion 1.4.3: contrast of every text against what is painted behind it.
CONTRAST_SCRIPT = """() => {
  const parse = (c) => { const m = c.match(/[\\d.]+/g).map(Number); return m.length === 4 ? m : [...m, 1]; };
  const channel = (v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
  const luminance = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b);
  const behind = (e) => { for (; e; e = e.parentElement) {
    const c = parse(getComputedStyle(e).backgroundColor); if (c[3] > 0) return c; }
    return [255, 255, 255, 1]; };
  const poor = [];
  for (const e of document.querySelectorAll("main *, header *, footer *")) {
    const hasText = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    if (!hasText || e.closest("svg, [hidden], .u-wrap, .visually-hidden") || !e.checkVisibility()) continue;
    const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    const text = e.textContent.trim().slice(0, 30);
    if (ratio < 4.5) poor.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${text}`);
  }
  return poor;
}"""
NAMELESS_SCRIPT = """() => [...document.querySelectorAll(
    "a, button, input:not([type=hidden]), select, textarea, [role=img]")]
  .filter((e) => !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length))
  .map((e) => e.outerHTML.slice(0, 120))"""


def test_an_alert_that_arrives_is_seen_without_a_reload(
    fleet: SeededFleet, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(served.url)
    page.evaluate("window.stayed = true")
    expect(page.locator("[data-alert-id]")).to_have_count(2)
    expect(page).to_have_title("(1) Fleet · IndustrialGuard")

    fleet.raise_alarm("pump-03")

    expect(page.locator("#row-pump-03 [data-alert-id]")).to_be_visible()
    expect(page).to_have_title("(2) Fleet · IndustrialGuard")
    expect(page.locator("#announcer")).to_contain_text("pump-03: Unlike itself")
    expect(page.locator("#row-pump-03 .state")).to_have_text("Alarm")
    assert page.evaluate("window.stayed") is True
    assert watch.complaints == []
    assert watch.hosts == {urlsplit(served.url).netloc}


def test_every_page_is_quiet_and_stays_on_its_server(
    fleet: SeededFleet, served: RunningPage, page: Page, watch: Watch
) -> None:
    for path in ("/", "/machines/pump-07", "/machines/pump-14", "/alerts", "/?health=ok", "/?q=engine"):
        page.goto(served.url + path)
        expect(page.locator("#live")).to_have_attribute("data-state", "live")
        page.wait_for_function("performance.getEntriesByType('resource').length > 5")
    assert watch.complaints == []
    assert watch.hosts == {urlsplit(served.url).netloc}


def test_offline_and_unknown_machines_never_look_normal(
    fleet: SeededFleet, served: RunningPage, page: Page
) -> None:
    page.goto(served.url)
    expect(page.locator("#card-offline b")).to_have_text("1")
    expect(page.locator("#row-pump-13 .state")).to_have_attribute("data-health", "offline")
    expect(page.locator("#row-pump-14 .state")).to_have_attribute("data-health", "unknown")
    expect(page.locator("#row-pump-15 .state")).to_have_text("Never steady")
    shapes = page.eval_on_selector_all(
        ".cards path:first-of-type", "paths => paths.map((p) => p.getAttribute('d'))"
    )
    assert len(set(shapes)) == len(Health), "each state has a shape of its own"


def test_the_keyboard_reaches_the_first_alert(fleet: SeededFleet, served: RunningPage, page: Page) -> None:
    page.goto(served.url)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.closest('[data-alert-id]') !== null"):
            break
    assert page.evaluate("document.activeElement.getAttribute('href')") == "/cases/1"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_what_a_person_does_survives_an_update(fleet: SeededFleet, served: RunningPage, page: Page) -> None:
    page.set_viewport_size({"width": 1000, "height": 500})
    page.goto(served.url)
    page.locator("#row-pump-09 a").focus()
    page.evaluate("window.scrollTo(0, 300)")
    before = page.evaluate("[document.activeElement.href, scrollY]")

    fleet.summarise("pump-01", 0.44)

    expect(page.locator("#row-pump-01 .score")).not_to_have_text("0.06")
    assert page.evaluate("[document.activeElement.href, scrollY]") == before


def test_an_alert_leads_to_its_case(
    fleet: SeededFleet, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(served.url)
    page.locator("#row-pump-07 [data-alert-id]").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("pump-07")
    assert watch.complaints == []


def test_a_machine_s_page_draws_its_curves_and_keeps_them_live(
    fleet: SeededFleet, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(f"{served.url}/machines/pump-01")
    expect(page.locator("#score-chart canvas")).to_be_visible()
    expect(page.locator('output[data-value="vib_h_velocity_rms"]')).to_contain_text("mm/s")
    expect(page.locator('output[data-value="temperature_level"]')).to_contain_text("°C")
    page.click("#score-twin summary")
    rows = page.locator("#score-twin tbody tr")
    expect(rows.nth(100)).to_be_attached()
    before = rows.count()
    bands = page.locator('.chart[data-feature="vib_h_band7"]')
    expect(bands).to_be_hidden()
    page.click("text=15 more of this sensor >> nth=0")
    expect(bands.locator("canvas")).to_be_visible()

    fleet.summarise("pump-01", 0.44)

    expect(rows).to_have_count(before + 1)
    expect(bands).to_be_visible()
    assert watch.complaints == []


def test_an_alert_s_evidence_is_in_a_technician_s_words(
    fleet: SeededFleet, served: RunningPage, page: Page
) -> None:
    page.goto(f"{served.url}/machines/pump-07")
    evidence = page.locator(".evidence")
    expect(evidence).to_contain_text("Looks like bearing damage at the outer race")
    expect(evidence).to_contain_text("Vibration, horizontal: vibration, 1600–3200 Hz")
    expect(evidence.locator("svg.spectrum")).to_be_visible()
    expect(evidence).to_contain_text("outer race 8")
    expect(page.locator(".sensor").first).to_contain_text("impacts, bearing outer race")
    expect(page.locator("#score-chart")).to_have_attribute(
        "aria-label", re.compile(f"alarm threshold {load_profile('pump').alarm_rule.threshold:.2f}")
    )


def test_a_lost_connection_is_said_and_a_new_one_heals(
    fleet: SeededFleet, served: RunningPage, page: Page
) -> None:
    page.goto(served.url)
    expect(page.locator("#banner")).to_be_hidden()
    page.context.set_offline(True)
    page.evaluate("document.dispatchEvent(new CustomEvent('htmx:sendError'))")
    expect(page.locator("#banner")).to_be_visible()
    page.context.set_offline(False)
    expect(page.locator("#banner")).to_be_hidden()


def test_an_empty_fleet_says_what_to_do_and_fills_itself(
    served: RunningPage, page: Page, database: Database
) -> None:
    page.goto(served.url)
    expect(page.get_by_role("heading", name="No machine has reported yet")).to_be_visible()
    expect(page.locator("main")).to_contain_text("make demo")
    SeededFleet(database).fill()
    expect(page.locator("tbody tr")).to_have_count(len(FLEET))


@pytest.mark.parametrize("path", ["/", "/machines/pump-07", "/alerts"])
def test_a_phone_never_scrolls_sideways(
    fleet: SeededFleet, served: RunningPage, browser: Browser, path: str
) -> None:
    context = browser.new_context(viewport={"width": PHONE_WIDTH, "height": 844})
    tab = context.new_page()
    tab.goto(served.url + path)
    tab.wait_for_timeout(300)
    assert tab.evaluate("document.documentElement.scrollWidth") <= PHONE_WIDTH
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_has_contrast_and_controls_have_names(
    fleet: SeededFleet, served: RunningPage, browser: Browser, scheme: str
) -> None:
    context = browser.new_context(color_scheme="dark" if scheme == "dark" else "light")
    tab = context.new_page()
    for path in ("/", "/machines/pump-07", "/alerts"):
        tab.goto(served.url + path)
        assert tab.evaluate(CONTRAST_SCRIPT) == []
        assert tab.evaluate(NAMELESS_SCRIPT) == []
        levels = tab.eval_on_selector_all("h1, h2, h3, h4", "all => all.map((h) => Number(h.tagName[1]))")
        assert levels[0] == 1 and all(b - a <= 1 for a, b in pairwise(levels)), levels
    context.close()
