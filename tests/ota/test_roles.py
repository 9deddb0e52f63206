from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contract.errors import ConfigError
from ota.errors import RepositoryError
from ota.roles import Policy, expiry, is_due, life, read_policy, warning

NOW = datetime(2026, 11, 22, tzinfo=UTC)
ROLES = ("root", "targets", "family-pump", "snapshot", "timestamp")


def test_the_further_from_the_network_the_longer_it_holds() -> None:
    lives = [life(role, Policy()) for role in ROLES]
    assert lives == sorted(lives, reverse=True)
    assert lives[-1] == timedelta(days=7)


@pytest.mark.parametrize("role", ROLES)
def test_people_hear_of_it_before_it_ends_and_after_it_should_have_been_signed(role: str) -> None:
    end = expiry(role, Policy(), NOW)
    assert not is_due(role, end, Policy(), NOW)
    assert is_due(role, end, Policy(), end - warning(role, Policy()))
    assert warning(role, Policy()) < life(role, Policy()) / 2


def test_a_policy_is_read_from_the_repository(tmp_path: Path) -> None:
    assert read_policy(tmp_path) == Policy()
    (tmp_path / "policy.toml").write_text("timestamp_days = 30\n")
    assert life("timestamp", read_policy(tmp_path)) == timedelta(days=30)


@pytest.mark.parametrize(
    "text", ["keep_versions = 0", "deltas_from = 99", "timestamp_days = 365", "keep = 3", "["], ids=range(5)
)
def test_a_policy_that_makes_no_sense_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "policy.toml").write_text(text)
    with pytest.raises(ConfigError):
        read_policy(tmp_path)


def test_a_policy_that_cannot_be_read_is_said_to_be(tmp_path: Path) -> None:
    (tmp_path / "policy.toml").mkdir()
    with pytest.raises(RepositoryError, match="cannot be read"):
        read_policy(tmp_path)
