"""What a test may need from the machine it runs on, and what happens when the machine does not have it.

Rule: a test that lacks a server or a browser says which and why; with INDUSTRIALGUARD_REQUIRE_ALL=1 (set in
CI) the same lack is a failure, so that nothing is skipped for good without anyone seeing it.
"""

import os
import shutil
from pathlib import Path

import pytest

REQUIRE_ALL = "INDUSTRIALGUARD_REQUIRE_ALL"
DATA_FOLDER = "INDUSTRIALGUARD_DATA"
PROJECT_ROOT = Path(__file__).resolve().parent.parent
# Debian keeps servers in sbin, which is not on everybody's PATH; Homebrew has two homes.
SERVER_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/sbin", "/opt/homebrew/bin")

SLOW_TIMEOUT_S = 900

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


def find_program(*names: str) -> str | None:
    """Return the path of the first of these programs that is installed."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), *SERVER_FOLDERS))
    return next((found for name in names if (found := shutil.which(name, path=path))), None)


@pytest.fixture(scope="session")
def mosquitto() -> str:
    """Path of a real Mosquitto broker."""
    found = find_program("mosquitto")
    require(
        found is not None, "mosquitto is not installed: apt-get install mosquitto, or brew install mosquitto"
    )
    assert found is not None
    return found


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


@pytest.fixture(scope="session")
def recorded_data() -> Path:
    """Folder of the recorded data sets; no part of the project, so their absence is always a skip."""
    folder = Path(os.environ.get(DATA_FOLDER, PROJECT_ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no recorded data at {folder}: point {DATA_FOLDER} at a folder of them")
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give slow tests more time before they count as hung: a busy machine takes several times as long."""
    for item in items:
        if item.get_closest_marker("slow") and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(SLOW_TIMEOUT_S))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List, once each, what this machine lacks for the tests that were skipped, by whichever worker."""
    said = [report.longrepr for report in terminalreporter.stats.get("skipped", [])]
    reasons = {
        each[-1].partition(LACKING)[2] for each in said if isinstance(each, tuple) and LACKING in each[-1]
    }
    for reason in sorted(reasons):
        terminalreporter.write_line(f"{LACKING}{reason}", yellow=True)
