"""A test that lacks something is skipped by name, and fails where nothing may be skipped."""

from types import SimpleNamespace
from typing import cast

import pytest

from tests import conftest
from tools.servers.programs import find_program


@pytest.mark.parametrize("setting", [None, "0", "1"])
def test_what_is_there_is_fine(setting: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    require_all(setting, monkeypatch)
    conftest.require(True, "no broker")


@pytest.mark.parametrize("setting", [None, "", "0"])
def test_a_lack_is_a_skip(setting: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    require_all(setting, monkeypatch)
    with pytest.raises(pytest.skip.Exception, match="not tested here: no broker"):
        conftest.require(False, "no broker")


def test_what_is_lacking_is_listed_once_whoever_lacked_it() -> None:
    broker = ("a.py", 36, "Skipped: not tested here: no broker")
    browser = ("b.py", 1, "Skipped: not tested here: no browser")
    skipped = [broker, browser, broker, ("a.py", 1, "Skipped: not for this system"), "expected to fail"]
    lines: list[str] = []
    reporter = SimpleNamespace(
        stats={"skipped": [SimpleNamespace(longrepr=each) for each in skipped]},
        write_line=lambda line, **_: lines.append(line),
    )
    conftest.pytest_terminal_summary(cast(pytest.TerminalReporter, reporter))
    assert lines == ["not tested here: no broker", "not tested here: no browser"]


def test_a_lack_is_a_failure_where_everything_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    require_all("1", monkeypatch)
    with pytest.raises(
        pytest.fail.Exception, match=r"no broker \(INDUSTRIALGUARD_REQUIRE_ALL=1 allows no skips\)"
    ):
        conftest.require(False, "no broker")


def test_programs_are_found_by_the_first_name_that_exists() -> None:
    assert find_program("no-such-program-here", "sh") == find_program("sh")
    assert find_program("no-such-program-here") is None


def require_all(setting: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set INDUSTRIALGUARD_REQUIRE_ALL, or take it away."""
    if setting is None:
        monkeypatch.delenv(conftest.REQUIRE_ALL, raising=False)
    else:
        monkeypatch.setenv(conftest.REQUIRE_ALL, setting)
