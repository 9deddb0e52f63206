"""Passwords: kept as hashes, and refused alike whether somebody is known or not."""

from __future__ import annotations

import pytest

from cloud.access.passwords import LONGEST, SHORTEST, check_password, hash_password, is_password
from contract.errors import DataError

PASSWORD = "correct horse battery"


def test_only_the_password_that_was_hashed_is_the_right_one() -> None:
    stored = hash_password(PASSWORD)
    assert stored.startswith("$argon2id$") and PASSWORD not in stored
    assert is_password(PASSWORD, stored) and not is_password(PASSWORD + " ", stored)
    assert hash_password(PASSWORD) != stored, "each with a salt of its own"


@pytest.mark.parametrize("stored", ["", "no hash", "$argon2id$v=19$m=1"], ids=["none", "text", "cut"])
def test_what_is_no_hash_is_nobodys_password(stored: str) -> None:
    assert not is_password("", stored) and not is_password(PASSWORD, stored)
    assert not is_password("nobody has this password", stored)


@pytest.mark.parametrize("length", [0, SHORTEST - 1, LONGEST + 1])
def test_length_is_the_only_rule(length: int) -> None:
    with pytest.raises(DataError, match="12 to 128"):
        check_password("x" * length)
    check_password("x" * SHORTEST)
