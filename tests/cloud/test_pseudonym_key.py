"""A key is what its file holds, or is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloud.pseudonym_key import read_key
from contract.errors import ConfigError


def test_white_space_at_its_ends_is_no_part_of_it(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b" 0123456789abcdef\n")
    assert read_key(tmp_path / "key") == b"0123456789abcdef"


@pytest.mark.parametrize("content", [None, b"", b"short", b"x" * 65])
def test_what_is_no_key_is_refused_without_showing_it(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        read_key(path)
    assert "short" not in str(caught.value)
