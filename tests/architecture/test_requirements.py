"""A test that lacks something is skipped by name, and fails where nothing may be skipped."""

import pytest

from tests import conftest


@pytest.fixture
def lacking(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A fresh list of what was missing, so that these tests leave no trace in the summary."""
    fresh: list[str] = []
    monkeypatch.setattr(conftest, "_lacking", fresh)
    return fresh


@pytest.mark.parametrize("setting", [None, "0", "1"])
def test_what_is_there_is_fine(
    setting: str | None, lacking: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_all(setting, monkeypatch)
    conftest.require(True, "no broker")
    assert lacking == []


@pytest.mark.parametrize("setting", [None, "", "0"])
def test_a_lack_is_a_skip_listed_once(
    setting: str | None, lacking: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_all(setting, monkeypatch)
    for _ in range(2):
        with pytest.raises(pytest.skip.Exception, match="no broker"):
            conftest.require(False, "no broker")
    assert lacking == ["no broker"]


def test_a_lack_is_a_failure_where_everything_is_required(
    lacking: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    require_all("1", monkeypatch)
    with pytest.raises(
        pytest.fail.Exception, match=r"no broker \(INDUSTRIALGUARD_REQUIRE_ALL=1 allows no skips\)"
    ):
        conftest.require(False, "no broker")
    assert lacking == []


def test_programs_are_found_by_the_first_name_that_exists() -> None:
    assert conftest.find_program("no-such-program-here", "sh") == conftest.find_program("sh")
    assert conftest.find_program("no-such-program-here") is None


def require_all(setting: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set INDUSTRIALGUARD_REQUIRE_ALL, or take it away."""
    if setting is None:
        monkeypatch.delenv(conftest.REQUIRE_ALL, raising=False)
    else:
        monkeypatch.setenv(conftest.REQUIRE_ALL, setting)
