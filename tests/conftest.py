"""What a test may need from the machine it runs on, and what happens when the machine does not have it.

Rule: a test that lacks a server or a browser says which and why; with INDUSTRIALGUARD_REQUIRE_ALL=1 (set in
CI) the same lack is a failure, so that nothing is skipped for good without anyone seeing it.
"""

import os
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from hypothesis import settings

from tests.distribution import FilesInOrder, put_in_order
from tools.servers.kafka import Kafka
from tools.servers.mosquitto import HOW, Mosquitto
from tools.servers.odoo import HOW as HOW_PYTHON_36
from tools.servers.odoo import Odoo, find_python
from tools.servers.postgresql import PostgreSql
from tools.servers.process import Server
from tools.servers.programs import PREFIX, LackingError, find_program
from tools.servers.request_tracker import RequestTracker

_Server = TypeVar("_Server", bound=Server)
REQUIRE_ALL = "INDUSTRIALGUARD_REQUIRE_ALL"
DATA_FOLDER = "INDUSTRIALGUARD_DATA"
PROJECT_ROOT = Path(__file__).resolve().parent.parent
SLOW_TIMEOUT_S = 900

# A shell that starts tests in the background has Ctrl-C ignored by them and by all that they start.
signal.signal(signal.SIGINT, signal.default_int_handler)
# How long an example takes depends on what else the machine does; no test asserts a time.
settings.register_profile("industrialguard", deadline=None)
settings.load_profile("industrialguard")

LACKING = "not tested here: "
"""A skip for want of something begins so."""


def require(condition: bool, reason: str) -> None:
    """Skip the running test unless the condition holds; fail it instead where everything is required.

    Args:
        condition: Whether the machine has what the test needs.
        reason: What is missing and how to get it, in one line.
    """
    if condition:
        return
    if os.environ.get(REQUIRE_ALL) == "1":
        pytest.fail(f"{reason} ({REQUIRE_ALL}=1 allows no skips)", pytrace=False)
    pytest.skip(LACKING + reason)


def obtain(make: Callable[[], _Server]) -> _Server:
    """Make a server that is not started yet; skip or fail the running test where this machine has none."""
    try:
        return make()
    except LackingError as error:
        require(False, str(error))
        raise


@pytest.fixture(scope="session")
def mosquitto() -> str:
    """Path of a real Mosquitto broker."""
    found = find_program("mosquitto")
    require(found is not None, f"mosquitto is not installed: {HOW}")
    assert found is not None
    return found


@pytest.fixture
def broker(mosquitto: str, tmp_path: Path) -> Iterator[Mosquitto]:
    """A Mosquitto that can be stopped, killed and started again on the same port."""
    with Mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture(scope="session")
def kafka() -> Iterator[str]:
    """Bootstrap servers of a real Kafka that many tests share: each takes topics of its own."""
    yield from _shared("kafka", Kafka)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of a real PostgreSQL that many tests share: each takes a database of its own."""
    yield from _shared("postgresql", PostgreSql)


@pytest.fixture
def postgresql_database(postgresql: str) -> Iterator[str]:
    """URL of an empty database of the test's own."""
    name = f"test_{secrets.token_hex(6)}"
    with psycopg.connect(postgresql, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        yield f"{postgresql.rpartition('/')[0]}/{name}"
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(scope="session")
def odoo(postgresql: str) -> Iterator[str]:
    """URL of a real Odoo that many tests share: each takes keys of its own.

    Its Python cannot be had everywhere, so that its absence is a skip even where everything else is required.
    """
    if find_python() is None:
        pytest.skip(f"{LACKING}{HOW_PYTHON_36}")
    yield from _shared("odoo", lambda: Odoo(postgresql))


@pytest.fixture(scope="session")
def request_tracker() -> Iterator[str]:
    """URL of a real Request Tracker that many tests share."""
    yield from _shared("request_tracker", RequestTracker)


def _shared(name: str, make: Callable[[], Server]) -> Iterator[str]:
    """The one that `python -m tools.servers` started, else one for this process."""
    url = os.environ.get(f"{PREFIX}{name.upper()}")
    if url is not None:
        yield url
        return
    with obtain(make) as server:
        yield server.url


@pytest.fixture(scope="session")
def chromium() -> str:
    """Path of a real Chromium or Chrome."""
    found = find_program("chromium", "chromium-browser", "google-chrome")
    require(found is not None, "chromium is not installed: apt-get install chromium")
    assert found is not None
    return found


@pytest.fixture(scope="session")
def uv() -> str:
    """Path of uv: the one that `make` found or made, else the one on the PATH."""
    found = os.environ.get("UV") or find_program("uv", str(PROJECT_ROOT / ".uv" / "bin" / "uv"))
    require(found is not None, "uv is not installed: run `make setup`")
    assert found is not None
    return found


@pytest.fixture
def eager() -> Iterator[None]:
    """Networks of remaining life are fitted without a graph; see `tests.models.eager`."""
    from tests.models.eager import eagerly

    with eagerly():
        yield


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """Folder of the recorded data sets; no part of the project, so their absence is always a skip."""
    folder = Path(os.environ.get(DATA_FOLDER, PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}: point {DATA_FOLDER} at a folder of them")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config) -> FilesInOrder | None:
    """Deal files as `tests.distribution` says, where `--dist loadfile` was asked for."""
    return FilesInOrder(config) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give slow tests more time before they count as hung: a busy machine takes several times as long."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S))
    if hasattr(config, "workerinput"):  # in a process of xdist
        put_in_order(items)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List, once each, what this machine lacks for the tests that were skipped, by whichever worker."""
    said = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = {
        each[-1].partition(LACKING)[2] for each in said if isinstance(each, tuple) and LACKING in each[-1]
    }
    for reason in sorted(reasons):
        terminalreporter.write_line(f"{LACKING}{reason}", yellow=True)
