"""A machine's whole life in a real browser: drawn, zoomed, read as a table, printed."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import RunningPage, Watch
from tests.browser.seeded_fleet import SeededFleet
from tests.browser.seeded_lives import fill_lives

pytestmark = pytest.mark.browser
INK_SCRIPT = """(element) => {
  const canvas = element.querySelector("canvas");
  const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  return pixels.filter((value, index) => index % 4 === 3 && value > 0).length;
}"""


@pytest.fixture
def lives(fleet: SeededFleet) -> SeededFleet:
    fill_lives(fleet)
    return fleet


def test_a_life_and_its_forecasts_are_drawn_and_every_chart_has_its_table(
    lives: SeededFleet, served: RunningPage, page: Page, watch: Watch
) -> None:
    page.goto(f"{served.url}/machines/pump-07")
    life, forecast = page.locator("#life-chart"), page.locator('[data-forecast="bearing"]')
    for chart in (life, forecast):
        twin = chart.locator("xpath=following-sibling::details[1]")
        twin.locator("summary").click()
        expect(twin.locator("tbody tr").nth(40)).to_be_attached()
        assert chart.evaluate(INK_SCRIPT) > 2000
    charts = page.locator(".uplot").count()
    assert charts == page.locator(".chart + .twin-of").count() > 5
    page.click("#life-events summary")
    expect(page.locator("#life-events tr", has_text="Failure")).to_be_visible()
    assert watch.complaints == []


def test_a_life_is_zoomed_by_dragging_and_shown_whole_again_by_two_clicks(
    lives: SeededFleet, served: RunningPage, page: Page
) -> None:
    page.goto(f"{served.url}/machines/pump-07")
    over = page.locator("#life-chart .u-over")
    page.click("#life-chart + .twin-of summary")
    expect(page.locator("#life-chart + .twin-of tbody tr").nth(40)).to_be_attached()
    whole = page.locator("#life-chart").evaluate(INK_SCRIPT)
    over.scroll_into_view_if_needed()
    box = over.bounding_box()
    assert box is not None
    y = box["y"] + box["height"] / 2
    page.mouse.move(box["x"] + box["width"] * 0.4, y)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.5, y, steps=5)
    page.mouse.up()
    page.wait_for_function(f"({INK_SCRIPT})(document.getElementById('life-chart')) !== {whole}")
    over.dblclick()
    page.wait_for_function(f"Math.abs(({INK_SCRIPT})(document.getElementById('life-chart')) - {whole}) < 200")


def test_on_paper_charts_fit_and_what_can_only_be_clicked_is_gone(
    lives: SeededFleet, served: RunningPage, page: Page
) -> None:
    page.goto(f"{served.url}/machines/pump-07")
    expect(page.locator("#life-chart canvas")).to_be_visible()
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.emulate_media(media="print")
    for gone in ("#menu", ".live", ".ranges"):
        expect(page.locator(gone)).to_be_hidden()
    widths = page.eval_on_selector_all(".uplot", "all => all.map((each) => each.clientWidth)")
    assert widths and max(widths) <= 660
    page.emulate_media(media="screen")
    page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert page.locator("#life-chart .uplot").evaluate("each => each.clientWidth") > 660
