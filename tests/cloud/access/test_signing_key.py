"""The key that signs access tokens: one, whoever comes first."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from cloud.access.signing_key import parse_signing_key, read_signing_key
from contract.errors import ConfigError


def test_many_who_start_at_once_read_one_key_that_only_its_owner_may(tmp_path: Path) -> None:
    path = tmp_path / "signing.key"
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: read_signing_key(path), range(32)))
    assert len(keys) == 1 and read_signing_key(path) in keys
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["signing.key"]


@pytest.mark.parametrize("text", ["", "abc", "zz" * 32, "ab" * 31, "ab" * 33])
def test_another_text_is_refused_and_not_shown(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signing.key"
    path.write_text(text)
    with pytest.raises(ConfigError, match="openssl rand -hex 32") as caught:
        read_signing_key(path)
    assert not text or text not in str(caught.value)
    with pytest.raises(ConfigError):
        parse_signing_key(text, "the environment")


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read or made"):
        read_signing_key(tmp_path / "none" / "signing.key")
