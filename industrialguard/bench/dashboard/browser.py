"""What a person waits for, in a real Chromium.

Rule: each look is a new visitor's, with nothing cached; a change is timed from its commit until it can be
read on the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from contract.errors import ConfigError

ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
WIDTH, HEIGHT = 1280, 900
_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


@dataclass(frozen=True, slots=True)
class Chromium:
    """A browser that runs."""

    tool: Any
    headers: Mapping[str, str]
    """Of every request: who asks."""

    @contextmanager
    def visit(self, address: str) -> Iterator[Any]:
        """A tab of a visitor who has never been there."""
        # Waiting for a condition is a script that the pages' own policy would refuse.
        context = self.tool.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            extra_http_headers=dict(self.headers),
            bypass_csp=True,
        )
        try:
            tab = context.new_page()
            tab.goto(address)
            yield tab
        finally:
            context.close()

    def first_content_ms(self, address: str) -> float:
        """Until something can be read, in ms."""
        with self.visit(address) as tab:
            tab.wait_for_function(_PAINT)
            return float(tab.evaluate(_PAINT))

    def live_change_ms(self, address: str, changes: list[Callable[[], None]]) -> list[float]:
        """From each change's commit until the page shows it, in ms."""
        times = []
        with self.visit(address) as tab:
            tab.wait_for_function("document.getElementById('live').dataset.state === 'live'")
            for change in changes:
                before = tab.title()
                change()
                start = time.perf_counter()
                tab.wait_for_function("before => document.title !== before", arg=before)
                times.append(1000 * (time.perf_counter() - start))
        return times


@contextmanager
def run_chromium(path: str, headers: Mapping[str, str]) -> Iterator[Chromium]:
    """A Chromium for as long as it is needed.

    Args:
        path: The program.
        headers: Of every request: who asks.

    Raises:
        ConfigError: playwright is missing.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError as error:
        raise ConfigError("a browser needs more: pip install playwright") from error
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        try:
            yield Chromium(started, headers)
        finally:
            started.close()
