"""A real server over a seeded store, and a real Chromium that may talk to nothing else."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, sync_playwright

from cloud.api.access import COOKIE
from cloud.api.app import create_app
from cloud.api.server import ApiServer
from cloud.api.settings import ApiSettings
from cloud.people import Role
from cloud.settings import sqlite_url
from cloud.store.database import Database, open_database
from tests.browser.seeded_fleet import SeededFleet
from tests.cloud.signed_in import ME, by

CHROMIUM_ARGUMENTS = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SETTINGS = ApiSettings(port=0, poll_s=0.1, heartbeat_s=1.0)


class RunningPage:
    """A server in a thread."""

    def __init__(self, database: Database) -> None:
        self.app = create_app(SETTINGS, database)
        self._server = ApiServer(self.app, SETTINGS, takes_signals=False)
        self._thread = threading.Thread(target=self._server.run)

    def start(self) -> None:
        """Serve; returns when the port is open."""
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.bound_port:
            assert time.monotonic() < deadline and self._thread.is_alive(), "the server did not start"
            time.sleep(0.02)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.bound_port}"

    def stop(self) -> None:
        """Stop and wait."""
        self._server.stop()
        self._thread.join(20)
        assert not self._thread.is_alive(), "the server did not stop"


@dataclass
class Watch:
    """What a page said and whom it asked."""

    complaints: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def on_console(self, message: ConsoleMessage) -> None:
        """Errors and warnings, a refused inline style among them."""
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def on_request(self, request: Request) -> None:
        """Whoever is asked for anything."""
        self.hosts.add(urlsplit(request.url).netloc)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """An empty store."""
    opened = open_database(sqlite_url(tmp_path / "store.db"))
    yield opened
    opened.close()


@pytest.fixture
def fleet(database: Database) -> SeededFleet:
    """A fleet in every state."""
    seeded = SeededFleet(database)
    seeded.fill()
    return seeded


@pytest.fixture
def served(database: Database) -> Iterator[RunningPage]:
    """The page, served."""
    running = RunningPage(database)
    running.start()
    yield running
    running.stop()


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    """Chromium, closed after each module: Playwright keeps an event loop running in this thread meanwhile."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=CHROMIUM_ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def watch() -> Watch:
    """Empty at first."""
    return Watch()


def sign_in(context: BrowserContext, served: RunningPage, name: str = ME, role: Role = Role.ADMIN) -> None:
    """Have a browser's windows be somebody's."""
    by(served.app, name, role)  # adds them
    person = served.app.state.people.find(name)
    secret = served.app.state.access.begin_session(person.id, "a test")
    context.add_cookies([{"name": COOKIE, "value": secret, "url": served.url}])


@pytest.fixture
def page(browser: Browser, served: RunningPage, watch: Watch) -> Iterator[Page]:
    """A desktop tab that is watched, of somebody who is signed in."""
    context = browser.new_context(viewport={"width": 1400, "height": 1000}, locale="en-GB")
    sign_in(context, served)
    tab = context.new_page()
    tab.set_default_timeout(20_000)
    tab.on("console", watch.on_console)
    tab.on("pageerror", lambda error: watch.complaints.append(str(error)))
    tab.on("request", watch.on_request)
    yield tab
    context.close()
